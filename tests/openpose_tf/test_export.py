"""The exported model equals the live one, alone in a process, and maps every picture's people to its own pixels."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf import export
from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.common.file_names import POSE_DESCRIPTION
from openpose_tf.config import Initializer, ModelConfig
from openpose_tf.inference import saved_model
from openpose_tf.inference.decoder import PAPER, Decoder
from openpose_tf.keras_api import keras
from openpose_tf.network import openpose
from openpose_tf.weights import checkpoints
from tests.support import painted_network
from tests.support.commands import run_command

TINY = ModelConfig(width=0.02, num_stages=2, input_size=64)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    checkpoints.claim_model_dir(folder, TINY.to_json())
    student = openpose.build_openpose(TINY, Initializer.XAVIER, seed=3)
    checkpoints.CheckpointStore(folder, {"model": student}, keep=1).save(7)
    return folder


@pytest.fixture(scope="module")
def exported(model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    checkpoint, network = str(model_dir / "ckpt-7"), str(folder / "network.keras")
    export.export(export.ExportOptions(str(folder / "pose"), checkpoints=(checkpoint,), keras=network, max_people=6))
    return folder / "pose"


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted") / "pose"
    painted_network.save(folder)
    return folder


def _noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _live(student, images):
    """The outputs of the live model, as one function.

    Operation by operation, oneDNN's products differ in the last bit from those of a graph, which is 2e-5 px on noise.
    """
    decoder = Decoder(config=dataclasses.replace(PAPER, max_people=6))

    @tf.function
    def run(images):
        pafs, heatmaps = student(openpose.preprocess(images), training=False)[-1]
        keypoints, scores = decoder(heatmaps, pafs)
        return {"heatmaps": heatmaps, "pafs": pafs, "keypoints": keypoints, "scores": scores}

    return run(tf.constant(images))


def test_saved_model_equals_live_model(model_dir, exported):
    student, config = checkpoints.load_student(model_dir)
    assert config == TINY
    images = _noise(2, 64, 72, 3)
    served = tf.saved_model.load(str(exported)).signatures["serving_default"](images=tf.constant(images))
    live = _live(student, images)
    assert set(served) == set(live)
    for name, value in live.items():
        np.testing.assert_allclose(served[name], value, atol=1e-5, err_msg=name)
    assert np.ptp(served["heatmaps"].numpy()) > 1e-3


def test_runs_alone_in_a_process(model_dir, exported, tmp_path):
    student, _ = checkpoints.load_student(model_dir)
    images = _noise(1, 40, 48, 3)
    np.save(tmp_path / "images.npy", images)
    program = """
