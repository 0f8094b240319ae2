"""MATLAB files: what is written is read; one element, nothing, text and cells read as what they mean; wrong files."""

import math

import numpy as np
import pytest
import scipy.io

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mat_files
from openpose_tf.data.annotations.mat_files import as_list, field, number, rows, struct

NOTHING = np.zeros((0, 0))


@pytest.fixture
def loaded(tmp_path):
    """One struct with every habit of such files, as it comes back from a file."""
    cell = np.empty((1, 1), object)
    cell[0, 0] = struct([{"name": "in a cell"}])
    content = {"text": "12", "one": 7, "many": [1, 2], "none": NOTHING, "cell": cell}
    content["points"] = struct([{"x": 1.5, "id": "3"}, {"x": np.uint8(2)}])
    mat_files.save(tmp_path / "x.mat", {"top": struct([content]), "empty": struct([])})
    assert mat_files.variables(tmp_path / "x.mat", "a test") == ["top", "empty"]
    assert mat_files.load_variable(tmp_path / "x.mat", "empty", "a test").size == 0
    return mat_files.load_variable(tmp_path / "x.mat", "top", "a test")


def test_fields_of_a_struct(loaded):
    assert field(loaded, "text") == "12" and field(loaded, "one") == 7
    assert as_list(field(loaded, "many")) == [1, 2]
    assert field(loaded, "none") is None and field(loaded, "absent") is None and field(None, "x") is None
    assert field(field(loaded, "cell"), "name") == "in a cell"
    assert field(loaded.ravel()[0], "one") == 7  # of an element as of an array of one


def test_rows_hold_the_fields_that_there_are(loaded):
    points = field(loaded, "points")
    assert rows(points, ("id", "x", "score")) == [{"id": "3", "x": 1.5}, {"id": None, "x": 2}]
    cell = np.empty((1, 2), object)
    cell[0, :] = struct([{"x": 1}]), struct([{"x": 2}])
    assert rows(cell, ("x",)) == [{"x": 1}, {"x": 2}]  # as a list of dicts is saved from Python
    assert rows(None, ("x",)) == [] and rows(NOTHING, ("x",)) == []


def test_numbers_and_lists():
    assert [number(value) for value in (3, "0.5", np.uint8(4), np.array([[5.0]]))] == [3, 0.5, 4, 5]
    assert all(math.isnan(number(value)) for value in (None, "", "no", NOTHING, np.array([1, 2])))
    assert as_list(None) == [] and as_list(NOTHING) == [] and as_list(3) == [3]
    assert as_list(np.array([[1], [2]])) == [1, 2]


def test_files_that_are_no_mat_or_hold_something_else(tmp_path):
    path = tmp_path / "x.mat"
    contents = {
        "is not a MATLAB file": b"no mat at all",
        r"MATLAB 7\.3 file: save it": b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512),
    }
    with pytest.raises(UserError, match=r"x\.mat does not exist: expected a test"):
        mat_files.variables(path, "a test")
    for message, content in contents.items():
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"x\.mat is .*{message.removeprefix('is ')}.*expected a test"):
            mat_files.load_variable(path, "top", "a test")
    scipy.io.savemat(path, {"other": 1, "more": 2})
    with pytest.raises(UserError, match=r"holds no variable top \(it holds other, more\): expected a test"):
        mat_files.load_variable(path, "top", "a test")
