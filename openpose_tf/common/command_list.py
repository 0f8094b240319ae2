"""Lists the commands of a package, for `python -m synth` and its like; imports none of them."""

import ast
import importlib.util
import re
from pathlib import Path

from openpose_tf.common import cli

_STARTS_ITSELF = re.compile(r'^if __name__ == "__main__":\n    cli\.run\(', re.MULTILINE)
_NARROWEST = 28  # characters of the first column


def find_commands(package: str) -> dict[str, str]:
    """Returns the commands of a package: the module to start -> the first line of its docstring.

    Args:
        package: name of a top-level package, such as `synth`.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package!r}")
    top = Path(spec.origin).parent
    found = {}
    for path in sorted(top.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path != top / "__main__.py" and _STARTS_ITSELF.search(text):
            words = path.relative_to(top.parent).with_suffix("").parts
            found[".".join(words).removesuffix(".__main__")] = _first_line(ast.parse(text))
    return found


def _first_line(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def run(package: str) -> None:
    """Prints the commands of a package with a line each and ends the process; any argument is refused."""
    cli.run(lambda: print(describe(package)))


def describe(package: str) -> str:
    """Returns what `python -m PACKAGE` prints."""
    commands = find_commands(package)
    width = max(_NARROWEST, *map(len, commands))
    lines = [f"  python -m {module:{width}}  {summary}" for module, summary in commands.items()]
    return "\n".join([f"Commands of {package} (--help after each explains its flags):", *lines])
