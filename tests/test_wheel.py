"""The project as a wheel in an environment of its own, called from another folder."""

import json
import shutil
import subprocess
import sysconfig

import cv2
import numpy as np
import pytest

from tests.support.checkout import ROOT
from tests.support.commands import run_command

BUILT = shutil.ignore_patterns(".*", "demo", "runs", "models", "build", "dist", "*.egg-info", "__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=BUILT)
    run_command("pip", "wheel", "-q", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", folder / "source")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with the wheel, which sees the packages of the tests' environment and not this checkout."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run_command("venv", "--without-pip", folder)
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "tests_environment.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    run_command("pip", "--python", python, "install", "-q", "--no-deps", "--disable-pip-version-check", wheel)
    return python


def call(python, cwd, *words):
    done = subprocess.run([python, *words], cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_predict_runs_from_the_wheel_in_another_folder(environment, tmp_path):
    found = call(environment, tmp_path, "-c", "import openpose_tf; print(openpose_tf.__file__)")
    assert str(ROOT) not in found and "site-packages" in found
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "photo.jpg"), image)
    call(environment, tmp_path, "-m", "openpose_tf.predict", "photo.jpg")
    (result,) = (tmp_path / "predictions").rglob("*.json")
    assert json.loads(result.read_text())


@pytest.mark.slow
def test_the_wheel_holds_assets_flagfiles_and_types(environment, tmp_path):
    code = (
        "import pathlib, openpose_tf, synth\n"
        "for package in (openpose_tf, synth):\n"
        "    root = pathlib.Path(package.__file__).parent\n"
        "    print('\\n'.join(str(p.relative_to(root.parent)) for p in root.rglob('*') if p.suffix != '.py'))\n"
    )
    held = set(call(environment, tmp_path, "-c", code).split())
    for package in ("openpose_tf", "synth"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc", ".md"):
                assert str(path.relative_to(ROOT)) in held
