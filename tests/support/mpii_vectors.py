"""The toolkit's recorded outputs of tests/fixtures/mpii_vectors."""

import json
import lzma
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "mpii_vectors"
CASES = sorted(path.stem for path in FOLDER.glob("inputs/*.mat"))
JSON_CASES = sorted(path.name.removesuffix(".json.xz") for path in FOLDER.glob("inputs/*.json.xz"))


def mat_input(case: str) -> str:
    """Returns the path of a case's .mat file, ground truth and predictions in one."""
    return str(FOLDER / "inputs" / f"{case}.mat")


def json_input(case: str, folder: Path) -> str:
    """Unpacks a case's JSON form into a folder; returns its path."""
    path = folder / f"{case}.json"
    path.write_bytes(lzma.decompress((FOLDER / "inputs" / f"{case}.json.xz").read_bytes()))
    return str(path)


def expected(name: str) -> Any:
    """Returns the recorded numbers of a case, or of "cases" or "oks"."""
    path = FOLDER / "expected" / f"{name}.json"
    packed = path.with_suffix(".json.xz")
    return json.loads(path.read_text() if path.exists() else lzma.decompress(packed.read_bytes()))
