"""Prints the size of the code and of its structure: lines, files per folder, imports between folders, circles.

    python tests/benchmarks/bench_structure.py [CHECKOUT]

Lines of code are lines without blank ones, docstrings and comments. An arrow is a pair of folders (files count as
folders where a package is flat) of which the first imports the second.
"""

import ast
import collections
import io
import sys
import tokenize
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.checkout import ROOT
from tests.support.structure import PACKAGES, circles, imported_modules, name, sources


def code_lines(path: Path) -> int:
    """Returns the number of lines that hold code: no blank line, comment or docstring."""
    text = path.read_text()
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def rooms_and_arrows(package: str, root: Path) -> tuple[int, int]:
    """Returns how many folders and top files a package has, and how many pairs of them import each other."""
    graph = imported_modules(sources(package, root=root), root)
    room = {module: ".".join(module.split(".")[:2]) for module in graph}
    arrows = {(room[a], room[b]) for a, targets in graph.items() for b in targets if room[a] != room[b]}
    return len(set(room.values()) - {package}), len(arrows)


def main() -> None:
    """Prints the table."""
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    tests = sorted((root / "tests").rglob("*.py"))
    print(f"{'package':12s}{'lines of code':>15s}{'files':>8s}{'largest folder':>16s}{'rooms':>8s}{'arrows':>8s}")
    for package in PACKAGES:
        paths = sources(package, root=root)
        largest = max(collections.Counter(path.parent for path in paths).values())
        rooms, arrows = rooms_and_arrows(package, root)
        lines = sum(map(code_lines, paths))
        print(f"{package:12s}{lines:15,d}{len(paths):8d}{largest:16d}{rooms:8d}{arrows:8d}")
    print(f"{'all four':12s}{sum(map(code_lines, sources(root=root))):15,d}{len(sources(root=root)):8d}")
    largest = collections.Counter(name(path.parent, root) for path in tests).most_common(1)[0]
    print(f"{'tests':12s}{sum(map(code_lines, tests)):15,d}{len(tests):8d}{largest[1]:16d} ({largest[0]})")
    print(f"circles: {circles(imported_modules(sources(root=root), root)) or 'none'}")


if __name__ == "__main__":
    main()
