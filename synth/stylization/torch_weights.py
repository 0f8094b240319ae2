"""Reads the tensors of a PyTorch weights file (.pth) without PyTorch, from either of its containers.

The zip container (PyTorch 1.6 and later) holds `data.pkl` and one member per storage. The older one is a sequence of
pickles (magic number, protocol, system, object, storage keys) followed by the raw storages. A pickle can name any
function to be called; this reader knows the few that tensors need and refuses all others.
"""

import collections
import dataclasses
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from openpose_tf.common.errors import UserError

_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a saved state dict by name.

    Args:
        path: file made by `torch.save(module.state_dict(), path)`, old or new container.

    Raises:
        UserError: missing, not such a file, damaged, or it asks for code that tensors do not need.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: expected a PyTorch weights file (.pth)")
    try:
        state = _read_zip(path) if zipfile.is_zipfile(path) else _read_old(path)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} is not a PyTorch file of plain tensors: {error}") from None
    except (KeyError, ValueError, TypeError, IndexError, EOFError, AttributeError, struct.error, zipfile.BadZipFile):
        raise UserError(f"{path} is damaged or not a PyTorch weights file: get it again") from None
    if not isinstance(state, dict) or not all(isinstance(value, _Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state dict (names and tensors): save module.state_dict()")
    return {str(name): value.to_array() for name, value in state.items()}


@dataclasses.dataclass(frozen=True)
class _StorageType:
    dtype: np.dtype


@dataclasses.dataclass
class _Storage:
    """Raw numbers; in the older container they are filled in after the object was read."""

    dtype: np.dtype
    count: int
    values: np.ndarray | None = None

    def fill(self, data: bytes) -> None:
        if len(data) != self.count * self.dtype.itemsize:
            raise ValueError("a storage is shorter than promised")
        self.values = np.frombuffer(data, self.dtype)


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def to_array(self) -> np.ndarray:
        """Returns a contiguous copy; offset and strides are checked, as they come from the file."""
        values = self.storage.values
        if (
            values is None
            or len(self.shape) != len(self.strides)
            or self.offset < 0
            or min(self.strides, default=0) < 0
        ):
            raise UserError("a tensor of the weights file does not fit its storage: the file is damaged")
        if 0 in self.shape:
            return np.zeros(self.shape, self.storage.dtype)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        if last >= len(values):
            raise UserError("a tensor of the weights file does not fit its storage: the file is damaged")
        byte_strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, byte_strides).copy()


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(int(s) for s in shape), tuple(int(s) for s in strides))


def _rebuild_parameter(data: _Tensor, *_: Any) -> _Tensor:
    return data


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}
_ALLOWED |= {
    (module, name): _StorageType(np.dtype(dtype))
    for module in ("torch", "torch.cuda", "torch.storage")
    for name, dtype in _DTYPES.items()
}


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles names, numbers and tensors; any other class or function is refused.

    Args:
        file: the pickle.
        find_storage: gives the storage of a key, for a type and a count.
    """

    def __init__(self, file: BinaryIO | io.BytesIO, find_storage: Callable[[str, np.dtype, int], _Storage]) -> None:
        super().__init__(file, encoding="latin1")
        self._find_storage = find_storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _, count = pid[:5]
        if kind != "storage" or not isinstance(storage_type, _StorageType) or (len(pid) > 5 and pid[5] is not None):
            raise pickle.UnpicklingError(f"unknown reference {kind}")
        return self._find_storage(str(key), storage_type.dtype, int(count))


def _read_zip(path: Path) -> Any:
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(path) as archive:
        index = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
        if index is None:
            raise ValueError("no data.pkl")
        folder = index.removesuffix("data.pkl")
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise pickle.UnpicklingError("its numbers are stored big-endian; save it again on a common machine")

        def find_storage(key: str, dtype: np.dtype, count: int) -> _Storage:
            if key not in storages:
                storages[key] = _Storage(dtype, count)
                storages[key].fill(archive.read(f"{folder}data/{key}"))
            return storages[key]

        return _TensorUnpickler(io.BytesIO(archive.read(index)), find_storage).load()


def _read_old(path: Path) -> Any:
    storages: dict[str, _Storage] = {}

    def find_storage(key: str, dtype: np.dtype, count: int) -> _Storage:
        return storages.setdefault(key, _Storage(dtype, count))

    with open(path, "rb") as file:

        def load() -> Any:
            return _TensorUnpickler(file, find_storage).load()

        if load() != _OLD_MAGIC:
            raise ValueError("wrong magic number")
        load()  # protocol version
        system = load()
        if isinstance(system, dict) and not system.get("little_endian", True):
            raise pickle.UnpicklingError("its numbers are stored big-endian; save it again on a common machine")
        state = load()
        for key in load():
            storage = storages[str(key)]
            (count,) = struct.unpack("<q", file.read(8))
            if count != storage.count:
                raise ValueError("a storage has another length than promised")
            storage.fill(file.read(count * storage.dtype.itemsize))
    return state
