""".ci/environment with stubs for Python, pyenv, uv and pip: which interpreter it takes, what it says when it fails.

No package is downloaded; that uv brings a Python of its own is not run here, only that it is asked for one.
"""

import os
import shutil
import stat
import subprocess

import pytest

from tests.support.structure import ROOT

PYTHON = """#!/bin/bash
# A Python of version {version}: knows -c, -m venv and -m pip.
case "$1 $2" in
  "-c import"*) echo {version} ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") shift 2; {pip} ;;
esac
"""
PIP = '[ "$1" = --version ] || echo "pip $*" >> "$LOG"'


@pytest.fixture
def checkout(tmp_path):
    """A folder with the script and the files it reads; PATH is a folder of stubs and of the tools that it calls."""
    root, path = tmp_path / "checkout", tmp_path / "bin"
    (root / ".ci").mkdir(parents=True)
    path.mkdir()
    shutil.copy(ROOT / ".ci" / "environment", root / ".ci")
    for name in ("pyproject.toml", *(p.name for p in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / name, root)
    for tool in (
        "bash",
        "cat",
        "cut",
        "dirname",
        "env",
        "grep",
        "mkdir",
        "cp",
        "pwd",
        "rm",
        "sha256sum",
        "sort",
        "tail",
    ):
        (path / tool).symlink_to(shutil.which(tool))
    return root


def stub(checkout, name, text):
    target = checkout.parent / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(target.stat().st_mode | stat.S_IXUSR)
    return target


def python(checkout, version, name=None, pip=PIP):
    return stub(checkout, name or f"python{version}", PYTHON.format(version=version, pip=pip))


def run(checkout, *words, **env):
    log = checkout.parent / "pip.log"
    variables = {"PATH": str(checkout.parent / "bin"), "LOG": str(log), "HOME": str(checkout.parent), **env}
    done = subprocess.run(
        ["bash", ".ci/environment", *words], cwd=checkout, env=variables, capture_output=True, text=True, check=False
    )
    installed = [line for line in (log.read_text().splitlines() if log.exists() else []) if " -r " in line]
    return done, [line.split(" -r ")[1] for line in installed]


def test_python_3_11_comes_first_then_3_13(checkout):
    python(checkout, "3.13")
    done, installed = run(checkout, "core")
    assert done.stdout.strip() == ".venv-3.13/bin/python" and installed == ["requirements-py313-core.txt"]
    python(checkout, "3.11")
    done, installed = run(checkout, "full")
    assert done.stdout.strip() == ".venv-3.11/bin/python"
    assert installed[1:] == ["requirements-core.txt", "requirements.txt"]


def test_a_shim_that_leads_nowhere_does_not_count_and_pyenv_s_own_does(checkout):
    stub(checkout, "python3.13", "#!/bin/bash\nexit 127\n")
    real = python(checkout, "3.13", name="prefix-3.13.0/bin/python")
    stub(
        checkout,
        "pyenv",
        f'#!/bin/bash\nif [ "$1" = versions ]; then echo 3.9.1; echo 3.13.0; else echo {real.parents[1]}; fi\n',
    )
    done, _ = run(checkout, "core")
    assert done.returncode == 0 and done.stdout.strip() == ".venv-3.13/bin/python"
    assert run(checkout, "find", "3.13")[0].stdout.strip() == str(real)


def test_uv_is_asked_for_3_11_where_there_is_no_python(checkout):
    maker = python(checkout, "3.11", name="hidden/python")
    stub(checkout, "uv", f'#!/bin/bash\necho "uv $*" >> "$LOG"\n{maker} -m venv "${{@: -1}}"\n')
    done, installed = run(checkout, "core")
    assert done.returncode == 0, done.stderr
    assert "uv venv --quiet --seed --python 3.11 .venv-3.11" in (checkout.parent / "pip.log").read_text()
    assert installed == ["requirements-core.txt"]


def test_without_any_of_them_one_message_names_the_three_ways(checkout):
    done, _ = run(checkout, "core")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    for way in ("python3.11-venv", "uv", "PYTHON="):
        assert way in done.stderr


def test_python_decides_if_given(checkout):
    python(checkout, "3.11")
    other = python(checkout, "3.13", name="mine/python")
    assert run(checkout, "core", PYTHON=str(other))[0].stdout.strip() == ".venv-3.13/bin/python"
    wrong = python(checkout, "3.12", name="mine/python12")
    done, _ = run(checkout, "core", PYTHON=str(wrong))
    assert done.returncode == 2 and "is Python 3.12: needs 3.11" in done.stderr
    done, _ = run(checkout, "core", PYTHON="/nowhere/python")
    assert done.returncode == 2 and "/nowhere/python does not run" in done.stderr


def test_an_environment_of_another_python_is_refused_by_name(checkout):
    python(checkout, "3.11")
    python(checkout, "3.10", name="../checkout/.venv-3.11/bin/python")
    done, _ = run(checkout, "core")
    assert done.returncode == 2 and ".venv-3.11 is an environment of Python 3.10" in done.stderr
    assert "rm -r .venv-3.11" in done.stderr and (checkout / ".venv-3.11").is_dir()


def test_a_second_call_installs_nothing_and_a_changed_list_or_folder_installs_again(checkout):
    python(checkout, "3.11")
    assert run(checkout, "core")[1] == ["requirements-core.txt"]
    assert run(checkout, "core")[1] == ["requirements-core.txt"]
    with open(checkout / "requirements-core.txt", "a") as file:
        file.write("# changed\n")
    assert len(run(checkout, "core")[1]) == 2
    moved = checkout.rename(checkout.with_name("moved"))
    done, installed = run(moved, "core")
    assert done.returncode == 0 and len(installed) == 3


def test_half_an_installation_is_resumed(checkout):
    failing = python(checkout, "3.11", pip='[ "$1" = --version ] || { echo "killed"; exit 1; }')
    done, _ = run(checkout, "core")
    assert done.returncode == 2 and "call again" in done.stderr and "killed" in done.stderr
    failing.unlink()
    shutil.rmtree(checkout / ".venv-3.11")
    (checkout / ".venv-3.11" / "bin").mkdir(parents=True)  # a venv that was killed before it had a Python
    python(checkout, "3.11")
    done, installed = run(checkout, "core")
    assert done.returncode == 0 and installed == ["requirements-core.txt"]


def test_a_full_disk_is_one_line(checkout):
    python(
        checkout, "3.11", pip='[ "$1" = --version ] || { echo "OSError: [Errno 28] No space left on device"; exit 1; }'
    )
    done, _ = run(checkout, "core")
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2 and lines[-1] == "error: the disk is full: free about 5 GB and call again"
    assert not os.path.exists(checkout / ".venv-3.11" / ".core")
