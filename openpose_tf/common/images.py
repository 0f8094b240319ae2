"""Image files: their sizes, pixels and lists. The only module that decodes, encodes, or knows about EXIF.

for path in images.list_images("photos"):
    pixels = images.read_rgb(path, orientation="upright")  # [H, W, 3] uint8 RGB
"""

import os
from io import BytesIO
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

# "stored": rows and columns as in the file, as COCO's tools read them. "upright": turned by the camera's EXIF tag, as
# viewers show it. (TIFF files are turned while they are decoded, in both cases.)
Orientation = Literal["stored", "upright"]
PathLike = str | os.PathLike[str]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
HINT = "check the path, or copy the file again"
JPEG_QUALITY = 95  # OpenCV's default
EXIF_ORIENTATION = 0x0112
# What the tag's values ask for, in this order: exchange rows and columns, mirror left and right, mirror up and down.
EXCHANGED, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
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


def is_image(path: PathLike) -> bool:
    """Returns whether the name of the file says that it is an image."""
    return Path(path).suffix.lower() in SUFFIXES


def list_images(folder: PathLike, recursive: bool = False) -> list[Path]:
    """Returns the image files of a folder, with `recursive` those of the folders within, sorted; [] if none.

    Raises:
        UserError: the folder is missing, or it or one within may not be read.
    """
    root = files.require_dir(folder, "a folder of images")
    try:
        paths = root.rglob("*") if recursive else root.iterdir()
        return sorted(path for path in paths if is_image(path) and path.is_file())
    except PermissionError as error:
        raise UserError(f"{error.filename} may not be read: change its access rights") from None


def read_list(path: Path) -> list[Path]:
    """Returns the paths in a text file, one per line, "#" for comments; relative ones count from the file's folder.

    Raises:
        UserError: the file is not text.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file: expected a folder, or a list with one path per line") from None
    return [path.parent / line for line in lines if line and not line.startswith("#")]


def image_size(path: PathLike, *, orientation: Orientation) -> tuple[int, int]:
    """Returns (width, height) of an image in pixels, from its header alone if Pillow knows the format.

    Raises:
        UnreadableImage: the file is missing or not an image.
    """
    try:
        with Image.open(path) as header:
            exchanged = orientation == "upright" and _exif_orientation(header) in EXCHANGED
            width, height = header.size
    except (OSError, SyntaxError, ValueError):
        height, width = read_rgb(path, orientation=orientation, whole=False).shape[:2]
        return width, height
    return (height, width) if exchanged else (width, height)


def read_rgb(path: PathLike, *, orientation: Orientation, whole: bool = True, hint: str = HINT) -> np.ndarray:
    """Returns an image file as [H, W, 3] uint8 RGB.

    Grey, 16-bit, CMYK and palette images are converted, transparency is dropped.

    Args:
        path: the file.
        orientation: see `Orientation`.
        whole: refuses a JPEG whose end is missing; False: the missing part becomes grey. (Other formats are refused.)
        hint: how to repair the file, for the error message.

    Raises:
        UnreadableImage: the file is missing, empty, damaged, cut short, or in no known format.
    """
    return decode_rgb(_read(path, hint), path, orientation=orientation, whole=whole, hint=hint)


def decode_rgb(
    data: bytes, name: PathLike, *, orientation: Orientation, whole: bool = True, hint: str = HINT
) -> np.ndarray:
    """Returns the content of an image file as [H, W, 3] uint8 RGB; see `read_rgb`. `name` is for the error message."""
    if not whole and data.startswith(JPEG_START) and _is_cut_short(data):
        data += JPEG_END
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
    return cv2.imdecode(np.frombuffer(data, np.uint8), _SHRINKING_READ[shrink])


def decode_record_mask(data: bytes) -> np.ndarray | None:
    """Returns the PNG mask of a record as [h, w] uint8, None if it is damaged."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def encode(pixels: np.ndarray, suffix: str, quality: int = JPEG_QUALITY, name: PathLike = "an image") -> bytes:
    """Returns the content of an image file.

    Args:
        pixels: [H, W, 3] uint8 RGB, [H, W, 4] RGBA, or [H, W] uint8, uint16 or bool (True becomes 255).
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
    if suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: images are written as {', '.join(SUFFIXES)}")
    files.write_bytes(path, encode(pixels, suffix, quality, path))


def _read(path: PathLike, hint: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(path, str(error.strerror), hint) from None


def _decode(data: bytes, name: PathLike, mode: int, hint: str) -> np.ndarray:
    if not data:
        raise UnreadableImage(name, "empty", hint)
    if _is_cut_short(data):
        raise UnreadableImage(name, "cut short", hint)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as error:  # for example more pixels than OpenCV accepts
        raise UnreadableImage(name, error.err or "OpenCV error", hint) from None
    if pixels is None:
        raise UnreadableImage(name, "damaged or not an image", hint)
    return np.asarray(pixels)


def _is_cut_short(data: bytes) -> bool:
    """Returns whether a JPEG or PNG lacks its end; decoders would fill the missing part with grey in silence."""
    if data.startswith(JPEG_START):
        # Inside the scan every 0xFF is followed by 0, so the last scan marker cannot be image data.
        return data.rfind(JPEG_END) < data.rfind(JPEG_SCAN)
    return data.startswith(b"\x89PNG") and b"IEND" not in data


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


def _exif_orientation(header: Image.Image) -> int:
    """Returns the EXIF orientation of a JPEG, PNG or WebP, 1 to 8; 1 where there is none."""
    exif = Image.Exif()
    try:
        exif.load(header.info.get("exif", b""))
        tag = int(exif.get(EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises many kinds of error for damaged EXIF, which viewers ignore, too
        return 1
    return tag if 1 <= tag <= 8 else 1
