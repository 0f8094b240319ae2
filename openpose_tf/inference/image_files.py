"""Reading pictures and films that users have: any colour format in, RGB uint8 out, damage reported.

for path in list_images("photos/*.jpg"):
    image = read_image(path)  # [H, W, 3] uint8 RGB
"""

import dataclasses
import glob
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from openpose_tf.common.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
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


class UnreadableImage(UserError):
    """A picture that is missing, damaged or no picture at all; a caller may report it and go on."""


def is_video(path: str | os.PathLike[str]) -> bool:
    """Returns whether the name of the file says that it is a film."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def list_images(source: str | os.PathLike[str]) -> list[Path]:
    """Returns the pictures that `source` names, sorted.

    Args:
        source: a picture, a folder (its pictures, not those of its folders), or a pattern such as `photos/*.jpg`
            (`**` for folders within).

    Raises:
        UserError: nothing is there, or nothing that looks like a picture.
    """
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        if not found:
            raise UserError(f"{path} holds no pictures: expected files such as *{' *'.join(IMAGE_SUFFIXES)}")
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(source), recursive=True) if os.path.isfile(p))
    if not found:
        raise UserError(f"no file is called {source}: give a picture, a folder of pictures or a pattern in quotes")
    return found


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Returns a picture as [H, W, 3] uint8 RGB, turned upright.

    Grey, 16-bit, CMYK and palette pictures are converted, transparency is dropped, the EXIF orientation is applied.

    Raises:
        UnreadableImage: the file is missing, empty, damaged, cut short, or in no known format.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read ({error.strerror}): check the path") from None
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Returns an encoded picture as [H, W, 3] uint8 RGB; `name` is for the error message.

    Raises:
        UnreadableImage: see `read_image`.
    """
    if not data:
        raise UnreadableImage(f"{name} is empty: expected a picture")
    if _is_cut_short(data):
        raise UnreadableImage(f"{name} is cut short: copy or download it again")
    try:
        # IMREAD_COLOR applies the EXIF orientation and makes three channels of eight bits of everything.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # for example more pixels than OpenCV accepts
        raise UnreadableImage(f"{name} cannot be decoded ({error.err or 'OpenCV error'})") from None
    if image is None:
        raise UnreadableImage(f"{name} is damaged or no picture: expected JPEG, PNG or another common format")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _is_cut_short(data: bytes) -> bool:
    """Returns whether a JPEG or PNG lacks its end; decoders would fill the missing part with grey in silence."""
    if data.startswith(b"\xff\xd8"):
        # Inside the scan every 0xFF is followed by 0, so the last scan marker cannot be image data.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data


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


def encode_image(image: np.ndarray, suffix: str = ".jpg", quality: int = 92) -> bytes:
    """Returns the file content of a picture [H, W, 3] uint8 RGB; `suffix` names the format, `quality` is JPEG's."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix.lower() in (".jpg", ".jpeg") else []
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"OpenCV cannot write {suffix}")
    return bytes(data.tobytes())