import sys
sys.modules["openpose_tf"] = None  # importing it fails, installed or not
import numpy as np, tensorflow as tf
server = tf.saved_model.load(sys.argv[1])
out = server.signatures["serving_default"](images=tf.constant(np.load("images.npy")))
data = tf.io.encode_jpeg(np.load("images.npy")[0])
encoded = server.signatures["encoded"](encoded=data[None])
print({k: encoded[k].shape.as_list() for k in sorted(encoded)})
np.savez("out.npz", **{k: v.numpy() for k, v in out.items()})
"""
    done = run_command("-I", "-c", program, exported, cwd=tmp_path)
    assert "'heatmaps': [1, 12, 12, 16], 'keypoints': [1, 6, 15, 3], 'pafs': [1, 12, 12, 28]" in done.stdout
    for name, value in _live(student, images).items():
        np.testing.assert_allclose(np.load(tmp_path / "out.npz")[name], value, atol=1e-5)


def test_description(exported):
    values = json.loads((exported / "assets" / POSE_DESCRIPTION).read_text())
    assert values["model"] == TINY.to_json()
    assert values["test_side"] == 96
    assert values["decoder"]["max_people"] == 6
    assert len(values["skeleton"]["parts"]) == 15
    assert values["skeleton"]["limbs"][7] == [1, 14]


@pytest.mark.parametrize("size", [(96, 96), (95, 90), (97, 130), (89, 150)])
def test_people_are_in_the_pixels_of_the_picture(painted, size):
    """`serving_default` pads right and below; the painted network spreads its people over the padded picture."""
    images = np.full((2, *size, 3), 200, np.uint8)
    images[1] = 10  # the painted network finds nobody in the dark
    out = tf.saved_model.load(str(painted)).signatures["serving_default"](images=tf.constant(images))
    assert out["heatmaps"].shape == (2, -(-size[0] // 8), -(-size[1] // 8), 16)
    assert int((out["scores"][0].numpy() > 0).sum()) == 2
    assert not out["scores"][1].numpy().any()
    assert not out["keypoints"][1].numpy().any()
    padded = [-(-side // 8) * 8 for side in size]
    error = painted_network.errors(out["keypoints"].numpy()[0], padded, clip=size)
    assert error.max() < 2.5


def test_encoded_pictures_of_different_sizes_and_formats(painted):
    shapes = [(120, 200), (50, 40), (300, 96), (64, 64)]
    suffixes = [".jpg", ".png", ".jpg", ".bmp"]
    pictures = [np.full((*shape, 3), 200, np.uint8) for shape in shapes]
    data = [cv2.imencode(suffix, p)[1].tobytes() for suffix, p in zip(suffixes, pictures, strict=True)]
    data.append(cv2.imencode(".png", np.full((30, 90), 200, np.uint8))[1].tobytes())  # grey
    out = tf.saved_model.load(str(painted)).signatures["encoded"](encoded=tf.constant(data))
    assert out["heatmaps"].shape == (5, 12, 12, 16)
    for keypoints, (height, width) in zip(out["keypoints"].numpy(), [*shapes, (30, 90)], strict=True):
        longer = max(height, width)
        error = painted_network.errors(keypoints, (longer, longer), clip=(height, width))
        assert error.max() < 2.5 * longer / 96


def test_keras_file(model_dir, exported):
    student, _ = checkpoints.load_student(model_dir)
    x = openpose.preprocess(_noise(1, 32, 32, 3))
    loaded = keras.models.load_model(exported.with_name("network.keras"))
    for a, b in zip(student(x)[-1], loaded(x)[-1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert sorted(p.name for p in exported.parent.iterdir()) == ["network.keras", "pose"]


@pytest.mark.slow
def test_tflite_with_decoder(painted, tmp_path):
    server = painted_network.server()
    path = tmp_path / "pose.tflite"
    path.write_bytes(server.to_tflite(90, 96))
    lite = tf.lite.Interpreter(model_content=path.read_bytes())  # no Select ops: builtins only
    runner = lite.get_signature_runner()
    images = np.full((1, 90, 96, 3), 200, np.uint8)
    live = server.images(tf.constant(images))
    outputs = runner(images=images)
    for name, value in live.items():
        np.testing.assert_allclose(outputs[name], value, atol=2e-3, err_msg=name)
    assert (outputs["scores"] > 0).sum() == 2
    dark = runner(images=images // 20)
    assert not dark["scores"].any()


@pytest.mark.slow
def test_tflite_of_a_student(model_dir, tmp_path):
    path = tmp_path / "student.tflite"
    options = export.ExportOptions(
        str(tmp_path / "pose"), model_dir=str(model_dir), tflite=str(path), tflite_size=(40, 48), max_people=6
    )
    export.export(options)
    images = _noise(1, 40, 48, 3)
    lite = tf.lite.Interpreter(model_path=str(path))
    outputs = lite.get_signature_runner()(images=images)
    live = _live(checkpoints.load_student(model_dir)[0], images)
    for name in ("heatmaps", "pafs"):
        np.testing.assert_allclose(outputs[name], live[name], atol=1e-4)


def test_an_older_export_is_replaced_and_other_folders_are_not(model_dir, exported, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds something that is not a SavedModel"):
        export.export(export.ExportOptions(str(folder), model_dir=str(model_dir)))
    assert (folder / "thesis.txt").exists()
    old = tmp_path / "old"
    old.mkdir()
    (old / "saved_model.pb").write_bytes(b"old")
    export.save_folder(old, lambda path: (path.mkdir(), (path / "saved_model.pb").write_bytes(b"new"))[0])
    assert (old / "saved_model.pb").read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes", "old"]


def test_a_failing_export_leaves_the_older_one(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "saved_model.pb").write_bytes(b"old")

    def fail(path):
        path.mkdir()
        (path / "half").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        export.save_folder(old, fail)
    assert (old / "saved_model.pb").read_bytes() == b"old"
    # The older one comes back when the new one cannot take its place.
    with pytest.raises(OSError, match="No such file"):
        export.save_folder(old, lambda path: None)
    assert (old / "saved_model.pb").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_a_full_disk_is_the_machine_s_failure(model_dir, tmp_path, monkeypatch):
    def fail(self, folder):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(saved_model.PoseServer, "save", fail)
    with pytest.raises(MachineError, match="No space left"):
        export.export(export.ExportOptions(str(tmp_path / "pose"), model_dir=str(model_dir)))
    assert not list(tmp_path.iterdir())


def test_mistakes_of_the_user(model_dir, tmp_path):
    target = str(tmp_path / "pose")
    for options, message in [
        (export.ExportOptions(target), "either --model_dir"),
        (export.ExportOptions(target, model_dir="a", checkpoints=("b",)), "either --model_dir"),
        (export.ExportOptions(target, model_dir=str(tmp_path / "none")), "is not a folder"),
        (export.ExportOptions(target, checkpoints=(str(model_dir / "ckpt-8"),)), "is not a checkpoint"),
        (
            export.ExportOptions(target, checkpoints=(str(model_dir / "ckpt-7"), "builtin")),
            "builtin is not a checkpoint",
        ),
        (export.ExportOptions(target, model_dir=str(model_dir), keras="a.h5"), "must end in .keras"),
    ]:
        with pytest.raises(UserError, match=message):
            export.export(options)
    assert not (tmp_path / "pose").exists()


def test_command_line(model_dir, tmp_path):
    flags = (f"--model_dir={model_dir}", f"--output_dir={tmp_path}/pose", "--tflite_size=12")
    assert "expected height,width" in run_command("openpose_tf.export", *flags, code=2).stderr
