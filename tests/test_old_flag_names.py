"""The folder and file flags of earlier versions still work, as aliases of the uniform names."""

import contextlib
import importlib

import pytest
from absl import flags

ALIASES = [
    ("synth.stylize", "input", "input_dir"),
    ("synth.stylize", "output", "output_dir"),
    ("synth.filter_backgrounds", "input", "input_dir"),
    ("synth.bake_body", "data", "input_dir"),
    *(
        (command, "output", "output_file")
        for command in (
            *("synth.filter_backgrounds", "synth.bake_body", "synth.style_sheet", "synth.view", "synth.to_coco"),
            *("eval.mpii", "eval.oks", "eval.compare", "eval.visibility", "eval.tables", "eval.report.__main__"),
        )
    ),
]


@pytest.mark.parametrize(("command", "old", "new"), ALIASES)
def test_an_old_name_sets_the_flag(command, old, new):
    before = set(flags.FLAGS)
    importlib.import_module(command).define_flags()
    try:
        with contextlib.suppress(flags.Error):  # flags that the command needs, too
            flags.FLAGS([command, f"--{old}=somewhere"])
        assert flags.FLAGS[new].value == "somewhere"
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
