"""Every command ends with the right exit code and one clear message, never a traceback for a user's mistake."""

import os
import subprocess

import pytest

from tests.support.commands import finish_command, run_command, start_command

PROGRAM = """
import errno
from absl import flags
from openpose_tf.common import cli
from openpose_tf.common.errors import MachineError, UserError
flags.DEFINE_enum("fail", "none", {choices}, "How to end.")

def main():
    ways = dict(
        user=UserError("x.json does not exist: expected a COCO file"),
        machine=MachineError("a worker died"),
        interrupt=KeyboardInterrupt(),
        full=OSError(errno.ENOSPC, "No space left on device", "out.png"),
        quota=OSError(errno.EDQUOT, "Disk quota exceeded", "out.png"),
        long=OSError(errno.ENAMETOOLONG, "File name too long", "out.png"),
        strange=OSError("the library's own words"),
        memory=MemoryError(),
        permission=PermissionError(errno.EACCES, "Permission denied", "out.png"),
        missing=FileNotFoundError(errno.ENOENT, "No such file", "in.png"),
        bug=ZeroDivisionError("a bug"),
    )
    if flags.FLAGS.fail in ways:
        raise ways[flags.FLAGS.fail]
    return 3 if flags.FLAGS.fail == "code" else None

cli.run(main)
""".format(
    choices=[
        "none",
        "user",
        "machine",
        "interrupt",
        "full",
        "quota",
        "long",
        "strange",
        "memory",
        "permission",
        "missing",
        "bug",
        "code",
    ]
)


@pytest.mark.parametrize(
    ("way", "code", "message"),
    [
        ("none", 0, ""),
        ("code", 3, ""),
        ("user", 2, "error: x.json does not exist: expected a COCO file"),
        ("machine", 1, "error: a worker died"),
        ("interrupt", 130, "run the same command again"),
        ("full", 1, "out.png: the disk is full"),
        ("quota", 1, "out.png: your disk quota is used up"),
        ("long", 2, "out.png: the name is too long"),
        ("strange", 1, "the library's own words"),
        ("memory", 1, "the memory is full"),
        ("permission", 2, "out.png: no permission"),
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


ARGUMENTS = """
from absl import flags
from openpose_tf.common import cli

def define_flags():
    flags.DEFINE_string("weights", None, "A path.")
    flags.DEFINE_multi_string("images", None, "Pictures.")
    flags.DEFINE_string("output", None, "A path.", required={required})

def main():
    print(flags.FLAGS.weights, flags.FLAGS.images)

cli.run(main, define_flags, {positional})
"""


def call_with(positional, *arguments, code=0, required=False):
    return run_command("-c", ARGUMENTS.format(positional=repr(positional), required=required), *arguments, code=code)


GIVEN = "--weights is given already, and every option is --flag=value"


@pytest.mark.parametrize(
    ("positional", "arguments", "message"),
    [
        (None, ["a"], "unexpected argument 'a': every option is --flag=value"),
        ("weights", ["a", "b"], f"unexpected argument 'b': {GIVEN}"),
        ("weights", ["--weights=a", "b"], f"unexpected argument 'b': {GIVEN}"),
        ("weights", [], "--weights is missing: A path."),
    ],
)
def test_an_argument_too_many_or_too_few_ends_with_2(positional, arguments, message):
    result = call_with(positional, *arguments, code=2)
    assert result.stderr == f"error: {message}\n"


@pytest.mark.parametrize(
    ("positional", "arguments", "received"),
    [
        ("weights", ["a"], "a None"),
        ("weights", ["--weights=a"], "a None"),
        ("images", ["a", "b"], "None ['a', 'b']"),
        ("images", ["--images=a", "--images=b"], "None ['a', 'b']"),
    ],
)
def test_an_argument_is_the_value_of_a_flag(positional, arguments, received):
    assert call_with(positional, *arguments).stdout == f"{received}\n"


def test_the_home_folder_is_meant_by_a_tilde():
    """Shells replace it at the start of a word only, not in --weights=~/a."""
    home = os.path.expanduser("~")
    assert call_with("weights", "--weights=~/a").stdout == f"{home}/a None\n"
    assert call_with("images", "~/a", "b=~/c", "d~/e").stdout == f"None ['{home}/a', 'b={home}/c', 'd~/e']\n"


def test_output_that_nobody_reads_ends_the_command_with_one_line():
    program = "from openpose_tf.common import cli\ncli.run(lambda: print('x' * 100_000))"
    with start_command("-c", program, stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert finish_command(process, code=1) == "error: the program that reads the output has ended\n"


def test_a_name_that_the_terminal_cannot_show_is_shown_in_escapes():
    program = "from openpose_tf.common import cli\ncli.run(lambda: print('a\\udce4b\\u4e2d'))"
    assert run_command("-c", program, env={"PYTHONIOENCODING": "latin-1"}).stdout == "a\\udce4b\\u4e2d\n"


def test_an_empty_value_undoes_a_flagfile(tmp_path):
    (tmp_path / "run.flags").write_text("--weights=a.npz\n")
    flagfile = f"--flagfile={tmp_path / 'run.flags'}"
    assert call_with(None, flagfile).stdout == "a.npz None\n"
    assert call_with(None, flagfile, "--weights=").stdout == "None None\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_flagfile_may_come_from_windows(tmp_path, encoding):
    text = f"# run\n\n--flagfile={tmp_path / 'nested.flags'}\n// more\n  --weights=b.npz \n"
    (tmp_path / "run.flags").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    (tmp_path / "nested.flags").write_bytes("--weights=a.npz\r\n--images=ä.jpg\r\n".encode(encoding))
    for given in ([f"--flagfile={tmp_path / 'run.flags'}"], ["--flagfile", tmp_path / "run.flags"]):
        assert call_with(None, *given).stdout == "b.npz ['ä.jpg']\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "run.flags does not exist: expected a file of flags"),
        ("--output=ä\n".encode("latin-1"), "run.flags is not a text file in UTF-8 or UTF-16"),
        (b"--flagfile=PATH\n", "run.flags includes itself"),
    ],
)
def test_a_flagfile_that_cannot_be_read_is_named(tmp_path, data, message):
    path = tmp_path / "run.flags"
    if data is not None:
        path.write_bytes(data.replace(b"PATH", os.fsencode(path)))
    assert f"{tmp_path}/{message}" in call_with(None, f"--flagfile={path}", code=2).stderr


def test_an_empty_value_of_a_required_flag_is_a_missing_one():
    result = call_with(None, "--output=", code=2, required=True)
    assert "--output" in result.stderr
