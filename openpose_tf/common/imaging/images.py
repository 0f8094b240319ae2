"""Image files: their sizes, pixels and lists. The only module that decodes, encodes, or knows about EXIF.

for path in images.list_images("photos"):
    pixels = images.read_rgb(path, orientation="upright")  # [H, W, 3] uint8 RGB
"""

import concurrent.futures
import dataclasses
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import image_bytes
from openpose_tf.common.imaging.orientation import Orientation
from openpose_tf.common.progress import track

PathLike = str | os.PathLike[str]

WRITTEN_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
SUFFIXES = (*WRITTEN_SUFFIXES, ".jpe", ".jfif", ".gif", ".avif", ".heic", ".heif", ".pgm", ".dib")
HINT = "check the path, or copy the file again"
JPEG_QUALITY = 95  # OpenCV's default
EXIF_ORIENTATION = 0x0112
# What the tag's values ask for, in this order: exchange rows and columns, mirror left and right, mirror up and down.
EXCHANGED, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
PILLOW_FORMATS = ("GIF", "AVIF")  # which OpenCV's builds lack
_SHRINKING_READ = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

# Pillow reads headers only here, so its guard against images that do not fit into memory has nothing to guard.
Image.MAX_IMAGE_PIXELS = None


class UnreadableImage(UserError):
    """An image file that is missing, damaged or not an image; a caller may report it and continue."""

    def __init__(self, name: PathLike, problem: str, hint: str) -> None:
        super().__init__(f"{name} cannot be read ({problem}): {hint}")
        self.problem = problem


@dataclasses.dataclass(frozen=True)
class Header:
    """What an image file says of itself: (width, height) as stored, in pixels, and the EXIF orientation, 1 to 8."""

    stored: tuple[int, int]
    exif_orientation: int = 1

    def size(self, orientation: Orientation) -> tuple[int, int]:
        """Returns (width, height) in this orientation."""
        width, height = self.stored
        exchanged = orientation == "upright" and self.exif_orientation in EXCHANGED
        return (height, width) if exchanged else (width, height)


def is_image(path: PathLike) -> bool:
    """Returns whether the name of a file says that it is an image, or else its first bytes."""
    if Path(path).suffix.lower() in SUFFIXES:
        return True
    try:
        with open(path, "rb") as file:
            return image_bytes.format_of(file.read(image_bytes.HEAD_BYTES)) is not None
    except OSError:  # a folder, or not readable
        return False


def list_images(folder: PathLike, recursive: bool = False) -> list[Path]:
    """Returns the image files of a folder, with `recursive` those of the folders within, sorted; [] if none.

    Hidden files, such as those that macOS puts next to each image, are not listed.

    Raises:
        UserError: the folder is missing, or it or one within may not be read.
    """
    root = files.require_dir(folder, "a folder of images")
    try:
        paths = root.rglob("*") if recursive else root.iterdir()
        return sorted(path for path in paths if path.name[0] != "." and path.is_file() and is_image(path))
    except PermissionError as error:
        raise UserError(f"{error.filename} may not be read: change its access rights") from None


def read_list(path: Path) -> list[Path]:
    """Returns the paths in a text file, one per line, "#" for comments; relative ones count from the file's folder.

    A path with Windows separators is read as one with those of this system where there is such a file.

    Raises:
        UserError: the file is not text.
    """
    lines = files.read_lines(path, "a folder, or a list with one path per line")
    written = [path.parent / os.path.expanduser(line) for line in lines]
    plain = [str(name).replace("\\", "/") for name in written]
    return [Path(other) if os.path.isfile(other) else name for name, other in zip(written, plain)]


def read_header(path: PathLike) -> Header:
    """Returns size and orientation of an image, without decoding it if Pillow knows the format.

    Raises:
        UnreadableImage: the file is missing or not an image.
    """
    try:
        with Image.open(path) as header:
            return Header(header.size, _exif_orientation(header))
    except (OSError, SyntaxError, ValueError):
        height, width = read_rgb(path, orientation="stored").shape[:2]
        return Header((width, height))


