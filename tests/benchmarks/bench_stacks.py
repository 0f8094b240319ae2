"""Prints size, start, training, prediction and rendering of both stacks side by side.

    python tests/benchmarks/bench_stacks.py

Needs the environments `.venv-3.11` and `.venv-3.13` (`make lint PYTHON=...` for each). The stacks take turns; numbers
are the least of three runs of a whole process: CPU seconds, wall seconds, peak memory.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.13")
TRAIN = "--synthetic_fraction=0 --width=0.25 --num_stages=2 --input_size=184 --batch_size=8 --log_every=1"
RENDER = "--num_images=4 --image_size=320 --seed=3"
NUM_RUNS, NUM_STEPS = 3, 11


def run(python: Path, *words: str) -> tuple[float, float, float]:
    """Returns CPU seconds, wall seconds and peak memory in MB of one process."""
    start = time.monotonic()
    process = subprocess.Popen([python, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(words)} failed on {python}: {said[-2000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024


def commands(folder: Path, version: str, number: int) -> dict[str, tuple[str, ...]]:
    """Returns what is run, by name."""
    place = folder / f"{version}_{number}"
    train = ("-m", "openpose_tf.train", f"--real_records={folder}/files/records", *TRAIN.split())
    photograph = str(ROOT / "openpose_tf" / "assets" / "student_predictions.jpg")
    return {
        "import": ("-c", "import openpose_tf.keras_api; openpose_tf.keras_api.keras.layers"),
        "train, 1 step": (*train, "--num_steps=1", f"--model_dir={place}_one"),
        f"train, {NUM_STEPS} steps": (*train, f"--num_steps={NUM_STEPS}", f"--model_dir={place}_more"),
        "predict one image": ("-m", "openpose_tf.predict", photograph, f"--output_dir={place}_people"),
        "render 4 images of 320 px": ("-m", "synth.render", f"--output_dir={place}_images", *RENDER.split()),
    }


def size_of(environment: Path) -> float:
    """Returns the size of a folder in GB."""
    return sum(p.stat().st_size for p in environment.resolve().rglob("*") if p.is_file() and not p.is_symlink()) / 1e9


def main() -> None:
    """Prints the table."""
    pythons = {version: ROOT / f".venv-{version}" / "bin" / "python" for version in VERSIONS}
    if missing := [version for version, python in pythons.items() if not python.exists()]:
        print(f"needs the environments of both stacks; there is none of Python {' and '.join(missing)}")
        return
    for version, python in pythons.items():
        print(f"Python {version}: environment {size_of(python.parents[1]):.1f} GB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(pythons["3.11"], "-m", "tests.support.programs.stack_files", "write", str(folder / "files"))
        best: dict[tuple[str, str], list[float]] = {}
        for number in range(NUM_RUNS):
            for version, python in pythons.items():
                for what, words in commands(folder, version, number).items():
                    found = run(python, *words)
                    best[what, version] = [min(pair) for pair in zip(best.get((what, version), found), found)]
    print(f"{'':28s}" + "".join(f"{f'{v}: CPU s':>14s}{'wall s':>9s}{'MB':>7s}" for v in VERSIONS))
    for what in commands(Path(), "", 0):
        rows = [best[what, version] for version in VERSIONS]
        print(f"{what:28s}" + "".join(f"{cpu:14.2f}{wall:9.2f}{memory:7.0f}" for cpu, wall, memory in rows))


if __name__ == "__main__":
    main()
