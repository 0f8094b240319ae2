"""`python -m synth` and its like: every command with a line, without importing one of them."""

import pytest

from openpose_tf.common import command_list
from tests.support.commands import run_command
from tests.support.structure import PACKAGES, module_name, sources


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_without_a_verb_lists_its_commands(package):
    lines = run_command(package).stdout.splitlines()[1:]
    listed = {line.split()[2]: line.split(maxsplit=3)[3] for line in lines}
    commands = {p for p in sources(package) if "    cli.run(main, define_flags" in p.read_text()}
    assert set(listed) == {module_name(path).removesuffix(".__main__") for path in commands}
    assert all(10 < len(line) <= 90 for line in listed.values())


def test_an_argument_is_refused():
    assert "unexpected argument 'render'" in run_command("synth", "render", code=2).stderr


def test_a_package_that_is_not_there():
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        command_list.find_commands("no_such")
