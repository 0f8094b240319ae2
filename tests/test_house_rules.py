"""The import rules of CONTRIBUTING.md, read off the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("openpose_tf", "synth", "teacher", "eval")
COMPOSING_ENTRY_POINTS = {"teacher/train.py", "teacher/demo.py", "eval/run.py"}
SHARED = ("skeleton", "common", "data", "decode", "multi_scale", "draw", "config", "images")


def imports(path: Path) -> set[str]:
    """Returns the dotted names of everything a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_rooms_import_only_what_they_may(path):
    room = path.relative_to(ROOT).parts[0]
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top not in ROOMS or top == room or name(path) in COMPOSING_ENTRY_POINTS:
            continue
        assert top == "openpose_tf", f"{name(path)} imports {imported}"
        assert rest.split(".")[0] in SHARED, f"{name(path)} imports {imported}"


@pytest.mark.parametrize(
    ("module", "home"),
    [("bpy", "synth/blender.py"), ("mathutils", "synth/blender.py"), ("tensorflow_addons", "openpose_tf/addons.py")],
)
def test_heavy_doors_are_in_one_module(module, home):
    users = {name(path) for path in sources(*ROOMS) if any(i.split(".")[0] == module for i in imports(path))}
    assert users <= {home}


@pytest.mark.parametrize("path", [p for p in sources(*ROOMS) if p.name == "__init__.py"], ids=name)
def test_package_files_hold_a_docstring_and_nothing_else(path):
    body = ast.parse(path.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize(
    "path", ["openpose_tf/skeleton.py", "openpose_tf/data/annotations.py", "openpose_tf/data/schema.py"]
)
def test_shared_tables_need_numpy_at_most(path):
    allowed = {"numpy", "openpose_tf", "collections", "dataclasses", "enum", "pathlib", "typing"}
    assert {i.split(".")[0] for i in imports(ROOT / path)} <= allowed


def test_only_entry_points_define_or_read_flags():
    for path in sources(*ROOMS):
        text = path.read_text()
        if "cli.run(" in text or "flags" in path.name or path.name == "cli.py":
            continue
        readers = [
            node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and node.attr == "FLAGS"
        ]
        assert not readers, f"{name(path)} reads flags in line {readers[0].lineno}"
