"""The import rules of CONTRIBUTING.md, read off the source."""

import ast
import collections
import re
import sys

import pytest

from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.structure import (
    FOLDERS,
    PACKAGES,
    circles,
    folder_arrows,
    imported_modules,
    imports,
    name,
    sources,
    upward_arrows,
)

COMPOSING_COMMANDS = {"teacher/train.py", "teacher/measure.py", "eval/run.py"}
SHARED_INFERENCE = tuple(f"inference.{m}" for m in ("decoder", "multi_scale", "drawing"))
SHARED = ("skeleton", "common", "data", "config", "keras_api", *SHARED_INFERENCE)
MAX_FILES_IN_A_FOLDER = 16


@pytest.mark.parametrize("path", sources(), ids=name)
def test_packages_import_only_what_they_may(path):
    package = path.relative_to(ROOT).parts[0]
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top not in PACKAGES or top == package or name(path) in COMPOSING_COMMANDS:
            continue
        assert top == "openpose_tf", f"{name(path)} imports {imported}"
        assert any(f"{rest}.".startswith(f"{shared}.") for shared in SHARED), f"{name(path)} imports {imported}"


@pytest.mark.parametrize("package", FOLDERS)
def test_a_folder_imports_only_folders_below_it(package):
    assert not upward_arrows(package)


@pytest.mark.parametrize("package", FOLDERS)
def test_every_folder_of_code_has_its_place_in_the_order(package):
    folders = {
        path.parent.relative_to(ROOT / package).parts[0] for path in sources(package) if path.parent != ROOT / package
    }
    assert folders - {"common"} == set(FOLDERS[package]) - {""}
    assert folder_arrows(package), "no import between folders was found: the test looks at nothing"


def test_no_modules_import_each_other_in_a_circle():
    assert circles(imported_modules(sources())) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_a_folder_holds_at_most_16_files():
    tests = (path for path in (ROOT / "tests").rglob("*.py"))
    sizes = collections.Counter(name(path.parent) for path in [*sources(), *tests])
    assert {folder: size for folder, size in sizes.items() if size > MAX_FILES_IN_A_FOLDER} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_files_on_top_of_a_package_are_its_commands(package):
    base = {"__init__.py", "__main__.py", "config.py", "skeleton.py", "addons.py", "keras_api.py"}
    for path in (ROOT / package).glob("*.py"):
        assert path.name in base or "cli.run(" in path.read_text(), f"{name(path)} is not a command"


@pytest.mark.parametrize(
    ("module", "home"),
    [
        ("bpy", "synth/rendering/blender.py"),
        ("mathutils", "synth/rendering/blender.py"),
        ("tensorflow_addons", "openpose_tf/addons.py"),
        ("PIL", "openpose_tf/common/imaging/images.py"),
        ("matplotlib", "openpose_tf/common/plotting.py"),
    ],
)
def test_only_one_module_imports(module, home):
    assert {name(path) for path in sources() if any(i.split(".")[0] == module for i in imports(path))} == {home}


def test_only_one_module_decodes_and_encodes_image_files():
    codecs = {"imread", "imdecode", "imencode", "imwrite"}
    trees = {name(path): ast.walk(ast.parse(path.read_text())) for path in sources()}
    users = {n for n, nodes in trees.items() if any(getattr(node, "attr", None) in codecs for node in nodes)}
    assert users == {"openpose_tf/common/imaging/images.py"}


def test_keras_comes_from_one_module():
    others = [path for path in sources() if name(path) != "openpose_tf/keras_api.py"]
    assert not [name(path) for path in others if re.search(r"\btf\.keras\b", path.read_text())]
    assert not [name(path) for path in others if {"keras", "tensorflow.keras", "tf_keras"} & imports(path)]


def test_a_render_worker_imports_neither_tensorflow_nor_torch():
    code = (
        "import sys, synth.rendering.rendered_image, synth.rendering.mixed_image, synth.workers.engine\n"
        "print(sorted({'tensorflow', 'keras', 'torch', 'bpy'} & set(sys.modules)))"
    )
    assert run_command("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize("path", [p for p in sources() if p.name == "__init__.py"], ids=name)
def test_package_files_hold_a_docstring_and_nothing_else(path):
    body = ast.parse(path.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize(
    "path",
    [
        "openpose_tf/skeleton.py",
        "openpose_tf/data/annotations/types.py",
        "openpose_tf/data/annotations/image_dataset_schema.py",
        "openpose_tf/data/records/schema.py",
    ],
)
def test_shared_tables_need_numpy_at_most(path):
    assert {i.split(".")[0] for i in imports(ROOT / path)} <= {"numpy", "openpose_tf"} | sys.stdlib_module_names


def test_only_entry_points_define_or_read_flags():
    for path in sources():
        text = path.read_text()
        if "cli.run(" in text or "flags" in path.name or path.name == "cli.py":
            continue
        readers = [
            node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and node.attr == "FLAGS"
        ]
        assert not readers, f"{name(path)} reads flags in line {readers[0].lineno}"


def test_tests_start_python_in_one_place_and_hold_no_stopwatch():
    """Benchmarks measure; a test that measures fails on a busy machine."""
    home = {"executable": "tests/support/commands.py"}
    for path in (ROOT / "tests").rglob("*.py"):
        used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        for word in used & {"executable", "process_time", "perf_counter", "thread_time"}:
            allowed = path.parent.name == "benchmarks" or home.get(word) == name(path)
            assert allowed, f"{name(path)} uses {word}: see tests/support/commands.py and tests/benchmarks"
