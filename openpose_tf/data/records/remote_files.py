"""Files that TensorFlow's file systems open: gs://, ram:// and what plug-ins add; a path without a scheme is local."""

import contextlib
import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from openpose_tf.common.errors import MachineError, UserError

PLUG_IN = "tensorflow_io"  # s3://, az://, hdfs:// and others


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is an address with a scheme."""
    return "://" in str(path)


def open_bytes(path: str) -> Any:
    """Returns an open file to read bytes from."""
    return tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb")


def size(path: str) -> int | None:
    """Returns the bytes of a file, None where there is none.

    Raises:
        UserError, MachineError: as `copies`.
    """
    if not is_remote(path):
        return os.path.getsize(path) if os.path.isfile(path) else None  # a Path raises for a name that is too long
    with _explained(path):
        return int(tf.io.gfile.stat(path).length)
    return None


@contextlib.contextmanager
def copies(address: str, names: Sequence[str]) -> Iterator[Path]:
    """Yields a folder for a while that holds copies of those of the named files that are there.

    Raises:
        UserError: this TensorFlow has no file system for the scheme, or access is denied.
        MachineError: the place cannot be reached.
    """
    _require_file_system(address)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            with _explained(address), tf.io.gfile.GFile(f"{address.rstrip('/')}/{name}", "rb") as file:
                (Path(folder) / name).write_bytes(file.read())
        yield Path(folder)


def _require_file_system(address: str) -> None:
    """Refuses a scheme that neither TensorFlow nor its plug-in has."""
    scheme = address.partition("://")[0]
    if scheme not in tf.io.gfile.get_registered_schemes():
        with contextlib.suppress(ImportError):
            importlib.import_module(PLUG_IN)  # registers its file systems
    if scheme not in tf.io.gfile.get_registered_schemes():
        raise UserError(
            f"{address}: this TensorFlow has no file system for {scheme}://; install the plug-in that may have it (pip "
            f"install tensorflow-io==0.36, for TensorFlow 2.15), or copy the records to a disk"
        )


@contextlib.contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turns what TensorFlow raises for an address into this project's errors; a missing file is none."""
    try:
        yield
    except tf.errors.NotFoundError:
        pass
    except (tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError, tf.errors.InvalidArgumentError) as error:
        raise UserError(f"{address} cannot be read ({_short(error)}): check the address and your access") from None
    except tf.errors.OpError as error:
        raise MachineError(f"{address} cannot be reached ({_short(error)}): try it again") from None


def _short(error: tf.errors.OpError) -> str:
    return " ".join(error.message.split())[:200]
