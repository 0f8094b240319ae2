"""eval.run: batches equal single pictures, resume, settings, scores of a stand-in network that finds known people."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from eval import run
from eval.benchmark import inference
from eval.benchmark.entries import EntrySource, read_entries
from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii_summary
from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity, ModelConfig
from openpose_tf.inference import multi_scale, student_file
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.predictor import Predictor
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights import bundled
from tests.support import painted_network
from tests.support.bodies.joints import parts_to_mpii
from tests.support.commands import run_command

# Group scale at which the stand-in's 64 px network shows a picture at its own size.
SCALE_ONE = 41 / 35 * painted_network.CONFIG.input_size / 368
SIZES = {"a": (160, 160), "b": (160, 160), "c": (160, 240), "dark": (160, 160)}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted") / "pose"
    painted_network.save(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Bright pictures where the stand-in finds its two people at known places, and a dark one where it does not."""
    root = tmp_path_factory.mktemp("dataset")
    (root / "annotations").mkdir()
    (root / "images").mkdir()
    (root / "dataset.json").write_text(json.dumps({"schema": 1, "kind": "synthetic"}))
    for name, (height, width) in SIZES.items():
        picture = np.full((height, width, 3), 20 if name == "dark" else 230, np.uint8)
        cv2.imwrite(str(root / f"images/{name}.png"), picture)
        value = {"image_id": name, "image": f"images/{name}.png", "width": width, "height": height}
        value["people"] = [person_row(parts) for parts in painted_network.people_in(height, width)]
        (root / f"annotations/{name}.json").write_text(json.dumps(value))
    return root


def person_row(parts):
    joints = parts_to_mpii(np.concatenate([parts, np.ones((15, 1))], -1))
    return {
        "keypoints": joints.tolist(),
        "objpos": parts[-1].tolist(),
        "scale": SCALE_ONE,
        "head_box": [0, 0, 9, 12],  # head size 9, hits up to 4.5 px
        "area": 500,
    }


def options(saved_model, dataset, output_dir, **more):
    return run.RunOptions(EntrySource(str(dataset)), str(saved_model), str(output_dir), **more)


def test_scores_of_known_people(saved_model, dataset, tmp_path):
    result = run.run(options(saved_model, dataset, tmp_path))
    assert result["groups"] == 4 and result["groups_without_predictions"] == 1  # the dark picture
    assert result["toolkit"]["mAP"] == pytest.approx(100)
    assert result["counted"]["mAP"] == pytest.approx(75)
    for suffix in ("mat", "json"):
        truth, found = (str(tmp_path / f"{name}.{suffix}") for name in ("groundtruth", "predictions"))
        again = mpii_summary.summarize(mpii_summary.match_groups(*read_groups(truth, found)))
        assert again["ap"] == result["ap"] and again["groups"] == 4


def test_resume_predicts_only_what_is_missing(saved_model, dataset, tmp_path, monkeypatch):
    whole = run.run(options(saved_model, dataset, tmp_path / "whole", batch_size=1))
    real_maps, calls = Predictor.maps, []

    def dying_maps(self, images):
        if len(calls) == 2 * len(multi_scale.PAPER.factors):
            raise KeyboardInterrupt
        calls.append(images.shape)
        return real_maps(self, images)

    monkeypatch.setattr(Predictor, "maps", dying_maps)
    with pytest.raises(KeyboardInterrupt):
        run.run(options(saved_model, dataset, tmp_path / "killed", batch_size=1))
    done = sorted((tmp_path / "killed/people").glob("*.json"))
    assert len(done) == 2 and not (tmp_path / "killed/mpii.json").exists()
    calls.clear()
    result = run.run(options(saved_model, dataset, tmp_path / "killed", batch_size=1))
    assert len(calls) == 2 * len(multi_scale.PAPER.factors)  # the other two pictures only
    assert result == whole
    before = (tmp_path / "whole/predictions.mat").read_bytes()[128:]  # behind the header, which holds the time
    assert before == (tmp_path / "killed/predictions.mat").read_bytes()[128:]
    calls.clear()
    assert run.run(options(saved_model, dataset, tmp_path / "killed", batch_size=4)) == whole and not calls


