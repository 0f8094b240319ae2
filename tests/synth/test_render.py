import dataclasses
import json
import signal
import types

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.image_dataset import read_header, read_image_dataset
from openpose_tf.data.annotations.store import listing
from synth import render
from synth.dataset import writer
from synth.render import RenderRun
from synth.rendering import rendered_image
from synth.rendering.job import Job
from synth.scene import backgrounds
from synth.scene.config import RenderConfig, SceneConfig
from synth.workers.engine import EngineConfig, Failure
from tests.support.commands import finish_command, run_command, start_command, wait_until
from tests.support.datasets import contents

SMALL = ["--image_size=96", "--samples=2", "--people_mean=1", "--seed=4"]


def call(*flags, code=0):
    return run_command("synth.render", *flags, code=code)


def job(folder, **scenes):
    config = SceneConfig(**{"width": 64, "height": 64, "people_mean": 1.0, **scenes})
    return Job(str(folder), config, RenderConfig(samples=2), backgrounds.builtin_list(config.dataset), (), 0.0)


def run_of(folder, num_images=2, **engine):
    return RenderRun(job(folder), EngineConfig(**engine), num_images)


@pytest.mark.slow
@pytest.mark.blender
def test_command_renders_resumes_and_refuses_to_mix(tmp_path):
    folder = tmp_path / "set"
    first = call("--output_dir", folder, "--num_images=1", *SMALL)
    assert "1 images" in first.stdout
    more = call("--output_dir", folder, "--num_images=2", *SMALL)
    assert "1 of 2 images are there" in more.stderr
    other = call("--output_dir", folder, "--num_images=2", *SMALL, "--samples=3", code=2)
    assert "samples: 2, now 3" in other.stderr

    images = read_image_dataset(folder)
    assert [image.image_id for image in images] == ["000000", "000001"]
    header = read_header(folder)
    assert header["counts"]["images"] == 2 and header["counts"]["people"] == sum(len(one.people) for one in images)
    assert {row["licence"] for row in header["licences"]} >= {"CC0-1.0", "CC-BY-4.0"}
    row = listing.read(folder, "000000")
    ids = cv2.imread(str(folder / row["mask"]), cv2.IMREAD_UNCHANGED)
    assert len(row["people"]) >= 2
    assert [person["area"] for person in row["people"]] == [
        int((ids == person["instance_id"]).sum()) for person in row["people"]
    ]
    assert all(np.array(person["joints_3d_m"]).shape == (52, 3) for person in row["people"])
    assert 0 <= row["camera"]["pitch_deg"] <= 45

    records = run_command("synth.to_tfrecords", "--input_dir", folder, "--output_dir", tmp_path / "records")
    assert "records of 2 images" in records.stdout


