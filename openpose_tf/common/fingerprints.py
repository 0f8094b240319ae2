"""Fingerprints of what a file, seed or name stands for: shortened SHA-256 sums of bytes, text, files and JSON."""

import hashlib
import json
from pathlib import Path
from typing import Any

WHOLE = 64  # hexadecimal digits of a SHA-256 sum


def fingerprint(*parts: bytes | str | Path, digits: int = 16) -> str:
    """Returns the first hexadecimal digits of the SHA-256 sum of the parts, one after the other.

    Args:
        parts: bytes, text (its UTF-8 bytes), or a Path (the bytes in its file).
        digits: 1 to 64. 16 = 64 bits: two of a million different things are equal by chance once in 37 million cases.
    """
    total = hashlib.sha256()
    for part in parts:
        total.update(part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part)
    return total.hexdigest()[:digits]


def canonical_json(value: Any) -> str:
    """Returns JSON text that is the same for equal values, in whatever order their keys stand."""
    return json.dumps(value, sort_keys=True)
