"""Every command ends with the right exit code and one clear message, never a traceback for a user's mistake."""

import pytest

from tests.support.commands import run_command

PROGRAM = """
import errno
from absl import flags
from openpose_tf.common import cli
from openpose_tf.common.errors import MachineError, UserError
flags.DEFINE_enum("fail", "none", {choices}, "How to end.")

def main(argv):
    ways = dict(
        user=UserError("x.json does not exist: expected a COCO file"),
        machine=MachineError("a worker died"),
        interrupt=KeyboardInterrupt(),
        full=OSError(errno.ENOSPC, "No space left on device", "out.png"),
        permission=PermissionError(errno.EACCES, "Permission denied", "out.png"),
        missing=FileNotFoundError(errno.ENOENT, "No such file", "in.png"),
        bug=ZeroDivisionError("a bug"),
    )
    if flags.FLAGS.fail in ways:
        raise ways[flags.FLAGS.fail]
    return 3 if flags.FLAGS.fail == "code" else None

cli.run(main)
""".format(choices=["none", "user", "machine", "interrupt", "full", "permission", "missing", "bug", "code"])


@pytest.mark.parametrize(
    ("way", "code", "message"),
    [
        ("none", 0, ""),
        ("code", 3, ""),
        ("user", 2, "error: x.json does not exist: expected a COCO file"),
        ("machine", 1, "error: a worker died"),
        ("interrupt", 130, "run the same command again"),
        ("full", 1, "the disk is full while writing out.png"),
        ("permission", 2, "no permission for out.png"),
        ("missing", 2, "in.png does not exist"),
    ],
)
def test_exit_code_and_message(way, code, message):
    result = run_command("-c", PROGRAM, f"--fail={way}", code=code)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("argument", ["--fail=perhaps", "--no_such_flag=1"])
def test_wrong_flags_end_with_2_and_name_the_flag(argument):
    result = run_command("-c", PROGRAM, argument, code=2)
    assert argument.split("=")[0].lstrip("-") in result.stderr


def test_help_explains_and_ends_well():
    assert "--fail:" in run_command("-c", PROGRAM, "--help").stdout


def test_a_bug_keeps_its_traceback():
    assert "ZeroDivisionError" in run_command("-c", PROGRAM, "--fail=bug", code=1).stderr