@pytest.mark.blender
def test_a_picture_is_the_same_in_any_order_and_after_a_kill(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    render.render(run_of(a, 2))
    one = job(b)
    writer.open_dataset(b, "synthetic", 0, 2, render.identity(one), [])
    rendered_image.render_image(one, 1)
    (b / "images" / "0000").mkdir(exist_ok=True, parents=True)
    (b / "images" / "0000" / "000000.jpg").write_bytes(b"half a picture, as a kill leaves it")
    assert render.render(run_of(b, 2)) == []
    assert contents(a) == contents(b)


@pytest.mark.slow
@pytest.mark.blender
def test_two_workers_make_the_pictures_of_none(tmp_path):
    for folder, workers in (("here", 0), ("ray", 2)):
        call("--output_dir", tmp_path / folder, "--num_images=4", *SMALL, f"--num_workers={workers}")
    assert contents(tmp_path / "here") == contents(tmp_path / "ray")


@pytest.mark.slow
@pytest.mark.blender
def test_pixels_do_not_depend_on_the_cores_a_process_may_use(tmp_path):
    """A picture whose last bits differ where a matrix product is shared by two threads."""
    scene = ("--num_images=20", "--shard_index=18", "--num_shards=20", "--image_size=320", "--people_mean=5")
    for folder, workers in (("here", 0), ("ray", 1)):
        call("--output_dir", tmp_path / folder, *scene, "--seed=1", "--samples=4", f"--num_workers={workers}")
    assert contents(tmp_path / "here") == contents(tmp_path / "ray")


@pytest.mark.slow
@pytest.mark.blender
def test_shards_make_one_dataset(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    call("--output_dir", whole, "--num_images=3", *SMALL)
    for index in (1, 0):
        call("--output_dir", parts, "--num_images=3", *SMALL, f"--shard_index={index}", "--num_shards=2")
        assert bool(read_header(parts)["counts"]) == (index == 0)  # the last shard counts
    assert contents(whole) == contents(parts)
    assert read_header(whole) == read_header(parts)


@pytest.mark.blender
@pytest.mark.parametrize(
    "changes", [{"light": "sh"}, {"camera": "release"}, {"dataset": "real_standin", "camera": "standin"}]
)
def test_every_mode_renders(tmp_path, changes):
    rendered_image.render_image(job(tmp_path, **changes), 0)
    row = listing.read(tmp_path, "000000")
    assert row["light"]["kind"] == changes.get("light", "hdri")
    assert sum(person["area"] for person in row["people"]) > 20
    assert cv2.imread(str(tmp_path / "images" / "0000" / "000000.jpg")).std() > 5


def test_failing_scenes_are_listed_and_make_exit_code_1(tmp_path, monkeypatch):
    def fail(job, index):
        raise RuntimeError(f"scene {index} is cursed")

    monkeypatch.setattr(rendered_image, "render_image", fail)
    run = run_of(tmp_path, 2)
    failures = render.render(run)
    assert [(one.key, one.attempts) for one in failures] == [(0, 3), (1, 3)]
    counts = render.finish(run, failures)
    assert counts.get("images", 0) == 0
    lines = [json.loads(line) for line in (tmp_path / "failed.jsonl").read_text().splitlines()]
    assert lines[1] == {"key": 1, "attempts": 3, "error": "RuntimeError('scene 1 is cursed')"}
    render.finish(run, [])
    assert not (tmp_path / "failed.jsonl").exists()


def test_main_returns_1_when_scenes_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(render, "run_of", lambda given: run_of(tmp_path))
    writer.open_dataset(tmp_path, "synthetic", 0, 2, {}, [])
    monkeypatch.setattr(render, "render", lambda run: [Failure(0, 3, "it is cursed")])
    assert render.main() == 1
    assert "1 scenes failed" in capsys.readouterr().out


DEFAULTS = {
    "dataset": "synthetic", "seed": 0, "image_size": 64, "people_mean": 1.0, "people_min": 2, "camera": None,
    "light": "hdri", "backgrounds": "builtin", "body": "builtin", "poses": "builtin", "pose_split": "train",
    "frame_step": 10, "joint_names": "", "shapes": "normal", "photo_match": "none",
    "renderer": "cycles", "samples": 1, "device": "CPU", "denoise": True, "write_depth": False, "jpeg_quality": 95,
    "num_workers": 0,
    "ray_address": None, "gpus_per_worker": None, "scenes_per_worker": 10, "shard_index": 0, "num_shards": 1,
    "num_images": 1, "annotations": None, "images": None, "textures": "", "look": None, "quality": None, "ground": None,
    "places": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shard_index": 2, "num_shards": 2}, "--shard_index=2 must be below"),
        ({"ray_address": "auto"}, "--ray_address needs --num_workers"),
        ({"device": "ABACUS"}, "--device=ABACUS: --renderer=cycles computes on CPU, CUDA"),
        ({"backgrounds": "/nowhere"}, "neither"),
        ({"body": "/nowhere.npz"}, "nowhere"),
        ({"poses": "/nowhere"}, "nowhere"),
        ({"textures": "/nowhere"}, "--textures are images for SMPL"),
        ({"look": "wardrobe", "body": "/nowhere"}, "--look=wardrobe is fitted to the built-in body"),
    ],
)
def test_wrong_settings_stop_before_anything_is_written(tmp_path, monkeypatch, changes, message):
    given = types.SimpleNamespace(**{**DEFAULTS, "output_dir": str(tmp_path / "set"), **changes})
    original = render.run_of
    monkeypatch.setattr(render, "run_of", lambda _: original(given))
    with pytest.raises(UserError, match=message):
        render.main()
    assert not (tmp_path / "set" / "dataset.json").exists()


def test_a_gpu_device_takes_one_gpu_per_worker_and_is_not_pinned(tmp_path):
    given = types.SimpleNamespace(**{**DEFAULTS, "output_dir": str(tmp_path), "device": "CUDA", "num_workers": 4})
    config = render.run_of(given).engine
    assert (config.gpus_per_worker, config.pin, config.num_workers) == (1.0, False, 4)


def test_the_standin_has_its_own_camera_and_pictures(tmp_path):
    given = types.SimpleNamespace(**{**DEFAULTS, "output_dir": str(tmp_path), "dataset": "real_standin"})
    made = render.run_of(given).job
    assert made.scenes.camera == "standin"
    assert not set(made.photos.paths) & set(backgrounds.builtin_list("synthetic").paths)


def requested(folder, **changes):
    return render.run_of(
        types.SimpleNamespace(**{**DEFAULTS, "output_dir": str(folder), "samples": None, **changes})
    ).job


@pytest.mark.parametrize(
    ("changes", "samples"),
    [({}, 6), ({"quality": "draft"}, 2), ({"quality": "high"}, 16), ({"quality": "draft", "samples": 5}, 5)],
)
def test_the_quality_sets_the_samples_and_samples_override_it(tmp_path, changes, samples):
    assert requested(tmp_path, **changes).render.samples == samples


def test_an_older_data_set_is_continued_in_its_own_form(tmp_path):
    first = job(tmp_path, places="first", ground="anywhere")
    first = dataclasses.replace(first, photos=backgrounds.builtin_list("synthetic", "first"))
    flags = render.identity(dataclasses.replace(first, render=RenderConfig(samples=16)))
    older = {name: value for name, value in flags.items() if name not in ("places", "ground")}
    writer.open_dataset(tmp_path, "synthetic", 0, 1, older, [])
    now = requested(tmp_path)
    assert (now.render.samples, now.scenes.places, now.scenes.ground) == (16, "first", "anywhere")
    assert render.identity(now) == flags
    writer.open_dataset(tmp_path, "synthetic", 0, 2, render.identity(now), [])
    with pytest.raises(UserError, match=r"ground: anywhere, now photograph; flags\.samples: 16, now 2"):
        other = requested(tmp_path, quality="draft", ground="photograph")
        writer.open_dataset(tmp_path, "synthetic", 0, 2, render.identity(other), [])


def test_a_data_set_remembers_what_changes_its_scenes(tmp_path):
    assert {"samples", "places", "ground", "look"} <= set(render.identity(job(tmp_path)))


@pytest.mark.parametrize("arguments", [["--num_images=1", "--camera=fisheye"], ["--num_images=0"]])
def test_a_flag_that_cannot_be_exits_2_without_a_traceback(tmp_path, arguments):
    done = call("--output_dir", tmp_path / "set", *arguments, code=2)
    assert arguments[-1].split("=")[0].strip("-") in done.stderr


def test_flags_that_decide_pixels_are_the_identity(tmp_path):
    names = set(render.identity(job(tmp_path)))
    assert {"image_size", "people_mean", "camera", "light", "samples", "backgrounds", "body", "poses"} <= names
    assert not names & {"num_workers", "output_dir", "folder", "num_images"}


def test_workers_import_neither_tensorflow_nor_torch():
    code = (
        "import sys, synth.rendering.rendered_image, synth.render; "
        "bad = {'tensorflow', 'torch', 'bpy', 'keras', 'ray'} & set(sys.modules); assert not bad, bad"
    )
    run_command("-c", code)


def test_folder_that_may_not_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UserError, match="cannot write"):
        writer.open_dataset(blocked, "synthetic", 0, 1, {}, [])


@pytest.mark.slow
@pytest.mark.blender
def test_a_killed_run_goes_on_and_ends_with_the_same_data(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    call("--output_dir", whole, "--num_images=4", *SMALL)
    process = start_command("synth.render", "--output_dir", killed, "--num_images=4", *SMALL)
    wait_until(lambda: list(killed.glob("annotations/*/0*.json")), process)
    process.kill()
    finish_command(process, -signal.SIGKILL)
    names = {path.stem for path in killed.glob("annotations/*/0*.json")}
    finished = {path: path.stat().st_mtime_ns for path in killed.glob("images/*/*.jpg") if path.stem in names}
    assert 1 <= len(finished) < 4
    call("--output_dir", killed, "--num_images=4", *SMALL)
    assert contents(whole) == contents(killed)
    assert all(path.stat().st_mtime_ns == made for path, made in finished.items())  # not made again
