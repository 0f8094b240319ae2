"""Code blocks of README and docs that are marked `<!-- tested -->` run, in the order of their page, in an empty folder.

A mark `tested: file NAME` writes the block to a file; a page with `tested: slow` is run by the slow tests.
"""

import os
import shlex

import pytest

from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.docs import pages
from tests.support.structure import name


def _marked(page):
    return [block for block in pages.blocks(page) if block.mark is not None]


def _is_slow(page):
    return any(block.mark == "slow" for block in _marked(page))


PARAMETERS = [
    pytest.param(page, marks=[pytest.mark.slow, pytest.mark.timeout(3000)] if _is_slow(page) else [], id=name(page))
    for page in pages.all_pages()
    if _marked(page)
]


@pytest.mark.parametrize("page", PARAMETERS)
def test_the_marked_blocks_run(page, tmp_path):
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    for block in _marked(page):
        if block.mark.startswith("file "):
            (tmp_path / block.mark.removeprefix("file ")).write_text(block.text + "\n")
        elif block.language == "python":
            run_command("-c", block.text, cwd=tmp_path, env={"PYTHONPATH": path})
        else:
            for line in block.text.replace("\\\n", " ").splitlines():
                words = pages.words_of(line)
                if words:
                    assert words[:2] == ["python", "-m"], (
                        f"only the project's commands are run, not {shlex.join(words)}"
                    )
                    run_command(*words[2:], cwd=tmp_path, env={"PYTHONPATH": path}, timeout=1200)
