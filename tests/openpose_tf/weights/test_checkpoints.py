import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.checkpoint_files import latest_checkpoint
from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights import checkpoints
from openpose_tf.weights.weight_files import read_weights

TINY = ModelConfig(0.0625, 1, 64)


def save(folder, step=1, config=TINY, seed=1):
    model = build_openpose(config, seed=seed)
    checkpoints.claim_model_dir(folder, config.to_json())
    checkpoints.CheckpointStore(folder, {"model": model, "step": tf.Variable(step)}, keep=3).save(step)
    return model


def test_load_student_gives_the_same_weights(tmp_path):
    saved = save(tmp_path)
    model, config = checkpoints.load_student(tmp_path)
    assert config == TINY
    assert all(np.array_equal(a, b) for a, b in zip(saved.get_weights(), model.get_weights()))


def test_the_mean_of_checkpoints(tmp_path):
    saved = [save(tmp_path / str(seed), seed=seed).get_weights() for seed in (1, 2, 3)]
    model, config = checkpoints.load_mean_checkpoint([tmp_path / str(seed) / "ckpt-1" for seed in (1, 2, 3)])
    assert config == TINY
    for got, *each in zip(model.get_weights(), *saved, strict=True):
        np.testing.assert_allclose(got, np.mean(each, 0), rtol=1e-5, atol=1e-8)
    save(tmp_path / "deep", config=ModelConfig(0.0625, 2, 64))
    with pytest.raises(UserError, match="only checkpoints of one network"):
        checkpoints.load_mean_checkpoint([tmp_path / "1" / "ckpt-1", tmp_path / "deep" / "ckpt-1"])


def test_nothing_to_load_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        checkpoints.load_student(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"config\.json"):
        checkpoints.load_student(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(TINY.to_json()))
    with pytest.raises(UserError, match="no checkpoint"):
        checkpoints.load_student(tmp_path)
    (tmp_path / "config.json").write_text('{"width": 1}')
    with pytest.raises(UserError, match="num_stages"):
        checkpoints.load_student(tmp_path)


@pytest.mark.parametrize("other", [ModelConfig(0.125, 1, 64), ModelConfig(0.0625, 2, 64)])
def test_a_checkpoint_of_another_network_is_refused(tmp_path, other):
    save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(other.to_json()))
    with pytest.raises(UserError, match="another width or number of stages"):
        checkpoints.load_student(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_checkpoint_is_named_and_deleting_it_helps(tmp_path, damage):
    first = save(tmp_path, 1, seed=1)
    checkpoints.CheckpointStore(tmp_path, {"model": build_openpose(TINY, seed=2), "step": tf.Variable(2)}, 3).save(2)
    data = tmp_path / "ckpt-2.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 255
    data.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    with pytest.raises(UserError, match="ckpt-2"):
        checkpoints.load_student(tmp_path)
    store = checkpoints.CheckpointStore(tmp_path, {"model": build_openpose(TINY), "step": tf.Variable(0)}, 3)
    with pytest.raises(UserError, match=r"ckpt-2.*delete"):
        store.restore_latest()
    for path in tmp_path.glob("ckpt-2.*"):
        path.unlink()
    model, _ = checkpoints.load_student(tmp_path)
    assert np.array_equal(model.get_weights()[0], first.get_weights()[0])


def test_checkpoints_are_found_by_their_files(tmp_path):
    """For export and --init_checkpoint: without the file `checkpoint`, and where the newest has been copied by half."""
    for step in (9, 10):
        saved = save(tmp_path / "run", step, seed=step)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (tmp_path / "run").iterdir():
        if path.name != "checkpoint":
            shutil.copy(path, copy)
    model, _ = checkpoints.load_student(copy)
    kernels = [saved.get_weights()[0], model.get_weights()[0], read_weights(copy)["conv1_1"]["kernel"]]
    assert all(np.array_equal(kernels[0], kernel) for kernel in kernels)
    (copy / "ckpt-10.data-00000-of-00001").rename(copy / "ckpt-10.data-00000-of-00001.part")
    assert latest_checkpoint(copy) == str(copy / "ckpt-9")
    (copy / "ckpt-9.index").unlink()
    assert latest_checkpoint(copy) is None


def test_another_configuration_is_refused_and_named(tmp_path):
    checkpoints.claim_model_dir(tmp_path, {"width": 1.0, "seed": 3})
    checkpoints.claim_model_dir(tmp_path, {"width": 1.0, "seed": 3})
    with pytest.raises(UserError, match=r"\(seed: 3, now 4\).*--model_dir"):
        checkpoints.claim_model_dir(tmp_path, {"width": 1.0, "seed": 4})


def test_a_run_older_than_a_setting_had_its_default(tmp_path):
    checkpoints.claim_model_dir(tmp_path, {"width": 1.0})
    defaults = {"precision": "float32", "batch_norm": False, "warmup_steps": 0}
    checkpoints.claim_model_dir(tmp_path, {"width": 1.0, **defaults})
    for other in ({"precision": "bfloat16"}, {"batch_norm": True}, {"warmup_steps": 5}):
        with pytest.raises(UserError, match=next(iter(other))):
            checkpoints.claim_model_dir(tmp_path, {"width": 1.0, **defaults, **other})


def test_only_the_chief_writes(tmp_path):
    store = checkpoints.CheckpointStore(tmp_path, {"step": tf.Variable(1)}, 3, is_chief=False)
    assert store.save(1) is None and not list(tmp_path.glob("ckpt*"))
