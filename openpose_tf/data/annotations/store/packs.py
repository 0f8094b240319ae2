r"""A pack: the annotations of up to a thousand images of an image dataset in one .npz file.

`annotations/0123-1000-0a1b2c3d.npz` holds those of 1,000 of the images 123000 to 123999; the last digits are a hash of
their numbers. Packs of other images have other names, so processes that pack at the same time cannot harm each other.
Members:

* `rows.jsonl.gz`: a line of JSON per image, each a gzip stream of its own, so that one is read without the others:
  `unzip -p FILE rows.jsonl.gz | zcat`. Without what the arrays hold.
* `number` [N] int64, increasing; `row_end` [N] int64, where the stream of a row ends; `width`, `height`, `num_people`
  [N] int32; `image_suffix` [N] str; `has_ignore_mask` [N] bool; `labelled_joints` [N, 16] bool.
* `pose`, `joints_3d_m` [P, 52, 3] int, multiples of 0.0001 (rad, m), and `pose_person`, `joints_3d_m_person` [P], whose
  they are: numbers of the people in the order of the rows.
* what else its writer gives, such as the columns of `synth/dataset/index.py`.
"""

import contextlib
import dataclasses
import gzip
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.skeleton import NUM_MPII_JOINTS

BODY_JOINTS = 52  # of SMPL+H
UNIT = 1e4  # 0.1 mm; 0.0001 rad moves the hand of a stretched arm by less
ARRAYS = ("pose", "joints_3d_m")
FACTS: dict[str, Any] = {
    "number": np.int64,
    "num_people": np.int32,
    "width": np.int32,
    "height": np.int32,
    "image_suffix": np.str_,
    "has_ignore_mask": bool,
    "labelled_joints": bool,
}
ROWS = "rows.jsonl.gz"
_NAME = re.compile(r"(\d{4,})-(\d{4})-[0-9a-f]{8}\.npz")
_TRIES = 5  # a pack that has gone so often was not packed anew
_LOCAL_HEADER = 30  # bytes of a zip member's header before its name
_DATE = (1980, 1, 1, 0, 0, 0)


Result = TypeVar("Result")


class PackedAnewError(UserError):
    """A pack has gone, because another process has put its content into a larger one."""


