"""What the bytes of an image file say before they are decoded: its format, and whether its end is there."""

import re

JPEG_START, JPEG_SCAN, JPEG_END = 0xD8, 0xDA, 0xD9
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
HEAD_BYTES = 32  # enough for `format_of`
# Inside a scan 0xFF is followed by 0 (a stuffed byte), by a restart marker, or by more 0xFF; else it is a marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    PNG_START: "PNG",
    b"GIF8": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), "HEIC")


def format_of(head: bytes) -> str | None:
    """Returns the image format that the first `HEAD_BYTES` bytes of a file announce, None for anything else."""
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "BMP"
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def is_cut_short(data: bytes) -> bool:
    """Returns whether a JPEG or PNG lacks its end; decoders fill the missing part with grey in silence.

    What follows the end, such as the video of a motion photo, does not count.
    """
    if data.startswith(b"\xff\xd8"):
        return not _jpeg_ends(data)
    return data.startswith(PNG_START) and not _png_ends(data)


def _jpeg_ends(data: bytes) -> bool:
    """Walks a JPEG's segments and scans up to its end marker; thumbnails inside of segments are stepped over."""
    place = 2
    while (found := _MARKER.search(data, place)) is not None:
        marker, place = found[1][0], found.end()
        if marker == JPEG_END:
            return True
        if marker not in (0x01, JPEG_START):  # all others bring their length
            place += int.from_bytes(data[place : place + 2], "big")
    return False


def _png_ends(data: bytes) -> bool:
    place = len(PNG_START)
    while place + 12 <= len(data):
        if data[place + 4 : place + 8] == PNG_END:
            return True
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return False
