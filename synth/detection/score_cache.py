"""Scores "is there a person?" of many photographs, kept in a CSV so that a threshold can change without a new pass."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.progress import Progress
from synth.detection.box_file import BoxFile
from synth.detection.people import PersonDetector, detect_views, highest_score, join_views


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """One photograph's line in the cache.

    Attributes:
        path: absolute path.
        num_bytes: file size; another size means another image and a new score.
        width, height: pixels, 0 where the file is not a readable image.
        score: highest person score, NaN where the image was too small to be scored or unreadable.
        detector: identity of the detector and "+tiles" where tiles were used; "" without a score.
    """

    path: str
    num_bytes: int
    width: int
    height: int
    score: float
    detector: str

    @property
    def is_image(self) -> bool:
        """False where the file could not be decoded."""
        return self.width > 0


FILTERED = "# without people, by synth.filter_backgrounds:"
HEADER = [field.name for field in dataclasses.fields(ScoreRow)]


def list_photographs(source: Path) -> list[Path]:
    """Returns the images of a folder (with its sub-folders) or of a list file, sorted, absolute.

    Args:
        source: a folder, or a text file with one path per line (relative ones count from the file's folder).

    Raises:
        UserError: nothing there.
    """
    if source.is_dir():
        found = images.list_images(source, recursive=True)
    elif source.is_file():
        found = images.read_list(source)
        missing = [path for path in found if not path.is_file()]
        if missing:
            names = ", ".join(str(path) for path in missing[:10])
            raise UserError(f"{source} names {len(missing)} files that do not exist, such as {names}")
    else:
        raise UserError(f"{source} does not exist: expected a folder of photographs or a list of their paths")
    if not found:
        raise UserError(f"{source} holds no photographs ({', '.join(images.SUFFIXES)})")
    return sorted({path.resolve() for path in found})


def write_kept(path: Path, kept: Iterable[ScoreRow], how: str) -> None:
    """Writes the list of kept photographs, one path per line; `how` they were chosen becomes a comment."""
    files.write_bytes(path, f"{FILTERED} {how}\n{''.join(f'{row.path}{chr(10)}' for row in kept)}".encode())


def is_filtered(path: Path) -> bool:
    """Returns whether the people filter wrote a list of photographs; older lists have its scores next to them."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(FILTERED)) == FILTERED.encode() or path.with_suffix(".scores.csv").is_file()


def read_cache(path: Path) -> dict[tuple[str, str], ScoreRow]:
    """Returns the rows of a score file by (path, detector); {} without a file. A line cut by a kill is left out.

    Raises:
        UserError: the file is something else.
    """
    if not path.is_file():
        return {}
    lines = files.read_text(path, "a CSV of person scores").split("\n")
    if not lines or next(csv.reader(lines[:1]), None) != HEADER:
        raise UserError(f"{path} is not a score file of this command: choose another --scores, or delete it")
    rows = {}
    for cells in csv.reader(lines[1:]):
        try:
            row = ScoreRow(cells[0], int(cells[1]), int(cells[2]), int(cells[3]), float(cells[4]), cells[5])
        except (IndexError, ValueError):
            continue
        rows[row.path, row.detector] = row
    return rows


def score_images(
    paths: Sequence[Path],
    detector: PersonDetector,
    tiles: bool,
    min_side: int,
    cache_path: Path,
    boxes: BoxFile | None = None,
) -> list[ScoreRow]:
    """Returns one row per photograph, in order; scores only what the cache lacks and adds it there at once.

    Args:
        paths: photographs.
        detector: any detector.
        tiles: see `people.person_score`.
        min_side: photographs with a shorter side below this many pixels are not scored.
        cache_path: the CSV.
        boxes: takes the boxes of each photograph, of any size; they come from the same look at it as the score.
    """
    name = detector_name(detector, tiles)
    cached = read_cache(cache_path)
    with files.atomic_path(cache_path) as temporary:  # a clean file to append to
        temporary.write_text(_to_csv([HEADER]) + _to_csv(map(dataclasses.astuple, cached.values())), encoding="utf-8")
    rows = []
    with open(cache_path, "a", encoding="utf-8") as out, Progress(len(paths), "people filter", "photos") as bar:
        for path in paths:
            row = _find_valid(cached, path, name, min_side)
            if row is None or (boxes is not None and row.is_image and path not in boxes):
                row = _score_one(path, detector, tiles, min_side, boxes)
                out.write(_to_csv([dataclasses.astuple(row)]))
                out.flush()
            rows.append(row)
            bar.update()
    if boxes is not None:
        boxes.save()
    return rows


def detector_name(detector: PersonDetector, tiles: bool) -> str:
    """Returns the name of a way to look at photographs: scores and boxes of different ones do not mix."""
    return detector.identity + ("+tiles" if tiles else "")


def _to_csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _find_valid(cached: dict[tuple[str, str], ScoreRow], path: Path, detector: str, min_side: int) -> ScoreRow | None:
    """Returns the row of this very file: its score by this detector, or the finding that it needs none."""
    num_bytes = path.stat().st_size
    for row in (cached.get((str(path), detector)), cached.get((str(path), ""))):
        if row is None or row.num_bytes != num_bytes:
            continue
        if row.detector or not row.is_image or min(row.width, row.height) < min_side:
            return row
    return None


def _score_one(path: Path, detector: PersonDetector, tiles: bool, min_side: int, boxes: BoxFile | None) -> ScoreRow:
    num_bytes = path.stat().st_size
    try:
        image = images.read_rgb(path, orientation="upright")
    except images.UnreadableImage:
        return ScoreRow(str(path), num_bytes, 0, 0, float("nan"), "")
    height, width = image.shape[:2]
    is_small = min(height, width) < min_side
    views = [] if is_small and boxes is None else detect_views(detector, image, tiles)
    if boxes is not None:
        boxes.add(path, join_views(views, image))
    if is_small:
        return ScoreRow(str(path), num_bytes, width, height, float("nan"), "")
    score = round(highest_score(views), 5)
    return ScoreRow(str(path), num_bytes, width, height, score, detector_name(detector, tiles))


@dataclasses.dataclass(frozen=True)
class FilterVerdict:
    """The photographs sorted into kinds; every one is in exactly one list."""

    kept: list[ScoreRow]
    with_people: list[ScoreRow]
    too_small: list[ScoreRow]
    unreadable: list[ScoreRow]


def judge(rows: Sequence[ScoreRow], threshold: float, min_side: int) -> FilterVerdict:
    """Sorts scored photographs.

    Args:
        rows: from `score_images`.
        threshold: a photograph with this score or more shows a person.
        min_side: pixels (paper Sec. 3.1: smaller than 512x512 is rejected).
    """
    images = [row for row in rows if row.is_image]
    large = [row for row in images if min(row.width, row.height) >= min_side]
    return FilterVerdict(
        kept=[row for row in large if row.score < threshold],
        with_people=[row for row in large if not row.score < threshold],
        too_small=[row for row in images if min(row.width, row.height) < min_side],
        unreadable=[row for row in rows if not row.is_image],
    )
