"""Arrays of .npz files from elsewhere: what is plain is read, damage is one kind of error."""

import io
import zipfile

import numpy as np
import pytest

from openpose_tf.data.records import npz_files

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.zeros((0, 4), np.int8)}


def write(folder, compress=False, **arrays):
    (np.savez_compressed if compress else np.savez)(folder / "a.npz", **arrays)
    return folder / "a.npz"


@pytest.mark.parametrize("compress", [False, True])
def test_plain_arrays_without_the_pickled(tmp_path, compress):
    path = write(tmp_path, compress, **ARRAYS, pickled=np.array([{}, None], dtype=object))
    found = npz_files.read_arrays(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    assert npz_files.read_arrays(path, ("b", "other")).keys() == {"b"}
    assert npz_files.read_shapes(path) == {"a": (2, 3), "b": (), "c": (0, 4)}


def with_member(path, content: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)  # with its right check sum
    return path


def test_damage_is_one_kind_of_error(tmp_path):
    stream = io.BytesIO()
    np.save(stream, ARRAYS["a"])
    good = stream.getvalue()
    for content in (b"", b"text", good[:-1], good[:40], good.replace(b"(2, 3)", b"(2, 9)"), good.replace(b"{", b"(")):
        with pytest.raises(npz_files.UnreadableNpz):
            npz_files.read_arrays(with_member(tmp_path / "a.npz", content))
    whole = bytearray(write(tmp_path, **ARRAYS).read_bytes())
    whole[200] ^= 1  # a number of `a`, whose check sum is no longer right
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(npz_files.UnreadableNpz, match="CRC"):
        npz_files.read_arrays(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError):
        npz_files.read_arrays(tmp_path / "none.npz")
