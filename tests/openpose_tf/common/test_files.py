"""Files appear whole or not at all; wrong paths give errors that name them."""

import errno
import gzip
import json
import os

import pytest

from openpose_tf.common import files
from openpose_tf.common.errors import UserError


def test_atomic_path_leaves_nothing_when_the_block_fails(tmp_path):
    final = tmp_path / "a" / "picture.png"
    with pytest.raises(OSError, match="full"), files.atomic_path(final) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "disk full")
    assert list(final.parent.iterdir()) == []


def test_atomic_path_keeps_the_old_file_when_the_block_fails(tmp_path):
    final = tmp_path / "picture.png"
    final.write_bytes(b"old")
    with pytest.raises(RuntimeError), files.atomic_path(final) as temporary:
        temporary.write_bytes(b"new")
        raise RuntimeError
    assert final.read_bytes() == b"old"


def test_atomic_path_keeps_the_suffix_so_that_encoders_choose_the_format(tmp_path):
    with files.atomic_path(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_json_round_trip_and_refusal_of_nan(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": [1, None, 0.5]})
    assert files.read_json(path, "a test") == {"a": [1, None, 0.5]}
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})
    assert files.read_json(path, "a test") == {"a": [1, None, 0.5]}


def test_json_is_packed_where_the_name_says_so_alike_each_time(tmp_path):
    value, paths = {"Füße": [1, 0.5] * 1000}, [tmp_path / "a.json.gz", tmp_path / "b.json.gz"]
    for path in paths:
        files.write_json(path, value, indent=None)
    assert gzip.decompress(paths[0].read_bytes()) == (json.dumps(value) + "\n").encode()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert files.read_json(paths[0], "a test") == value
    for broken in (paths[0].read_bytes()[:-12], b"\x1f\x8b\x08" + bytes(9), b"{}"):
        paths[1].write_bytes(broken)
        with pytest.raises(UserError, match=r"b\.json\.gz cannot be unpacked.*expected a test"):
            files.read_json(paths[1], "a test")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_of_windows_reads_like_any_other(tmp_path, encoding, end):
    path = tmp_path / "text"
    path.write_bytes(end.join(["# a comment", "Füße.jpg", "", "  b c.jpg ", '{"a": "\u2028"}']).encode(encoding))
    assert files.read_lines(path, "a list") == ["Füße.jpg", "b c.jpg", '{"a": "\u2028"}']
    path.write_bytes(end.join(['{"a":', '"Füße"}']).encode(encoding))
    assert files.read_json(path, "a test") == {"a": "Füße"}
    path.write_bytes(end.join(['{"a": "Füße"}', '{"a": 2}', ""]).encode(encoding))
    assert files.read_jsonl(path, "rows") == [{"a": "Füße"}, {"a": 2}]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"F\xfc\xdfe", b"\xff\xfe\x00\xd8a\0"])
def test_a_file_that_is_not_text_is_named(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"list\.txt is not a text file.*a list"):
        files.read_lines(path, "a list")
    assert len(files.read_text(path, "a list", fallback="latin-1")) == len(content)


def test_a_log_that_begins_with_zeros_keeps_its_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\0\0\0\0\0\n{"a": 1}\n')  # after a power cut
    assert files.read_jsonl(path, "rows", skip_unreadable=True) == [{"a": 1}]


def test_json_without_end_is_not_json(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"deep\.json is not JSON"):
        files.read_json(path, "a test")


@pytest.mark.parametrize("name", ["a" * 250 + ".json", "\u5199" * 83 + ".json"])
def test_the_longest_names_a_disk_takes_can_be_written(tmp_path, name):
    files.write_json(tmp_path / name, 1)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    final = tmp_path / ("a" * 251 + ".json")
    with pytest.raises(OSError, match="too long") as too_long:
        files.write_json(final, 1)
    with pytest.raises(OSError, match="quota") as no_space, files.atomic_path(tmp_path / "a.png"):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")  # as write() says it, without a name
    assert too_long.value.filename == str(final) and no_space.value.filename == str(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00"])
def test_read_json_names_file_and_expectation(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.json is not JSON.*a COCO file"):
        files.read_json(path, "a COCO file")
    with pytest.raises(UserError, match=r"absent\.json does not exist"):
        files.read_json(tmp_path / "absent.json", "a COCO file")


def test_read_jsonl_leaves_out_a_cut_last_line_only(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert files.read_jsonl(path, "rows") == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n{"a"\n{"a": 3}\n')
    with pytest.raises(UserError, match="line 2"):
        files.read_jsonl(path, "rows")
    assert files.read_jsonl(path, "rows", skip_unreadable=True) == [{"a": 1}, {"a": 3}]


def test_read_jsonl_counts_what_it_leaves_out(tmp_path, caplog):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\xff\xfe\n\0\0\0\n{"b": "\xe2\x80\xa8"}\n{"c"')
    assert files.read_jsonl(path, "rows", skip_unreadable=True) == [{"a": 1}, {"b": "\u2028"}]
    assert "3 of 5 lines" in caplog.text
    with pytest.raises(UserError, match="line 2 is not JSON"):
        files.read_jsonl(path, "rows")


def test_require_dir_and_writable_dir(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UserError, match="not a folder"):
        files.require_dir(path, "pictures")
    with pytest.raises(UserError, match="choose another output folder"):
        files.writable_dir(path / "below")
    assert files.writable_dir(tmp_path / "new" / "deep").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_writable_dir_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot write"):
        files.writable_dir(tmp_path / "new")


def test_json_files_are_listed_without_hidden_ones(tmp_path):
    (tmp_path / "within").mkdir()
    for name in ("b.json", "a.json", "._a.json", ".c.77.part.json", "d.txt", "within/e.json"):
        (tmp_path / name).touch()
    assert [path.name for path in files.list_json(tmp_path)] == ["a.json", "b.json"]
    assert [path.name for path in files.list_json(tmp_path, recursive=True)] == ["a.json", "b.json", "e.json"]
