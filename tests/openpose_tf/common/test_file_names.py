"""Names of files as other systems write them."""

import pytest

from openpose_tf.common import file_names

COMPOSED, APART = "M\u00fcller \u00e9t\u00e9.jpg", "Mu\u0308ller e\u0301te\u0301.jpg"


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("a.jpg", "a.jpg"),
        ("x/a.jpg", "x/a.jpg"),
        ("x/a.jpg", "x\\a.jpg"),
        ("a.jpg", "..\\..\\x\\a.jpg"),
        ("a.jpg", "C:\\Users\\me\\a.jpg"),
        ("a.jpg", "/home/me/a.jpg"),
        ("my photo.jpg", "my%20photo.jpg"),
        ("my photo.jpg", "https://host/x/my%20photo.jpg"),
        (COMPOSED, APART),
        (APART, COMPOSED),
        (COMPOSED, "M%C3%BCller%20%C3%A9t%C3%A9.jpg"),
        ("100%25.jpg", "100%25.jpg"),
    ],
)
def test_a_file_is_found_under_the_names_of_other_systems(tmp_path, stored, written):
    path = tmp_path / stored
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert file_names.find_file(tmp_path, written) == path
    assert file_names.last_part(written) == file_names.last_part(stored)


def test_the_name_as_it_is_comes_first(tmp_path):
    for name in ("a b.jpg", "a%20b.jpg"):
        (tmp_path / name).touch()
    assert file_names.find_file(tmp_path, "a%20b.jpg") == tmp_path / "a%20b.jpg"


@pytest.mark.parametrize("name", ["none.jpg", "x\\none.jpg", "n" * 300 + ".jpg", "a\0b"])
def test_a_file_that_is_not_there_keeps_its_name(tmp_path, name):
    assert file_names.find_file(tmp_path, name) == tmp_path / name
