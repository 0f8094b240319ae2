"""Finding the images that a user names, and reading videos: RGB uint8 out, damage reported."""

import dataclasses
import glob
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.common.images import SUFFIXES, list_images

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
NO_FILM = "damaged or no film that OpenCV can decode: convert it to MP4 (H.264)"
FRAMES_PER_S = 25.0  # of a film whose header does not say


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture or film frame.

    Attributes:
        name: of its results, such as `holiday/0001`.
        pixels: [H, W, 3] uint8 RGB.
        file: the name it came with, such as `holiday/0001.jpg`.
    """

    name: str
    pixels: np.ndarray
    file: str = ""


def is_video(path: str | os.PathLike[str]) -> bool:
    """Returns whether the name of the file says that it is a film."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def find_images(source: str | os.PathLike[str]) -> list[Path]:
    """Returns the pictures that `source` names, sorted.

    Args:
        source: a picture, a folder (its pictures, not those of its folders), or a pattern such as `photos/*.jpg`
            (`**` for folders within).

    Raises:
        UserError: nothing is there, or nothing that looks like a picture.
    """
    path = Path(source)
    if path.is_dir():
        found = list_images(path)
        if not found:
            raise UserError(f"{path} holds no pictures: expected files such as *{' *'.join(SUFFIXES)}")
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(source), recursive=True) if os.path.isfile(p))
    if not found:
        raise UserError(f"no file is called {source}: give a picture, a folder of pictures or a pattern in quotes")
    return found


def read_video(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yields the frames of a film as [H, W, 3] uint8 RGB.

    Raises:
        UserError: no frame of it can be decoded.
    """
    capture = cv2.VideoCapture(str(path))
    try:
        count = 0
        while True:
            more, frame = capture.read()
            if not more:
                break
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    if not count:
        raise UserError(f"{path} is {NO_FILM}")


@dataclasses.dataclass(frozen=True)
class VideoHeader:
    """What the header of a film promises; sizes in pixels, `num_frames` None if it does not say."""

    width: int
    height: int
    frames_per_s: float
    num_frames: int | None


def read_video_header(path: str | os.PathLike[str]) -> VideoHeader:
    """Returns what a film says about itself.

    Raises:
        UserError: the file is missing, or no film.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: give a film such as film.mp4")
    capture = cv2.VideoCapture(str(path))
    properties = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)
    width, height, frames_per_s, count = (capture.get(prop) for prop in properties)
    capture.release()
    if width < 1 or height < 1:
        raise UserError(f"{path} is {NO_FILM}")
    return VideoHeader(int(width), int(height), frames_per_s or FRAMES_PER_S, int(count) if count > 0 else None)
