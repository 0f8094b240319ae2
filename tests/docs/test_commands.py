"""Every command and flag that README and docs name exists, by the commands' own definitions."""

import functools
import json

import pytest

from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.docs import pages
from tests.support.structure import PACKAGES, name

PAGES = [page for page in pages.all_pages() if page.name != "CHANGELOG.md"]  # which names what went, too
OF_OTHERS = {"zipfile", "pytest", "package.verb"}  # modules of others, and a placeholder
OF_ABSL = {"help", "flagfile", "verbosity"}
CODE = """
import json
from docs import command_reference as reference
found = {c: sorted(f"no{n}" * k or n for n, f in reference.flags_of(c).items() for k in range(1 + f.boolean))
         for c in reference.all_commands()}
print("FLAGS", json.dumps([found, reference.on_page_markdown(reference.MARKER)]))
"""


@functools.cache
def _reference() -> tuple[dict[str, set[str]], str]:
    """Returns the flags of each command, and the page that lists them; in a process of its own, as it defines flags."""
    line = next(row for row in run_command("-c", CODE).stdout.splitlines() if row.startswith("FLAGS"))
    found, page = json.loads(line.removeprefix("FLAGS"))
    return {command: set(names) | OF_ABSL for command, names in found.items()}, page


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_their_flags_exist(page):
    known, _ = _reference()
    for module, flags in pages.commands(page.read_text()):
        if module in OF_OTHERS or (module in PACKAGES and not flags):
            continue
        assert module in known, f"{name(page)}: python -m {module}"
        assert set(flags) <= known[module], f"{name(page)}: python -m {module} has no {set(flags) - known[module]}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_named_in_the_text_exist(page):
    known, _ = _reference()
    if page.parent.name != "measurements":  # they tell of what was, and of benchmarks
        assert pages.named_flags(page) - set().union({"flag"}, *known.values()) == set()


def test_the_reference_lists_every_command_with_its_flags():
    known, page = _reference()
    assert len(known) > 25
    for command, flags in known.items():
        section = page.split(f"\n## {command}\n")[1].split("\n## ")[0]
        assert all(
            f"`--{flag}`" in section or f"`--[no]{flag}`" in section for flag in flags - OF_ABSL if flag[:2] != "no"
        )
    assert str(ROOT) not in page
