"""Seeded damage: to values (JSON, structs), to bytes, to words of a text."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, 1e-300, 7.0, 2**31, 2**63, 10**400, -(10**9), 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "0", "1", "007", "x", " 1 ", "nan", "1e999", "\0", "\ud800", "a/b", "C:\\a", "ä", "x" * 300, "../../a"),
    *([], {}, [[]], [None], [0], [[0, 0], [1, 1]], {"a": 1}, [1] * 51, ["a"] * 51, {"size": [72, 96], "counts": "abc"}),
)  # fmt: skip


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """All (container, key) pairs in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found.append((value, key))
        if isinstance(child, (dict, list)):
            _places(child, found)
    return found


def _delete(rng: Rng, parent: Any, key: Any) -> None:
    del rng, parent[key]


def _replace(rng: Rng, parent: Any, key: Any) -> None:
    parent[key] = copy.deepcopy(ODD_VALUES[rng.integers(len(ODD_VALUES))])


def _retype(rng: Rng, parent: Any, key: Any) -> None:
    value = parent[key]
    options: list[Callable[[], Any]] = [lambda: str(value), lambda: [value], lambda: {"value": value}, lambda: None]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15:
        options += [lambda: float(value), lambda: int(value), lambda: -value, lambda: value + 0.5]
    if isinstance(value, str):
        options += [lambda: int(value) if value.isdigit() else value.encode().hex(), lambda: list(value)]
    parent[key] = options[rng.integers(len(options))]()


def _duplicate(rng: Rng, parent: Any, key: Any) -> None:
    if isinstance(parent, list):
        parent.insert(int(rng.integers(len(parent) + 1)), copy.deepcopy(parent[key]))
    else:
        parent[str(key) + " "] = copy.deepcopy(parent[key])


def _cut(rng: Rng, parent: Any, key: Any) -> None:
    if isinstance(parent[key], (list, str)):
        parent[key] = parent[key][: int(rng.integers(len(parent[key]) + 1))]
    elif isinstance(parent[key], dict):
        for name in list(parent[key])[int(rng.integers(len(parent[key]) + 1)) :]:
            del parent[key][name]


def _exchange(rng: Rng, parent: Any, key: Any) -> None:
    keys = list(parent) if isinstance(parent, dict) else range(len(parent))
    other = keys[int(rng.integers(len(keys)))]
    parent[key], parent[other] = parent[other], parent[key]


def _flip_number(rng: Rng, parent: Any, key: Any) -> None:
    """One bit of a number or of a text's character."""
    value = parent[key]
    if isinstance(value, bool):
        parent[key] = not value
    elif isinstance(value, int) and abs(value) < 2**62:
        parent[key] = value ^ (1 << int(rng.integers(40)))
    elif isinstance(value, float):
        bits = np.array([value]).view(np.uint64)
        bits ^= np.uint64(1) << np.uint64(rng.integers(64))
        parent[key] = float(bits.view(np.float64)[0])
    elif isinstance(value, str) and value:
        place = int(rng.integers(len(value)))
        parent[key] = value[:place] + chr(ord(value[place]) ^ (1 << int(rng.integers(7)))) + value[place + 1 :]


OPERATIONS = (_delete, _replace, _replace, _retype, _duplicate, _cut, _exchange, _flip_number, _flip_number)


def mutate_value(rng: Rng, value: Any) -> Any:
    """Returns a deep copy of a JSON-like value with one to three changes; parts that are one object stay one."""
    value = pickle.loads(pickle.dumps(value))  # as copy.deepcopy, in a tenth of its time
    for _ in range(int(rng.integers(1, 4))):
        places = _places(value, [])
        if places:
            parent, key = places[int(rng.integers(len(places)))]
            OPERATIONS[int(rng.integers(len(OPERATIONS)))](rng, parent, key)
    return value


def mutate_bytes(rng: Rng, data: bytes) -> bytes:
    """Returns bytes with flipped bits, a part cut out, cut off, repeated or zeroed."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not changed:
            break
        first, second = sorted(int(place) for place in rng.integers(0, len(changed), 2))
        kind = int(rng.integers(8))
        if kind < 4:
            changed[first] ^= 1 << int(rng.integers(8))
        elif kind == 4:
            del changed[first : first + int(rng.integers(1, 9))]
        elif kind == 5:
            changed[first:first] = changed[first : first + int(rng.integers(1, 40))]
        elif kind == 6:
            changed[first : min(second, first + 16)] = bytes(min(second, first + 16) - first)
        elif rng.random() < 0.3:
            del changed[first:]
    return bytes(changed)


def mutate_json(rng: Rng, value: Any) -> bytes:
    """Returns the text of a changed value; of one in ten the bytes are changed, or a key or a bracket is repeated."""
    text = json.dumps(mutate_value(rng, value)).encode()
    kind = rng.random()
    if kind < 0.06:
        return mutate_bytes(rng, text)
    if kind < 0.1:
        keys = [place for place in range(len(text)) if text[place : place + 1] == b"{"]
        if keys:
            place = keys[int(rng.integers(len(keys)))] + 1
            name = (b"id", b"images", b"keypoints", b"people", b"root", b"score")[int(rng.integers(6))]
            return text[:place] + b'"' + name + b'": [7], ' + text[place:]
    return text if kind > 0.102 else b"[" * 100000 + text


def mutate_words(rng: Rng, text: str) -> str:
    """Returns a text whose words and lines are changed, dropped, repeated and exchanged."""
    odd = (
        "0",
        "-1",
        "1e400",
        "nan",
        "inf",
        "{",
        "}",
        "Frames:",
        "99999999999",
        "JOINT",
        "CHANNELS",
        "Xrotation",
        "\0",
        "ä",
        "",
    )
    for _ in range(int(rng.integers(1, 4))):
        by_lines = rng.random() < 0.4
        parts = text.split("\n") if by_lines else text.split(" ")
        place, other = (int(k) for k in rng.integers(0, len(parts), 2))
        kind = int(rng.integers(6))
        if kind == 0:
            del parts[place]
        elif kind == 1:
            parts.insert(other, parts[place])
        elif kind == 2:
            parts[place], parts[other] = parts[other], parts[place]
        elif kind == 3:
            parts[place] = odd[int(rng.integers(len(odd)))]
        elif kind == 4:
            parts[place] = mutate_bytes(rng, parts[place].encode()).decode(errors="replace")
        elif rng.random() < 0.3:
            del parts[place:]
        text = ("\n" if by_lines else " ").join(parts)
    return text
