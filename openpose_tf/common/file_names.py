"""Names of the files by which one package finds what another one wrote, and names as other programs write them."""

import os
import re
import unicodedata
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

UNICODE_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")  # macOS takes names apart (NFD), others keep them

# In a model_dir: numbers of every log step, the teacher's decisions, numbers of the finished run.
METRICS, DECISIONS, SUMMARY = "metrics.jsonl", "decisions.jsonl", "summary.json"
GROUPS = "groups.json"  # a teacher's groups, in the model_dir of its run and in partitioned records
POSE_DESCRIPTION = "pose.json"  # in the assets of an exported student: its network, decoder and sizes


def last_part(name: str) -> str:
    """Returns a file's name without folders (of Windows, too), its URL escapes undone, in Unicode's form NFC."""
    return unicodedata.normalize("NFC", unquote(name).replace("\\", "/").rsplit("/", 1)[-1])


def find_file(root: Path, name: str) -> Path:
    """Returns the file that an annotation names, which may have been written on another system.

    Looked for, in this order: the name as it is, with Windows separators, with URL escapes undone, then the last parts
    of these; each in both Unicode forms. Returns root / name where there is no such file.
    """
    plain = name.replace("\\", "/")
    written = [name, plain, unquote(plain)]
    written += [part.rsplit("/", 1)[-1] for part in written]
    forms = (form for part in written for form in (part, *(unicodedata.normalize(f, part) for f in UNICODE_FORMS)))
    return next((root / form for form in forms if os.path.isfile(root / form)), root / name)


def id_of_name(file: str) -> int | str:
    """Returns the number that a file name ends with, as COCO names its images, or else the name without suffix.

    000000000139.jpg and COCO_val2014_000000000139.jpg are 139.
    """
    number = re.search(r"[0-9]+$", Path(file).stem)
    return int(number[0]) if number else str(Path(file).with_suffix(""))
