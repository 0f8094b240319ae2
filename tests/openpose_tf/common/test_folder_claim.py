"""A folder keeps the settings that made it and refuses others, with one message that names each with both values."""

import json

import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.folder_claim import MAX_TEXT, FolderClaim, require_same

CLAIM = FolderClaim("made.json", "the settings of a thing", "give them again", older={"rule": "old", "in": {"a": 1}})


def test_a_new_folder_is_claimed_and_the_same_settings_resume(tmp_path):
    settings = {"size": 320, "factors": (0.7, 1.0), "name": None, "in": {"a": 1, "b": True}}
    assert CLAIM.check(tmp_path / "absent", settings) is None
    CLAIM.claim(tmp_path, settings)
    content = (tmp_path / "made.json").read_bytes()
    CLAIM.claim(tmp_path, settings)  # a tuple is JSON's list
    assert CLAIM.check(tmp_path, settings) == json.loads(content)
    assert (tmp_path / "made.json").read_bytes() == content


def test_all_differences_are_named_with_both_values(tmp_path):
    CLAIM.claim(tmp_path, {"size": 320, "in": {"a": 1}, "kept": 1})
    message = r"was made with other settings \(size: 320, now 640; in\.b: none, now x; in\.a: 1, now none\): give them"
    with pytest.raises(UserError, match=message):
        CLAIM.check(tmp_path, {"size": 640, "in": {"b": "x"}})
    with pytest.raises(UserError, match=r"\(v0: none, now 0; .*v4: none, now 4; 3 more\)"):
        CLAIM.check(tmp_path, {f"v{k}": k for k in range(8)})


def test_a_folder_older_than_a_setting_had_its_old_default(tmp_path):
    (tmp_path / "made.json").write_text('{"size": 320, "unknown now": 5}')
    CLAIM.check(tmp_path, {"size": 320, "rule": "old", "in": {"a": 1}, "also new": None})
    for changed in ({"rule": "new"}, {"in": {"a": 2}}, {"also new": 0}):
        with pytest.raises(UserError, match="other settings"):
            CLAIM.check(tmp_path, {"size": 320} | changed)


def test_of_long_values_the_part_is_shown_where_they_begin_to_differ(tmp_path):
    before, now = list(range(200)), [*range(100), 7777, *range(101, 200)]
    with pytest.raises(UserError, match=r"98, 99, 100, .*now .*98, 99, 7777, ") as caught:
        require_same(tmp_path, {"edges": before}, {"edges": now}, "fix")
    assert len(str(caught.value)) < len(str(tmp_path)) + 4 * MAX_TEXT
    with pytest.raises(UserError, match=r"99\], now .*98\]"):
        require_same(tmp_path, {"edges": before[:100]}, {"edges": before[:99]}, "fix")


@pytest.mark.parametrize("content", ["[]", "3", "{half"])
def test_another_file_of_that_name_is_refused(tmp_path, content):
    (tmp_path / "made.json").write_text(content)
    with pytest.raises(UserError, match="the settings of a thing"):
        CLAIM.claim(tmp_path, {"size": 1})
    assert (tmp_path / "made.json").read_text() == content