def test_a_student_in_one_file_by_path_and_by_name(dataset, tmp_path, monkeypatch):
    path, config = tmp_path / "one.npz", ModelConfig(0.0625, 1, 64)
    student_file.write_student(path, build_openpose(config), config, ServingConfig(PAPER, 64))
    monkeypatch.setitem(bundled.FILES, "builtin", path)
    more = {"factors": (1.0,), "size_step": 128}
    result = run.run(options("builtin", dataset, tmp_path / "out", **more))
    assert result["groups"] == 4 and len(list((tmp_path / "out/people").glob("*.json"))) == 4
    monkeypatch.delattr(Predictor, "maps")  # the same student: nothing is left to predict
    assert json.dumps(run.run(options(path, dataset, tmp_path / "out", **more))) == json.dumps(result)  # NaN == NaN
    with pytest.raises(UserError, match=r"none\.npz does not exist: expected a student written by"):
        run.run(options(tmp_path / "none.npz", dataset, tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_other_settings_are_refused(saved_model, dataset, tmp_path):
    run.CLAIM.claim(
        tmp_path, run._settings(options(saved_model, dataset, tmp_path), entries := read_entries_of(dataset))
    )
    for more in ({"mode": Fidelity.RELEASE}, {"factors": (1.0,)}, {"size_step": 64}):
        changed = run._settings(options(saved_model, dataset, tmp_path, **more), entries)
        with pytest.raises(UserError, match=rf"\({next(iter(more))}: .*, now .*--output_dir"):
            run.CLAIM.claim(tmp_path, changed)
    with pytest.raises(UserError, match=r"\(entries: .*; num_entries: 4, now 2\)"):
        run.CLAIM.claim(tmp_path, run._settings(options(saved_model, dataset, tmp_path), entries[:2]))


def read_entries_of(dataset):
    return read_entries(EntrySource(str(dataset)))


@pytest.mark.parametrize("mode", Fidelity)
def test_batches_equal_single_pictures(dataset, mode):
    entries = dict(enumerate(read_entries_of(dataset)))
    config = dataclasses.replace(multi_scale.CONFIGS[mode], min_side=64)
    protocol = inference.Protocol(config, input_size=64, batch_size=3)
    network, sizes, shown = painted_network.PaintedNetwork(), [], []

    def maps_of(images):
        sizes.append(images.shape)
        shown.extend(image.tobytes() for image in images)
        pafs, maps = network(images / 256.0 - 0.5)[-1]
        return maps.numpy(), pafs.numpy()

    batches = inference.plan_batches(entries, protocol)
    assert sorted(map(len, batches)) == [1, 3]  # the three square pictures share their sizes
    predict, single = (
        inference.BenchmarkPredictor(maps_of, protocol),
        multi_scale.MultiScalePredictor(maps_of, config=config),
    )
    for batch in batches:
        for number, (keypoints, scores) in zip(batch, predict([entries[n] for n in batch]), strict=True):
            picture = cv2.imread(str(entries[number].image_path))
            want, want_scores = single(picture, protocol.scale(entries[number]))
            np.testing.assert_allclose(keypoints, want, atol=1e-4)
            np.testing.assert_allclose(scores, want_scores, atol=1e-5)
    assert (3, 208, 208, 3) in sizes
    # The network saw the same pixels both ways, each twice.
    assert all(shown.count(image) % 2 == 0 for image in shown) and len(shown) == 2 * 4 * len(config.factors)


def test_like_sizes_are_padded_with_grey_and_cut_back():
    seen = []

    def maps_of(images):
        seen.append(images)
        cells = images[:, ::8, ::8, :1].astype(float)
        return cells, 2 * cells

    shown = [np.full((72, 64, 3), 10, np.uint8), np.full((104, 128, 3), 20, np.uint8)]
    first, second = inference.maps_of_like_sizes(shown, maps_of, 64)
    assert seen[0].shape == (2, 128, 128, 3) and (seen[0][0, 72:] == 128).all() and (seen[0][0, :72, 64:] == 128).all()
    assert first[0].shape == (1, 9, 8, 1) and (first[0] == 10).all() and (first[1] == 20).all()
    assert second[0].shape == (1, 13, 16, 1) and (second[0] == 20).all()


def test_a_group_keeps_its_own_people_of_a_shared_picture(saved_model, dataset, tmp_path):
    """Two groups of one picture: each entry is scored against its own people only."""
    places = painted_network.people_in(*SIZES["c"])
    box = {"x1": 0, "y1": 0, "x2": 9, "y2": 12}
    groups = []
    for parts in places:
        joints = parts_to_mpii(np.concatenate([parts, np.ones((15, 1))], -1))
        points = [{"id": j, "x": x, "y": y} for j, (x, y, known) in enumerate(joints) if known]
        mean = parts.mean(0)
        position = {"x": float(mean[0]), "y": float(mean[1])}
        groups.append({"image": "c.png", "gt": [{**box, "points": points, "scale": SCALE_ONE, "objpos": position}]})
    (tmp_path / "gt.json").write_text(json.dumps({"images": groups}))
    source = EntrySource(str(tmp_path / "gt.json"), str(dataset / "images"))
    narrow = dataclasses.replace(run.RULES["openpose"], margin_x=30.0, margin_y=30.0)
    result = run.run(run.RunOptions(source, str(saved_model), str(tmp_path / "out"), rule=narrow))
    assert result["groups"] == 2 and result["predicted_people"] == 2 and result["mAP"] == pytest.approx(100)
    everybody = run.run(run.RunOptions(source, str(saved_model), str(tmp_path / "out"), rule=run.RULES["none"]))
    assert everybody["predicted_people"] == 4 and everybody["mAP"] < 100  # no new inference, other people kept


def test_command_refuses_wrong_input_without_a_traceback(saved_model, dataset, tmp_path):
    flags = {"saved_model": saved_model, "annotations": dataset, "output_dir": tmp_path / "out"}
    cases = {
        "saved_model": (tmp_path, "pose.json"),
        "annotations": (tmp_path / "none.mat", "--images is needed"),
        "factors": ("0.7,x", "'x' is not a number"),
        "size_step": (12, "not a multiple of 8"),
    }
    for name, (value, message) in cases.items():
        words = (f"--{key}={word}" for key, word in (flags | {name: value}).items())
        assert message in run_command("eval.run", *words, code=2).stderr


@pytest.mark.slow
def test_command_on_an_image_dataset(saved_model, dataset, tmp_path):
    flags = (f"--saved_model={saved_model}", f"--annotations={dataset}", f"--output_dir={tmp_path}/out")
    done = run_command("eval.run", *flags)
    assert "without predictions 1" in done.stdout and (tmp_path / "out/predictions.mat").is_file()
