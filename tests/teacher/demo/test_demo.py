"""The demo is the main job: it can be interrupted, goes on where it was, and leaves what it promises."""

import html
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.imaging import images
from openpose_tf.inference import student_file
from openpose_tf.weights import bundled
from teacher.demo import stages
from tests.support.commands import run_command, start_command

PROMISED = (
    *("sheet_synthetic.jpg", "sheet_real_standin.jpg", "report.html", "summary.json"),
    *("images/synthetic/dataset.json", "records/synthetic/manifest.json", "records/real_standin/manifest.json"),
    *("model_dir/metrics.jsonl", "model_dir/decisions.jsonl", "model_dir/checkpoint", "saved_model/saved_model.pb"),
)


def start(folder: Path) -> subprocess.Popen[str]:
    options = {"stdout": subprocess.PIPE, "start_new_session": True, "preexec_fn": hear_ctrl_c}
    return start_command("teacher.demo", f"--output_dir={folder}", "--size=smoke", **options)


def hear_ctrl_c() -> None:
    """Undoes what a shell does to commands in the background: they, and all they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt_during(process: subprocess.Popen[str], stage: str, seconds: float = 400) -> str:
    """Sends Ctrl-C to the whole group, as a terminal does, once the log names `stage`; returns stderr."""
    lines = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        line = process.stderr.readline()
        lines.append(line)
        if stage in line:
            time.sleep(1.0)
            os.killpg(process.pid, signal.SIGINT)
            break
    return "".join(lines) + process.stderr.read()


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.timeout(900)
def test_demo_goes_on_after_ctrl_c_and_leaves_what_it_promises(tmp_path):
    folder = tmp_path / "demo"
    first = start(folder)
    log = interrupt_during(first, "render the stand-in")
    assert first.wait(60) == 130, log
    assert "run the same command again" in log
    assert "Traceback" not in log
    done = set((folder / "images" / "synthetic" / "annotations").iterdir())
    times = {path: path.stat().st_mtime_ns for path in done}

    second = start(folder)
    output, log = second.communicate(timeout=800)
    assert second.returncode == 0, log
    assert {path: path.stat().st_mtime_ns for path in done} == times, "finished images were made again"
    for name in PROMISED:
        assert (folder / name).is_file(), name
    for kind in stages.KINDS:
        assert len(list((folder / "predictions" / "after" / kind).glob("*.json"))) == stages.SIZES["smoke"].held_out
    assert list((folder / "model_dir").glob("events.out.tfevents.*"))
    assert str(folder / "report.html") in output
    summary = json.loads((folder / "summary.json").read_text())
    size = stages.SIZES["smoke"]
    assert summary["images_rendered"] == size.synthetic + size.standin + 2 * size.held_out
    assert summary["steps"] == size.steps
    assert summary["decisions"] == size.steps // size.decision_steps + 1
    assert summary["wrong_group_samples"] == 0
    assert summary["people"] >= 2 * summary["images_rendered"]
    assert 0 <= summary["oks_ap"] <= 1
    gain = summary["oks_ap_difference"]
    assert gain["difference"] == pytest.approx(summary["oks_ap"] - summary["oks_ap_before"])
    assert gain["low"] <= gain["difference"] <= gain["high"]
    page = html.unescape((folder / "report.html").read_text())
    assert page.index("Training made the student") < page.index("What the student sees") < page.index("student's loss")
    assert summary["student_loss_last"] < summary["student_loss_first"]
    assert {"render_synthetic", "train", "report"} <= summary["seconds"].keys()


def test_stages_are_the_main_job_in_order(tmp_path):
    names = [stage.name for stage in stages.build(tmp_path, stages.SIZES["small"])]
    assert len(set(names)) == len(names)
    order = ["render_synthetic", "records_synthetic", "train", "export_after", "score_after", "report"]
    assert [name for name in names if name in order] == order


def test_the_demo_goes_on_from_the_student_that_ships(tmp_path):
    train = next(s for s in stages.build(tmp_path, stages.SIZES["small"]) if s.name == "train").command
    _, config, _ = student_file.read_student(bundled.FILES[bundled.BUILTIN_REAL])
    assert f"--init_checkpoint={bundled.BUILTIN_REAL}" in train
    assert {f"--width={config.width:g}", f"--num_stages={config.num_stages}"} <= set(train)


def test_before_and_after_training_differ_in_the_weights_only(tmp_path):
    commands = {stage.name: stage.command for stage in stages.build(tmp_path, stages.SIZES["small"])}
    own = ("--checkpoint=", "--output_dir=", "--saved_model=")
    for name in ("export", *(f"predict_{{}}_{kind}" for kind in stages.KINDS)):
        pair = [commands[name.format(when) if "{}" in name else f"{name}_{when}"] for when in ("before", "after")]
        shared = [[word for word in command if not word.startswith(own)] for command in pair]
        assert shared[0] == shared[1] and pair[0] != pair[1]


@pytest.mark.parametrize("size", stages.SIZES.values(), ids=stages.SIZES)
def test_the_trained_student_is_the_mean_of_checkpoints_that_training_leaves(tmp_path, size):
    commands = {stage.name: stage.command for stage in stages.build(tmp_path, size)}
    train = dict(word[2:].split("=", 1) for word in commands["train"][1:])
    every, last = int(train["checkpoint_every"]), int(train["num_steps"])
    left = {step for step in range(0, last + 1) if step % every == 0}
    averaged = {when: commands[f"export_{when}"][1].removeprefix("--checkpoint=").split(",") for when in ("before", "after")}
    steps = {when: [int(name.rsplit("-", 1)[1]) for name in names] for when, names in averaged.items()}
    assert steps["before"] == [0]
    assert len(steps["after"]) == 6
    assert set(steps["after"]) <= left
    assert steps["after"][-1] == last
    assert all(Path(name).parent == tmp_path / "model_dir" for names in averaged.values() for name in names)
    assert int(train["keep_checkpoints"]) > len(left)


def test_a_photograph_is_seen_by_the_default_student_and_shown_in_the_report(tmp_path):
    *_, photo, report = stages.build(tmp_path, stages.SIZES["small"], Path("my holiday/me.jpeg"))
    assert (photo.name, report.name) == stages.LATE
    assert photo.command == ("openpose_tf.predict", "my holiday/me.jpeg", f"--output_dir={tmp_path / 'photo'}")
    assert f"--photo={tmp_path / 'photo' / 'me.jpg'}" in report.command
    without = stages.build(tmp_path, stages.SIZES["small"])
    assert [stage.name for stage in without if stage.name in stages.LATE] == ["report"]


@pytest.mark.parametrize("name", ["missing.jpg", "text.jpg", "demo/photo/me.png"])
def test_a_photograph_that_cannot_be_shown_stops_before_anything_is_rendered(tmp_path, name):
    folder = tmp_path / "demo"
    (tmp_path / "text.jpg").write_text("nothing")
    path = tmp_path / name
    if path.suffix == ".png":
        path.parent.mkdir(parents=True)
        images.write(path, np.zeros((8, 8, 3), np.uint8))
    before = sorted(tmp_path.rglob("*"))
    done = run_command("teacher.demo", f"--output_dir={folder}", "--size=smoke", f"--photo={path}", code=2)
    assert name in done.stderr and "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_seeds_differ_in_all_images_and_in_training(tmp_path):
    """And seed 0 is the demo as it always was, so that older folders resume."""

    def seeds(seed):
        commands = {stage.name: stage.command for stage in stages.build(tmp_path, stages.SIZES["small"], seed=seed)}
        words = {name: [word for word in command if word.startswith("--seed=")] for name, command in commands.items()}
        return {name: found for name, found in words.items() if found}

    assert seeds(0) == {f"render_{name}": [f"--seed={seed}"] for name, seed in stages.SEEDS.items()}
    one, two = ([word for found in seeds(seed).values() for word in found] for seed in (1, 2))
    assert len(one) == len(stages.SEEDS) + 1 and not set(one) & set(two)
