"""A user's mistake or a failing disk ends every command with one clear message, and leaves no half file behind.

The real commands run in their own processes. Exit code 2: the user can mend it; 1: the machine failed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpose_tf.skeleton import COCO_JOINTS
from tests.support.checkout import ROOT
from tests.support.commands import check_ended, run_command

SMALL_STUDENT = ("--width=0.05", "--num_stages=1", "--input_size=64", "--batch_size=2", "--num_steps=2")


def call(*command: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return run_command(*command, code=None, prefix=prefix)


def check_refused(result: subprocess.CompletedProcess[str], *words: str, code: int = 2) -> None:
    """The command ended with `code`, without a traceback, and its message holds all the words."""
    check_ended(result, code)
    assert "Traceback" not in result.stderr
    message = result.stderr[result.stderr.rindex("error: ") :]
    for word in words:
        assert word in message, message


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def write_coco(folder: Path, num_images: int = 3) -> Path:
    """Writes pictures with one person each and their COCO annotation; returns the annotation file."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(num_images):
        name = f"{number:06d}.png"
        cv2.imwrite(str(folder / "images" / name), rng.integers(0, 255, (96, 96, 3), np.uint8))
        images.append({"id": number, "file_name": name, "width": 96, "height": 96})
        x, y = rng.uniform(20, 76, len(COCO_JOINTS)), rng.uniform(10, 86, len(COCO_JOINTS))
        keypoints = np.stack([x, y, np.full(len(COCO_JOINTS), 2.0)], 1).ravel().tolist()
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "keypoints": keypoints,
                "num_keypoints": len(COCO_JOINTS),
            }
            | {"bbox": [16.0, 8.0, 64.0, 80.0], "area": 5000.0, "iscrowd": 0}
        )
    path = folder / "people.json"
    category = {"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def record_command(annotations: Path, output_dir: Path, *more: str) -> tuple[str, ...]:
    images = annotations.parent / "images"
    return (
        "openpose_tf.data.to_tfrecords",
        *("--format=coco", f"--annotations={annotations}", f"--images={images}"),
        *(f"--output_dir={output_dir}", "--num_shards=2", *more),
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    """A small record set."""
    folder = tmp_path_factory.mktemp("bad_input")
    run_command(*record_command(write_coco(folder / "coco"), folder / "records"))
    return folder / "records"


def train_command(records: Path, model_dir: Path, *more: str) -> tuple[str, ...]:
    sets = (f"--real_records={records}", "--synthetic_fraction=0", f"--model_dir={model_dir}")
    return ("openpose_tf.train", *sets, *SMALL_STUDENT, *more)


def test_missing_file(tmp_path):
    result = call(*record_command(tmp_path / "absent.json", tmp_path / "out"))
    check_refused(result, "absent.json", "does not exist")
    assert files_below(tmp_path) == set()


def test_missing_pictures_are_listed(tmp_path):
    annotations = write_coco(tmp_path)
    (tmp_path / "images" / "000001.png").unlink()
    result = call(*record_command(annotations, tmp_path / "out"))
    check_refused(result, "000001.png")
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("verb", ["openpose_tf.train", "openpose_tf.predict", "synth.view", "eval.oks"])
def test_empty_folder(tmp_path, verb):
    empty = tmp_path / "empty"
    empty.mkdir()
    commands = {
        "openpose_tf.train": train_command(empty, tmp_path / "model"),
        "openpose_tf.predict": (verb, f"--saved_model={empty}", f"--images={empty}", f"--output_dir={tmp_path / 'p'}"),
        "synth.view": (verb, str(empty), f"--output_file={tmp_path / 'sheet.jpg'}"),
        "eval.oks": (verb, f"--predictions={empty}", f"--groundtruth={empty}", f"--output_file={tmp_path / 'o.json'}"),
    }
    check_refused(call(*commands[verb]), str(empty))
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize(
    "content", ["[1, 2", '{"root": []}', "[]", '{"images": 3, "annotations": [], "categories": []}']
)
def test_json_that_is_not_coco(tmp_path, content):
    path = tmp_path / "people.json"
    path.write_text(content)
    (tmp_path / "images").mkdir()
    check_refused(call(*record_command(path, tmp_path / "out")), "people.json", "COCO")
    assert files_below(tmp_path) == {"people.json"}


def test_record_file_cut_in_half(tmp_path, records):
    damaged = tmp_path / "records"
    shutil.copytree(records, damaged)
    shard = max(damaged.glob("*.tfrecord-*"), key=lambda path: path.stat().st_size)
    os.truncate(shard, shard.stat().st_size // 2)
    check_refused(call(*train_command(damaged, tmp_path / "model")), shard.name)


@pytest.mark.parametrize(
    "command",
    [
        ("synth.render", "--output_dir=unused", "--num_images=1", "--camera=upside_down"),
        ("teacher.train", "--teacher_rule=perhaps"),
        ("openpose_tf.train", "--optimizer=perhaps"),
        ("eval.oks", "--predictions=a", "--groundtruth=b", "--output_file=c", "--sigmas=none"),
        ("openpose_tf.export", "--no_such_flag"),
    ],
)
def test_unknown_flag_value(command):
    check_refused(call(*command), command[-1].lstrip("-").partition("=")[0])
    assert not (ROOT / "unused").exists()


def test_model_dir_of_another_configuration(tmp_path, records):
    run_command(*train_command(records, tmp_path / "model"))
    before = files_below(tmp_path)
    result = call(*train_command(records, tmp_path / "model", "--width=0.1"))
    check_refused(result, "width", "0.05", "0.1")
    assert files_below(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root needs setpriv to lose its rights")
@pytest.mark.parametrize("verb", ["to_tfrecords", "train", "render"])
def test_no_write_permission(tmp_path, records, verb):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    commands = {
        "to_tfrecords": record_command(write_coco(tmp_path / "coco"), locked / "out"),
        "train": train_command(records, locked / "model"),
        "render": ("synth.render", f"--output_dir={locked / 'images'}", "--num_images=1"),
    }
    prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--") if os.geteuid() == 0 else ()
    check_refused(call(*commands[verb], prefix=prefix), "cannot write to", str(locked))
    assert files_below(locked) == set()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_while_writing_records(tmp_path, small_disk):
    annotations = write_coco(tmp_path / "coco", num_images=120)  # of noise: about 3 MB
    result = call(*record_command(annotations, small_disk / "out"))
    check_refused(result, "disk is full", code=1)
    assert files_below(small_disk) == set()


def test_full_disk_while_writing_a_checkpoint(tmp_path, records, small_disk):
    result = call(*train_command(records, small_disk / "model", "--width=0.5"))
    check_refused(result, str(small_disk / "model"), code=1)
    assert not list((small_disk / "model").glob("ckpt-*.index"))


def test_motion_file_with_nan_stops_a_rendering_at_its_start(tmp_path):
    poses = tmp_path / "amass"
    poses.mkdir()
    np.savez(poses / "good.npz", poses=np.zeros((30, 156)), mocap_framerate=120.0)
    np.savez(poses / "broken.npz", poses=np.full((30, 156), np.nan), mocap_framerate=120.0)
    result = call("synth.render", f"--output_dir={tmp_path / 'out'}", "--num_images=1", f"--poses={poses}")
    check_refused(result, "broken.npz")
    assert files_below(tmp_path / "out") == set()
