"""Finding the images that a user names, and reading videos: RGB uint8 out, damage reported."""

import dataclasses
import glob
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.images import SUFFIXES, is_image, list_images

VIDEO_SUFFIXES = (
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg",
    ".3gp", ".mts", ".m2ts", ".ts", ".wmv", ".flv", ".ogv",
)  # fmt: skip
NO_FILM = "damaged, or not a video that OpenCV can decode: convert it to MP4 (H.264)"
FRAMES_PER_S = 25.0  # of a video whose header does not say
# Some containers give the duration instead of the number of frames, and edit lists hide some: so much may be missing.
MISSING_FRAMES, MISSING_SHARE = 2, 0.02
SHOWN = 5
# What the header's rotation, degrees clockwise, does to the stored frames; phones write it.
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image or video frame.

    Attributes:
        name: of its results, such as `holiday/0001`.
        pixels: [H, W, 3] uint8 RGB.
        file: the name it came with, such as `holiday/0001.jpg`.
        exif_orientation: the tag by which it was turned upright, 1 = not at all.
    """

    name: str
    pixels: np.ndarray
    file: str = ""
    exif_orientation: int = 1


def is_video(path: str | os.PathLike[str]) -> bool:
    """Returns whether the name of a file says that it is a video, or else its first bytes."""
    if Path(path).suffix.lower() in VIDEO_SUFFIXES:
        return True
    if not os.path.isfile(path) or is_image(path):
        return False
    with open(path, "rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4], head[8:]) == (b"RIFF", b"AVI ")


def find_images(source: str | os.PathLike[str]) -> list[Path]:
    """Returns the images that `source` names, sorted.

    Args:
        source: an image, a folder (its images; where it has none itself, as `images/` of an image dataset, those of
            the folders within), or a pattern such as `photos/*.jpg` (`**` for folders within).

    Raises:
        UserError: nothing is there, or nothing that looks like an image.
    """
    path = Path(source)
    if path.is_dir():
        found = list_images(path) or list_images(path, recursive=True)
        if not found:
            raise UserError(f"{path} holds no images: expected files such as *{' *'.join(SUFFIXES)}")
        _name_others(path, found)
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(p) for p in glob.glob(_pattern(path), recursive=True) if os.path.isfile(p))
    if not found:
        raise UserError(f"no file is called {source}: give an image, a folder of images or a pattern in quotes")
    return found


def _name_others(folder: Path, found: list[Path]) -> None:
    others = sorted({path for path in folder.iterdir() if path.is_file() and path.name[0] != "."} - set(found))
    if others:
        names = ", ".join(path.name for path in others[:SHOWN]) + (", ..." if len(others) > SHOWN else "")
        logging.warning("%s: %d files are not images and are left out: %s", folder, len(others), names)


def _pattern(path: Path) -> str:
    """A pattern for `glob`, in which brackets of folders that exist are only brackets."""
    existing = next(parent for parent in path.parents if parent.is_dir())
    return os.path.join(glob.escape(str(existing)), path.relative_to(existing))


def _open(path: str | os.PathLike[str]) -> tuple[cv2.VideoCapture, int]:
    """Returns a video and the rotation that its frames need, degrees clockwise."""
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # builds of OpenCV differ in whether they turn frames themselves
    return capture, round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360


def read_video(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yields the frames of a video as [H, W, 3] uint8 RGB, turned as its header says.

    Raises:
        UserError: no frame of it can be decoded.
    """
    capture, rotation = _open(path)
    try:
        count = 0
        while True:
            more, frame = capture.read()
            if not more:
                break
            count += 1
            frame = cv2.rotate(frame, TURNS[rotation]) if rotation in TURNS else frame
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    if not count:
        raise UserError(f"{path} is {NO_FILM}")


@dataclasses.dataclass(frozen=True)
class VideoHeader:
    """What the header of a video promises; sizes in pixels as shown, `num_frames` None if it does not say."""

    width: int
    height: int
    frames_per_s: float
    num_frames: int | None

    def num_missing(self, count: int) -> int:
        """Returns how many frames a video lacks of which `count` were read; 0 for what headers may be wrong by."""
        missing = (self.num_frames or 0) - count
        return missing if missing > max(MISSING_FRAMES, MISSING_SHARE * count) else 0


def read_video_header(path: str | os.PathLike[str]) -> VideoHeader:
    """Returns what a video says about itself.

    Raises:
        UserError: the file is missing, or not a video.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: give a video such as video.mp4")
    capture, rotation = _open(path)
    properties = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)
    width, height, frames_per_s, count = (capture.get(prop) for prop in properties)
    capture.release()
    if width < 1 or height < 1:
        raise UserError(f"{path} is {NO_FILM}")
    if rotation in (90, 270):
        width, height = height, width
    return VideoHeader(int(width), int(height), frames_per_s or FRAMES_PER_S, int(count) if count > 0 else None)
