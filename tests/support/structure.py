"""The project's import structure, read off its source: modules, folders, arrows between them, circles."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.support.checkout import ROOT

PACKAGES = ("openpose_tf", "synth", "teacher", "eval")

# A folder imports only folders that come after it. "" holds the commands on top of the package.
FOLDERS = {
    "openpose_tf": ("", "training", "inference", "weights", "labels", "network", "data"),
    "openpose_tf/data": ("", "input", "records", "annotations"),
    "synth": (
        *("", "rendering", "stylization", "dataset", "scene", "clothing", "poses", "detection", "body", "workers"),
    ),
    "teacher": ("", "demo", "examples", "curriculum", "simulation", "teachers", "groups"),
    "eval": ("", "study", "report", "benchmark", "formats", "metrics"),
}
BASE = {"openpose_tf": ("config", "skeleton", "addons", "keras_api", "common")}  # every folder may import these


def sources(*packages: str, root: Path = ROOT) -> list[Path]:
    """Returns the Python files of packages, sorted."""
    return [path for package in packages or PACKAGES for path in sorted((root / package).rglob("*.py"))]


def name(path: Path, root: Path = ROOT) -> str:
    """Returns a file's path below the root, with slashes."""
    return path.relative_to(root).as_posix()


def module_name(path: Path, root: Path = ROOT) -> str:
    """Returns the dotted name of a file; of a package for its `__init__.py`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Returns the dotted names of everything a file imports, anywhere in it, by statement or by importlib."""
    return set(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called_name(node) == "import_module":
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def imported_modules(paths: Iterable[Path], root: Path = ROOT) -> dict[str, set[str]]:
    """Returns for each module the project's modules that it imports."""
    paths = list(paths)
    known = {module_name(path, root) for path in paths}
    graph = {}
    for path in paths:
        here = module_name(path, root)
        found = {next((p for p in _prefixes(imported) if p in known), None) for imported in imports(path)}
        graph[here] = {module for module in found if module} - {here}
    return graph


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Returns the groups of nodes that reach each other, each sorted."""
    reach = {node: _reachable(graph, node) for node in graph}
    groups = {frozenset({m for m in reach[n] if n in reach.get(m, ())}) for n in graph if n in reach[n]}
    return sorted(sorted(group) for group in groups)


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for node in graph.get(waiting.pop(), ()):
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return seen


def folder_arrows(package: str, root: Path = ROOT) -> dict[tuple[str, str], list[str]]:
    """Returns the imports between folders of a package: (from, to) -> the imports, as "file -> module".

    Args:
        package: a key of `FOLDERS`, with slashes.
        root: the checkout.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    dotted = package.replace("/", ".")
    for path in sources(package, root=root):
        here = _folder(path.relative_to(root / package).parts, package)
        for imported in imports(path):
            if not imported.startswith(dotted + "."):
                continue
            there = _folder_of_module(imported[len(dotted) + 1 :].split("."), package, root)
            if there != here and there not in BASE.get(package, ()) and here not in BASE.get(package, ()):
                arrows.setdefault((here, there), []).append(f"{name(path, root)} -> {imported}")
    return arrows


def _folder(parts: tuple[str, ...], package: str) -> str:
    top = parts[0].removesuffix(".py")
    return top if len(parts) > 1 or top in BASE.get(package, ()) else ""


def _folder_of_module(parts: list[str], package: str, root: Path) -> str:
    is_folder = (root / package / parts[0]).is_dir() or parts[0] in BASE.get(package, ())
    return parts[0] if is_folder else ""


def upward_arrows(package: str, root: Path = ROOT) -> list[str]:
    """Returns the imports of a package that go against the order of `FOLDERS`."""
    order = {folder: place for place, folder in enumerate(FOLDERS[package])}
    return [
        f"{here or 'commands'} imports {there or 'commands'}: {line}"
        for (here, there), lines in sorted(folder_arrows(package, root).items())
        if order.get(there, -1) <= order.get(here, len(order))
        for line in lines
    ]
