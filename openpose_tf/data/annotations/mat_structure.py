"""Checks the structure of a MATLAB 5 file before SciPy reads it, which a wrong type or size in a file makes crash.

The layout is MathWorks' "MAT-File Format": a header of 128 bytes, then elements of a tag (type, bytes) and content.
"""

import math
import struct
import zlib
from collections.abc import Callable

HEADER_BYTES, MAX_DIMENSIONS, MAX_DEPTH = 128, 32, 50
INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # bytes of a number
TEXT_SIZES = SIZES | {16: 1, 17: 2, 18: 4}  # UTF-8, -16, -32
CELL, STRUCT, OBJECT, CHAR, SPARSE, LAST_NUMERIC = 1, 2, 3, 4, 5, 15
COMPLEX = 0x0800
Element = tuple[int, int, int, int]  # type, first byte, end, first byte of the next element


def check(data: bytes) -> None:
    """Checks a whole file.

    Raises:
        ValueError: it is not a MATLAB 5 file, or is damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:HEADER_BYTES])
    if order is None:
        raise ValueError("it has no MATLAB 5 header")
    if 2 in data[124:126]:  # 7.3, which is HDF5: SciPy says so
        return
    place = HEADER_BYTES
    while place < len(data):
        kind, start, end, following = _Walk(data, order).tag(place, len(data))
        if kind == COMPRESSED:
            try:
                inner = zlib.decompressobj().decompress(data[start:end])
            except zlib.error as error:
                raise ValueError(f"its element at byte {place}: {error}") from None
            _Walk(inner, order).matrix_at(0, len(inner), 0)
            following = end  # compressed elements are not padded
        elif kind == MATRIX:
            _Walk(data, order).matrix(start, end, 0)
        else:
            raise ValueError(f"its element at byte {place} has type {kind}")
        place = following


class _Walk:
    """Elements of one buffer.

    Args:
        data: the buffer.
        order: "<" or ">".
    """

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._pair: Callable[[bytes, int], tuple[int, int]] = struct.Struct(f"{order}II").unpack_from
        self._order = order

    def tag(self, place: int, limit: int) -> Element:
        """Returns the element at a place; its content lies within the limit."""
        if place + 8 > limit:
            raise ValueError("it is cut short")
        kind, size = self._pair(self._data, place)
        if kind >> 16:  # a small element: type and size share four bytes, the content has the other four
            size, kind = kind >> 16, kind & 0xFFFF
            if size > 4:
                raise ValueError(f"its element at byte {place} has a wrong size")
            return kind, place + 4, place + 4 + size, place + 8
        end = place + 8 + size
        if end > limit:
            raise ValueError("it is cut short")
        return kind, place + 8, end, end + (-size) % 8

    def matrix_at(self, place: int, limit: int, depth: int) -> int:
        """Checks the matrix element at a place and returns the place behind it; an empty one is an empty array."""
        kind, start, end, following = self.tag(place, limit)
        if kind != MATRIX:
            raise ValueError(f"its element at byte {place} has type {kind}, expected a matrix")
        if end > start:
            self.matrix(start, end, depth)
        return following

    def matrix(self, start: int, end: int, depth: int) -> None:
        """Checks the content of a matrix element."""
        if depth > MAX_DEPTH:
            raise ValueError("it is nested without end")
        kind, first, last, place = self.tag(start, end)
        if kind != UINT32 or last - first != 8:
            raise ValueError(f"its array at byte {start} has no flags")
        flags = self._pair(self._data, first)[0]
        count, place = self._count(place, end)
        kind, _, _, place = self.tag(place, end)
        if kind != INT8:
            raise ValueError(f"its array at byte {start} has no name")
        self._content(flags & 0xFF, bool(flags & COMPLEX), count, place, end, depth)

    def _count(self, place: int, limit: int) -> tuple[int, int]:
        """Returns the number of elements of an array, from its dimensions, and the place behind them."""
        kind, first, last, following = self.tag(place, limit)
        number = (last - first) // 4
        if kind != INT32 or (last - first) % 4 or not 1 <= number <= MAX_DIMENSIONS:
            raise ValueError(f"its dimensions at byte {place} are damaged")
        sides = struct.unpack_from(f"{self._order}{number}i", self._data, first)
        count = math.prod(sides)
        if min(sides) < 0 or count > len(self._data):
            raise ValueError(f"its dimensions at byte {place} are damaged")
        return count, following

    def _content(self, array_class: int, is_complex: bool, count: int, place: int, end: int, depth: int) -> None:
        if SPARSE < array_class <= LAST_NUMERIC or array_class == CHAR:
            for _ in range(1 + is_complex):
                place = self._numbers(place, end, count, array_class == CHAR)
        elif array_class in (CELL, STRUCT, OBJECT):
            if array_class == OBJECT:
                *_, place = self.tag(place, end)  # name of the class
            if array_class != CELL:
                fields, place = self._fields(place, end)
                count *= fields
            for _ in range(count):
                place = self.matrix_at(place, end, depth + 1)
        else:
            raise ValueError(f"its array at byte {place} is of class {array_class}, which holds no plain data")

    def _numbers(self, place: int, end: int, count: int, is_text: bool) -> int:
        kind, first, last, following = self.tag(place, end)
        size = (TEXT_SIZES if is_text else SIZES).get(kind)
        if size is None or last - first < count * size or (not is_text and last - first != count * size):
            raise ValueError(f"its numbers at byte {place} are not as many as their array's dimensions say")
        return following

    def _fields(self, place: int, end: int) -> tuple[int, int]:
        """Returns the number of fields of a struct and the place behind their names."""
        kind, first, last, place = self.tag(place, end)
        length = struct.unpack_from(f"{self._order}i", self._data, first)[0] if last - first == 4 else 0
        names, first, last, place = self.tag(place, end)
        if kind != INT32 or names != INT8 or length < 1 or (last - first) % length:
            raise ValueError(f"its field names at byte {first} are damaged")
        return (last - first) // length, place