def packed_meanwhile(read: Callable[[], Result]) -> Result:
    """Returns `read()`, which looks again for what is there whenever another process packed it anew meanwhile.

    Raises:
        PackedAnewError: it was so each time.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except PackedAnewError:
            continue
    return read()


@dataclasses.dataclass(frozen=True, order=True)
class Pack:
    """A pack by its name.

    Attributes:
        thousand: number of its first image // 1000.
        count: images in it.
        path: the file.
    """

    thousand: int
    count: int
    path: Path

    @classmethod
    def parse(cls, path: Path) -> "Pack | None":
        """Returns the pack of a path, None if its name is not a pack's."""
        found = _NAME.fullmatch(path.name)
        return None if found is None else cls(int(found[1]), int(found[2]), path)

    def numbers(self) -> Sequence[int]:
        """Returns the numbers of its images, increasing; read only where some of the thousand are not in it."""
        if self.count == schema.PER_FOLDER:
            return range(self.thousand * schema.PER_FOLDER, (self.thousand + 1) * schema.PER_FOLDER)
        numbers: list[int] = self.columns("number")["number"].tolist()
        return numbers

    def columns(self, *names: str) -> dict[str, np.ndarray]:
        """Returns arrays of the pack by name.

        Raises:
            UserError: the file is damaged, or lacks one of them.
            PackedAnewError: it has gone.
        """
        with self._opened() as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}

    def places(self) -> np.ndarray:
        """Returns where in the file the streams of its rows begin and the last ends, [N + 1] int64 bytes."""
        ends = self.columns("row_end")["row_end"]
        with self._opened() as file:
            header = file.read(_LOCAL_HEADER)
            start = _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:30]))
        return np.concatenate([[0], ends]) + start

    def row(self, start: int, end: int) -> dict[str, Any]:
        """Returns an annotation between two of the `places`, without what the arrays hold; errors as `columns`."""
        with self._opened() as file:
            return _row_at(file, start, end)

    def rows(self, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields number and annotation, with what the arrays hold, of the images in `numbers` or of all.

        Raises:
            UserError, PackedAnewError: as `columns`.
        """
        keys = [name for field in ARRAYS for name in (field, f"{field}_person")]
        places, columns = self.places(), self.columns("number", "num_people", *keys)
        wanted = None if numbers is None else set(numbers)
        first = np.concatenate([[0], np.cumsum(columns["num_people"])])
        with self._opened() as file:
            for k, number in enumerate(columns["number"].tolist()):
                if wanted is None or number in wanted:
                    row = _row_at(file, int(places[k]), int(places[k + 1]))
                    _attach(row["people"], int(first[k]), columns)
                    yield number, row

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with open(self.path, "rb") as file:
                yield file
        except FileNotFoundError:
            raise PackedAnewError(f"{self.path} was packed anew by another command: run this one again") from None
        except UserError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
            raise UserError(
                f"{self.path} is damaged ({error!r}): copy it again, or delete it and run the command that made the "
                "dataset"
            ) from None


def _row_at(file: BinaryIO, start: int, end: int) -> dict[str, Any]:
    file.seek(start)
    row: dict[str, Any] = json.loads(gzip.decompress(file.read(end - start)))
    return row


def _attach(people: Sequence[dict[str, Any]], first: int, columns: Mapping[str, np.ndarray]) -> None:
    for field in ARRAYS:
        owners = columns[f"{field}_person"]
        low, high = np.searchsorted(owners, [first, first + len(people)])
        for owner, values in zip(owners[low:high].tolist(), columns[field][low:high]):
            people[owner - first][field] = (values / UNIT).tolist()


def write(
    folder: Path,
    thousand: int,
    rows: Iterable[tuple[int, dict[str, Any]]],
    more: Callable[[], Mapping[str, np.ndarray]] = dict,
) -> Pack:
    """Writes a pack, whole or not at all.

    Args:
        folder: the dataset.
        thousand: of the images.
        rows: their numbers, increasing, and annotations, which lose what the arrays hold.
        more: returns further members; called after the rows have been read.
    """
    facts: list[tuple[Any, ...]] = []
    streams: list[bytes] = []
    found: dict[str, list[tuple[int, np.ndarray]]] = {field: [] for field in ARRAYS}
    num_people = 0
    for number, row in rows:
        for field in ARRAYS:
            found[field] += _detach(row["people"], field, num_people)
        num_people += len(row["people"])
        facts.append(_facts(number, row))
        text = json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"
        streams.append(gzip.compress(text.encode(), 6, mtime=0))
    columns = {name: np.array(values, kind) for (name, kind), values in zip(FACTS.items(), zip(*facts))}
    columns["row_end"] = np.cumsum([len(stream) for stream in streams])
    for field, values in found.items():
        columns[field] = _narrow(np.array([array for _, array in values]).reshape(len(values), BODY_JOINTS, 3))
        columns[f"{field}_person"] = np.array([owner for owner, _ in values], np.int32)
    name = f"{schema.thousand_name(thousand)}-{len(facts):04d}-{fingerprint(columns['number'].tobytes(), digits=8)}"
    path = folder / schema.ANNOTATIONS / f"{name}.npz"
    files.write_bytes(path, _archive(b"".join(streams), columns | dict(more())))
    return Pack(thousand, len(facts), path)


def _facts(number: int, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the values of FACTS."""
    size, labelled = (row["width"], row["height"]), row.get("labelled_joints") or (True,) * NUM_MPII_JOINTS
    return number, len(row["people"]), *size, Path(row["image"]).suffix, bool(row.get("ignore_mask")), labelled


def _detach(people: Sequence[dict[str, Any]], field: str, first: int) -> Iterator[tuple[int, np.ndarray]]:
    """Takes a field off the people who have it, and yields their numbers with it in units."""
    for k, person in enumerate(people):
        if field in person and np.shape(person[field]) == (BODY_JOINTS, 3):
            yield first + k, np.rint(np.asarray(person.pop(field), np.float64) * UNIT).astype(np.int64)


def _narrow(values: np.ndarray) -> np.ndarray:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high), np.int16))


def _archive(rows: bytes, columns: Mapping[str, np.ndarray]) -> bytes:
    """Returns the bytes of an .npz file; the rows come first and are stored as they are, so that they can be sought."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(ROWS, _DATE), rows, zipfile.ZIP_STORED)
        for name, column in columns.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, column, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _DATE), data.getvalue(), zipfile.ZIP_DEFLATED)
    return content.getvalue()