def image_size(path: PathLike, *, orientation: Orientation) -> tuple[int, int]:
    """Returns (width, height) of an image in pixels; see `read_header`."""
    return read_header(path).size(orientation)


def find_unreadable(paths: Sequence[Path]) -> dict[Path, str]:
    """Returns which of the files cannot be read, and why; every file is decoded, small and in threads."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = track(pool.map(_problem, paths), len(paths), "checking images", "file")
        return {path: problem for path, problem in zip(paths, problems) if problem}


def _problem(path: Path) -> str | None:
    try:
        data = _read(path, HINT)
        _decode(data, path, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION, HINT)
    except UnreadableImage as error:
        return error.problem
    return None


def read_rgb(path: PathLike, *, orientation: Orientation, hint: str = HINT) -> np.ndarray:
    """Returns an image file as [H, W, 3] uint8 RGB.

    Grey, 16-bit, CMYK and palette images are converted, transparency is dropped.

    Args:
        path: the file.
        orientation: see `Orientation`.
        hint: how to repair the file, for the error message.

    Raises:
        UnreadableImage: the file is missing, empty, damaged, cut short, or in no known format.
    """
    return decode_rgb(_read(path, hint), path, orientation=orientation, hint=hint)


def decode_rgb(data: bytes, name: PathLike, *, orientation: Orientation, hint: str = HINT) -> np.ndarray:
    """Returns the content of an image file as [H, W, 3] uint8 RGB; see `read_rgb`. `name` is for the error message."""
    pixels = _decode(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, hint)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return _turn(pixels, data) if orientation == "upright" else pixels


def read_gray(path: PathLike) -> np.ndarray:
    """Returns an image file as [H, W] uint8 grey levels, not turned.

    Raises:
        UnreadableImage: see `read_rgb`.
    """
    return _decode(_read(path, HINT), path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION, HINT)


def read_unchanged(path: PathLike, hint: str = HINT) -> np.ndarray:
    """Returns an image file with its own depth, [H, W] or [H, W, channels], not turned; colours are BGR or BGRA.

    Args:
        path: such as a mask of instance ids or a depth image, 16-bit PNG.
        hint: how to repair the file, for the error message.

    Raises:
        UnreadableImage: see `read_rgb`.
    """
    return _decode(_read(path, hint), path, cv2.IMREAD_UNCHANGED, hint)


def decode_record_bgr(data: bytes, shrink: int = 1) -> np.ndarray | None:
    """Returns the JPEG of a record as [h, w, 3] uint8 BGR, None if it is damaged.

    Args:
        data: content of the file.
        shrink: 1, 2, 4 or 8, by which the decoder shrinks the image (it averages in the frequency domain).
    """
    return _decode_record(data, _SHRINKING_READ[shrink])


def decode_record_mask(data: bytes) -> np.ndarray | None:
    """Returns the PNG mask of a record as [h, w] uint8, None if it is damaged."""
    return _decode_record(data, cv2.IMREAD_GRAYSCALE)


def _decode_record(data: bytes, mode: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error:  # of no bytes, or of a size that OpenCV does not take
        return None


def encode(pixels: np.ndarray, suffix: str, quality: int = JPEG_QUALITY, name: PathLike = "an image") -> bytes:
    """Returns the content of an image file.

    Args:
        pixels: [H, W, 3] uint8 RGB, [H, W, 4] RGBA, or [H, W] uint8, uint16 or bool (True becomes 255; a PNG holds
            one bit per pixel then, which is read four times as fast).
        suffix: names the format, such as ".png".
        quality: of a JPEG, 0 to 100; of a WebP with transparency, too (others are lossless).
        name: for the error message.

    Raises:
        UserError: the format cannot hold an image of this size.
    """
    stored = pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]] if pixels.ndim == 3 else pixels
    stored = stored.astype(np.uint8) * 255 if stored.dtype == bool else stored
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix.lower() in (".jpg", ".jpeg") else []
    if suffix.lower() == ".webp" and pixels.shape[2:] == (4,):
        options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    if suffix.lower() == ".png" and pixels.dtype == bool:
        options = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 9]
    try:
        done, data = cv2.imencode(suffix, np.ascontiguousarray(stored), options)
    except cv2.error:
        done, data = False, np.empty(0, np.uint8)
    if not done:
        height, width = pixels.shape[:2]
        raise UserError(f"{name}: {width}x{height} pixels cannot be stored as {suffix}")
    return bytes(data.tobytes())


def write(path: Path, pixels: np.ndarray, quality: int = JPEG_QUALITY) -> None:
    """Writes an image file, whole or not at all; see `encode`. A name without a suffix means PNG.

    Raises:
        UserError: the suffix names no format, or the format cannot hold an image of this size.
    """
    suffix = path.suffix or ".png"
    if suffix.lower() not in WRITTEN_SUFFIXES:
        raise UserError(f"{path}: images are written as {', '.join(WRITTEN_SUFFIXES)}")
    files.write_bytes(path, encode(pixels, suffix, quality, path))


def _read(path: PathLike, hint: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(path, str(error.strerror), hint) from None


def _decode(data: bytes, name: PathLike, mode: int, hint: str) -> np.ndarray:
    if not data:
        raise UnreadableImage(name, "empty", hint)
    if image_bytes.is_cut_short(data):
        raise UnreadableImage(name, "cut short", hint)
    kind = image_bytes.format_of(data[: image_bytes.HEAD_BYTES])
    if kind in PILLOW_FORMATS:
        return _decode_by_pillow(data, name, mode, hint)
    if kind == "HEIC":
        raise UnreadableImage(name, "HEIC, which is not supported", "convert it to JPEG")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as error:  # for example more pixels than OpenCV accepts
        raise UnreadableImage(name, error.err or "OpenCV error", hint) from None
    if pixels is None:
        raise UnreadableImage(name, "damaged or not an image", hint)
    return np.asarray(pixels)


def _decode_by_pillow(data: bytes, name: PathLike, mode: int, hint: str) -> np.ndarray:
    """The first frame as OpenCV would return it: [H, W, 3] BGR, or [H, W] grey."""
    try:
        with Image.open(BytesIO(data), formats=PILLOW_FORMATS) as image:
            rgb = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableImage(name, f"damaged: {error}", hint) from None
    gray = mode != cv2.IMREAD_UNCHANGED and not mode & cv2.IMREAD_COLOR
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY if gray else cv2.COLOR_RGB2BGR)


def _turn(pixels: np.ndarray, data: bytes) -> np.ndarray:
    """Returns decoded pixels turned upright by the EXIF tag of their file; as they are where it has none."""
    try:
        with Image.open(BytesIO(data)) as header:
            tag = _exif_orientation(header)
    except (OSError, SyntaxError, ValueError):  # a format that Pillow does not know
        return pixels
    if tag in EXCHANGED:
        pixels = pixels.swapaxes(0, 1)
    if tag in MIRRORED:
        pixels = pixels[:, ::-1]
    if tag in UPSIDE_DOWN:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def stored_points(points: np.ndarray, size: tuple[int, int], exif_orientation: int) -> np.ndarray:
    """Returns points of an upright photograph as points of its stored pixels.

    Args:
        points: [..., 2] (x, y) in pixels, centres at integers.
        size: (width, height) of the upright photograph in pixels.
        exif_orientation: 1 to 8.
    """
    last = np.subtract(size, 1)
    flipped = [exif_orientation in MIRRORED, exif_orientation in UPSIDE_DOWN]
    points = np.where(flipped, last - points, points)
    return points[..., ::-1] if exif_orientation in EXCHANGED else points


def _exif_orientation(header: Image.Image) -> int:
    """Returns the EXIF orientation of a JPEG, PNG or WebP, 1 to 8; 1 where there is none."""
    exif = Image.Exif()
    try:
        exif.load(header.info.get("exif", b""))
        tag = int(exif.get(EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises many kinds of error for damaged EXIF, which viewers ignore, too
        return 1
    return tag if 1 <= tag <= 8 else 1
