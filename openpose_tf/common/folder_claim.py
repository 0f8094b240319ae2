"""A folder remembers the settings that made it, in one of its JSON files, and refuses work with other settings."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

MAX_SHOWN = 5  # differing settings in a message
MAX_TEXT = 60  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class FolderClaim:
    """Which file of a folder holds the settings, and what to say where they differ.

    Attributes:
        file_name: the JSON file.
        what: what the file should be, for the error message.
        fix: what to do where the settings differ.
        older: what settings were in folders that are older than these settings.
    """

    file_name: str
    what: str
    fix: str
    older: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def check(self, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the content of the folder's file, None where there is none; writes nothing.

        Args:
            folder: may be missing.
            settings: JSON-able; all of it must be the same in the file, which may hold more.

        Raises:
            UserError: the file is something else, or settings differ; the message names them.
        """
        path = folder / self.file_name
        if not path.exists():
            return None
        content = files.read_json(path, self.what)
        if not isinstance(content, dict):
            raise UserError(f"{path} is not {self.what}: {self.fix}")
        before = {**_flat(self.older), **_flat(content)}
        require_same(folder, {k: v for k, v in before.items() if k.partition(".")[0] in settings}, settings, self.fix)
        return content

    def claim(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Writes the settings of a new folder, or checks those of one that is there.

        Raises:
            UserError: as `check`.
        """
        if self.check(folder, settings) is None:
            files.write_json(folder / self.file_name, dict(settings))


def require_same(folder: Path, before: Mapping[str, Any], settings: Mapping[str, Any], fix: str) -> None:
    """Refuses settings other than those that made a folder; one that is missing on a side is none there.

    Args:
        folder: for the message.
        before: settings that made it, as read from JSON.
        settings: JSON-able settings of now.
        fix: what to do where they differ.

    Raises:
        UserError: they differ; names each setting with both values.
    """
    old, new = _flat(before), _flat(json.loads(json.dumps(settings)))  # JSON knows no tuple
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    if names:
        changes = [f"{name}: {_differing_texts(old.get(name), new.get(name))}" for name in names[:MAX_SHOWN]]
        more = [f"{len(names) - MAX_SHOWN} more"] if len(names) > MAX_SHOWN else []
        raise UserError(f"{folder} was made with other settings ({'; '.join([*changes, *more])}): {fix}")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested settings as one mapping of dotted names."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _differing_texts(before: Any, now: Any) -> str:
    """Returns both values as text, of long ones the part where they begin to differ."""
    texts = [value if isinstance(value, str) else json.dumps(value) for value in (before, now)]
    texts = ["none" if text == "null" else text for text in texts]
    if max(map(len, texts)) > MAX_TEXT:
        same = next((k for k, (one, other) in enumerate(zip(*texts)) if one != other), min(map(len, texts)))
        texts = [_part(text, max(0, same - MAX_TEXT // 3)) for text in texts]
    return ", now ".join(texts)


def _part(text: str, start: int) -> str:
    end = start + MAX_TEXT
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
