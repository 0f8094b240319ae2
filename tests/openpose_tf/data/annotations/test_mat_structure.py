"""Damaged MATLAB files, which SciPy would read beyond its memory, are refused before it sees them."""

import io
import struct

import numpy as np
import pytest
import scipy.io

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mat_files, mat_structure

NUMBERS = np.array([[1.5, 2.5, 3.5]])


def mat(compress: bool = False, **content) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, content, do_compression=compress)
    return stream.getvalue()


def test_what_scipy_writes_is_sound():
    cell = np.empty((1, 3), object)
    cell[0, :] = [NUMBERS, "text", np.zeros((0, 0))]
    rows = np.empty((1, 2), [("x", object), ("inner", object)])
    rows[0, 0], rows[0, 1] = (1.0, {"a": "b", "c": cell}), (np.array([[True, False]]), 1 + 2j)
    for compress in (False, True):
        mat_structure.check(
            mat(compress, numbers=NUMBERS, small=np.uint8(3), cell=cell, rows=rows, umlaut="ä", empty=[])
        )


def test_sound_files_are_read(tmp_path):
    (tmp_path / "a.mat").write_bytes(mat(True, x=NUMBERS))
    np.testing.assert_array_equal(mat_files.load_variable(tmp_path / "a.mat", "x", "numbers"), NUMBERS)


NUMBERS_TAG = struct.pack("<II", 9, 24)  # three float64
DIMENSIONS = struct.pack("<IIii", 5, 8, 1, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NUMBERS_TAG, struct.pack("<II", 8, 24), "numbers"),  # a type that does not exist: SciPy crashes
        (NUMBERS_TAG, struct.pack("<II", 11, 24), "numbers"),
        (NUMBERS_TAG, struct.pack("<II", 9, 2**31 + 24), "cut short"),
        (NUMBERS_TAG, struct.pack("<II", 9, 16), "numbers"),
        (DIMENSIONS, struct.pack("<IIii", 5, 8, 1, 2**30), "dimensions"),  # SciPy takes the memory first
        (DIMENSIONS, struct.pack("<IIii", 5, 8, -1, 3), "dimensions"),
        (struct.pack("<II", 14, 0)[:4], struct.pack("<I", 13), "type 13"),
    ],
)
def test_wrong_types_and_sizes_are_refused(tmp_path, old, new, message):
    data = mat(x=NUMBERS)
    assert old in data[128:]
    (tmp_path / "a.mat").write_bytes(data[:128] + data[128:].replace(old, new, 1))
    with pytest.raises(UserError, match=rf"a\.mat is not a MATLAB file \(.*{message}"):
        mat_files.load_variable(tmp_path / "a.mat", "x", "numbers")


def test_a_file_that_is_cut_anywhere_is_refused():
    for compress in (False, True):
        data = mat(compress, x=NUMBERS, s={"a": 1.0, "b": "text"})
        for size in range(129, len(data)):
            try:
                mat_structure.check(data[:size])
            except ValueError:
                continue
            # What is left are whole variables.
            assert set(scipy.io.loadmat(io.BytesIO(data[:size]))) < {
                "x",
                "s",
                "__header__",
                "__version__",
                "__globals__",
            }
