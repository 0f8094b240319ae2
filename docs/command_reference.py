"""Hook of mkdocs (mkdocs.yml): fills reference/commands.md with every command and its flags, from their definitions.

The tests use the same functions to check the commands and flags that README and docs name (tests/docs).
"""

import functools
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # mkdocs starts in the checkout, whether the project is installed or not

from absl import flags  # noqa: E402

from openpose_tf.common import command_list  # noqa: E402

PACKAGES = ("openpose_tf", "synth", "teacher", "eval")
MARKER = "<!-- every command, from its own definitions -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page: replaces the marker by the reference of all commands."""
    if str(ROOT) not in sys.path:  # mkdocs drops what a hook adds while it is imported
        sys.path.append(str(ROOT))
    return markdown.replace(MARKER, "\n".join(_reference())) if MARKER in markdown else markdown


@functools.cache
def all_commands() -> dict[str, str]:
    """Returns the module of every command -> its first line."""
    return {module: line for package in PACKAGES for module, line in command_list.find_commands(package).items()}


@functools.cache
def flags_of(command: str) -> dict[str, flags.Flag]:
    """Returns the flags of a command by name, as `--help` lists them.

    Args:
        command: what stands after `python -m`.
    """
    module = _module(command)
    others = set(flags.FLAGS)
    module.define_flags()
    own = {name: flags.FLAGS[name] for name in flags.FLAGS if name not in others}
    for name in own:
        delattr(flags.FLAGS, name)  # the next command defines some of them again
    return own


def _module(command: str) -> Any:
    folder = ROOT.joinpath(*command.split("."))
    return importlib.import_module(f"{command}.__main__" if folder.is_dir() else command)


def _reference() -> Iterator[str]:
    for command in all_commands():
        yield f"\n## {command}\n"
        yield _description(_module(command).__doc__ or "")
        yield "\n| flag | default | meaning |\n|---|---|---|"
        for name, flag in sorted(flags_of(command).items()):
            spelling = f"--[no]{name}" if flag.boolean else f"--{name}"
            yield f"| `{spelling}` | {_default(flag)} | {_meaning(flag)} |"


def _description(docstring: str) -> str:
    first, _, others = docstring.strip().partition("\n")
    return f"{first}\n\n```text\n{others.strip()}\n```" if others.strip() else first


def _default(flag: flags.Flag) -> str:
    text = "" if flag.default is None else str(flag.default_as_str or "").strip("'")
    text = text.replace(f"{ROOT}/", "")
    return f"`{text}`" if text else ""


def _meaning(flag: flags.Flag) -> str:
    values = getattr(flag.parser, "enum_values", None) or ()
    text = (flag.help or "").removeprefix(f"<{'|'.join(values)}>: ")  # absl puts the choices first
    text = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return f"{text} One of: {', '.join(f'`{value}`' for value in values)}." if values else text
