"""The reader of PyTorch files: both containers, all kinds of tensors, damage, and files that want to run code."""

import collections
import pickle
import zipfile

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.stylization import torch_weights

torch = pytest.importorskip("torch")

CONTAINERS = pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "old"])


def save(value, path, zip_container):
    torch.save(value, path, _use_new_zipfile_serialization=zip_container)
    assert zipfile.is_zipfile(path) == zip_container
    return path


@CONTAINERS
def test_all_tensors_come_back_equal(tmp_path, zip_container):
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    state = collections.OrderedDict(
        weight=torch.randn(3, 2, 3, 3),
        transposed=base.t(),  # shares storage, other strides
        part=base[1:3, 2:5],  # offset
        double=torch.randn(5, dtype=torch.float64),
        half=torch.randn(5).half(),
        long=torch.arange(-3, 4),
        flags=torch.tensor([True, False]),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.randn(2)),
        broadcast=torch.randn(1, 3).expand(4, 3),
    )
    read = torch_weights.read_tensors(save(state, tmp_path / "w.pth", zip_container))
    assert list(read) == list(state)
    for name, value in state.items():
        expected = value.detach().numpy()
        assert read[name].dtype == expected.dtype and read[name].flags["C_CONTIGUOUS"]
        np.testing.assert_array_equal(read[name], expected)


@CONTAINERS
def test_module_state_dict(tmp_path, zip_container):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    read = torch_weights.read_tensors(save(module.state_dict(), tmp_path / "m.pth", zip_container))
    assert read.keys() == module.state_dict().keys()
    np.testing.assert_array_equal(read["0.weight"], module[0].weight.detach().numpy())


@CONTAINERS
def test_damaged_files_are_refused(tmp_path, zip_container):
    path = save({"a": torch.randn(100), "b": torch.randn(50)}, tmp_path / "w.pth", zip_container)
    data = path.read_bytes()
    for length in (0, 10, len(data) // 2, len(data) - 20):
        path.write_bytes(data[:length])
        with pytest.raises(UserError, match=r"w\.pth"):
            torch_weights.read_tensors(path)


@pytest.mark.parametrize("content", [b"", b"not a weights file at all", pickle.dumps(7), pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.pth"):
        torch_weights.read_tensors(path)


def test_missing_file_and_zip_without_tensors(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        torch_weights.read_tensors(tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "z.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match="damaged or not a PyTorch"):
        torch_weights.read_tensors(tmp_path / "z.pth")


@CONTAINERS
def test_values_that_are_no_tensors_are_refused(tmp_path, zip_container):
    path = save({"epoch": 3, "model": {"a": torch.zeros(1)}}, tmp_path / "w.pth", zip_container)
    with pytest.raises(UserError, match="no state dict"):
        torch_weights.read_tensors(path)


class Attack:
    """Unpickling it would create a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@CONTAINERS
def test_code_in_the_file_is_not_run(tmp_path, zip_container):
    target = tmp_path / "owned"
    path = save({"a": Attack(target)}, tmp_path / "w.pth", zip_container)
    with pytest.raises(UserError, match="open is not allowed"):
        torch_weights.read_tensors(path)
    assert not target.exists()


def test_tensor_that_points_outside_its_storage_is_refused():
    storage = torch_weights._Storage(np.dtype("<f4"), 4, np.zeros(4, np.float32))
    for offset, shape, strides in (
        (0, (5,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 2), (4, 1)),
        (0, (2,), (-1,)),
        (0, (2,), ()),
    ):
        with pytest.raises(UserError, match="does not fit"):
            torch_weights._Tensor(storage, offset, shape, strides).to_array()
