import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig, OptimizerConfig, Precision, Recipe, TargetConfig, TrainConfig
from openpose_tf.inference.decoder import Decoder
from openpose_tf.keras_api import keras
from openpose_tf.labels import losses
from openpose_tf.labels.targets import draw_labels
from openpose_tf.network.openpose import FROZEN_LAYERS, build_openpose, preprocess
from openpose_tf.training import build_student, loop
from openpose_tf.training.step import OpenPoseStudent, freeze_first_layers
from tests.support.training_batches import CountedBatches, make_batch

TINY = ModelConfig(0.0625, 1, 64)


def config(folder="", **kwargs):
    values = {"model": TINY, "batch_size": 4, "num_steps": 3, "optimizer": OptimizerConfig(learning_rate=1e-3)}
    return TrainConfig(str(folder), **{**values, **kwargs})


@pytest.fixture(scope="module")
def student():
    return OpenPoseStudent(build_openpose(TINY), config())


def test_the_step_gives_the_losses_of_the_batch(student):
    batch = make_batch(0)
    labels = draw_labels(batch, TargetConfig())
    branch = losses.branch_losses(student.model(preprocess(batch["images"])), labels)
    per_sample = losses.sample_losses(branch).numpy()
    result = student.train_step(batch)
    scalars = dict(zip(student.scalar_names, result.scalars.numpy()))
    assert float(result.loss) == pytest.approx(per_sample.mean(), rel=1e-4)
    assert scalars["loss"] == pytest.approx(per_sample.mean(), rel=1e-4)
    assert scalars["loss_synthetic"] == pytest.approx(per_sample[:2].mean(), rel=1e-4)
    assert scalars["loss_real"] == pytest.approx(per_sample[2:].mean(), rel=1e-4)
    assert scalars["stage1__pafs"] == pytest.approx(branch.numpy()[:, 0, 0].mean(), rel=1e-4)
    joints = losses.count_joints(batch, TargetConfig()).numpy()
    np.testing.assert_allclose(result.per_sample_loss, branch.numpy()[:, 0].mean(-1) / joints, rtol=1e-4)
    assert bool(result.is_finite) and result.batch["key"].numpy().tolist() == [0, 1, 2, 3]


def test_sample_weights_weigh_the_gradient_and_nothing_that_is_reported(monkeypatch):
    batch, weights = make_batch(4), [0.5, 3.0, 1.0, 0.0]
    results, gradients = [], []
    for extra in ({}, {"sample_weight": tf.constant(weights)}):
        student = OpenPoseStudent(build_openpose(TINY, seed=1), config())
        kept = [tf.Variable(tf.zeros_like(v)) for v in student.model.trainable_variables]

        def keep(values, kept=kept):
            for variable, value in zip(kept, values, strict=True):
                variable.assign(value)
            return tf.linalg.global_norm(values)

        monkeypatch.setattr(student, "_update", keep)
        results.append(student.train_step(batch | extra))
        gradients.append(kept)

    model = build_openpose(TINY, seed=1)
    for factors, measured in zip(([1.0] * 4, weights), gradients):
        total = [0.0] * len(measured)  # the sum over samples of one sample's gradient, by hand
        for sample, factor in enumerate(factors):
            one = {name: values[sample : sample + 1] for name, values in batch.items()}
            with tf.GradientTape() as tape:
                outputs = model(preprocess(one["images"]))
                loss = losses.sample_losses(losses.branch_losses(outputs, draw_labels(one, TargetConfig())))[0]
            total = [t + factor / 4 * g for t, g in zip(total, tape.gradient(loss, model.trainable_variables))]
        for expected, value in zip(total, measured):
            np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4 * float(tf.norm(expected, np.inf)))

    plain, weighted = results
    np.testing.assert_allclose(weighted.loss, plain.loss, rtol=1e-6)
    np.testing.assert_allclose(weighted.per_sample_loss, plain.per_sample_loss, rtol=1e-6)
    np.testing.assert_allclose(weighted.scalars[:5], plain.scalars[:5], rtol=1e-6)  # all losses; then the norm
    assert abs(float(weighted.scalars[5] / plain.scalars[5]) - 1) > 0.01


def test_a_batch_of_one_domain_measures_nothing_for_the_other(student):
    scalars = dict(zip(student.scalar_names, student.train_step(make_batch(1, num_real=4)).scalars.numpy()))
    assert np.isnan(scalars["loss_synthetic"]) and np.isfinite(scalars["loss_real"]) and np.isfinite(scalars["loss"])


def test_a_step_lowers_the_loss_of_its_batch(student):
    batch = make_batch(2)
    first = float(student.train_step(batch).loss)
    for _ in range(4):
        last = float(student.train_step(batch).loss)
    assert last < first


@pytest.mark.parametrize("recipe", list(Recipe))
def test_frozen_layers_keep_their_bytes(recipe):
    model = build_openpose(TINY)
    freeze_first_layers(model)
    before = {layer.name: [w.tobytes() for w in layer.get_weights()] for layer in model.layers if layer.weights}
    optimizer = OptimizerConfig(recipe, learning_rate=1e-3)
    student = OpenPoseStudent(model, config(optimizer=optimizer))
    for number in range(2):
        student.train_step(make_batch(number))
    for layer in model.layers:
        if layer.weights:
            after = [w.tobytes() for w in layer.get_weights()]
            if layer.name in FROZEN_LAYERS:
                assert after == before[layer.name], layer.name
            else:
                assert after[0] != before[layer.name][0], layer.name


def test_clipping_bounds_the_update():
    student = OpenPoseStudent(
        build_openpose(TINY), config(optimizer=OptimizerConfig(Recipe.SGD, learning_rate=1.0, clip_norm=1e-3))
    )
    before = [v.numpy() for v in student.model.trainable_variables]
    result = student.train_step(make_batch(0))
    assert dict(zip(student.scalar_names, result.scalars.numpy()))["gradient_norm"] > 1e-2
    moved = sum(float(((v.numpy() - b) ** 2).sum()) for v, b in zip(student.model.trainable_variables, before))
    # biases x 2; weight decay adds 5e-4 of the weights
    decay = 5e-4 * np.sqrt(sum(float((b**2).sum()) for b in before))
    assert 0 < np.sqrt(moved) <= 2e-3 + decay


def test_an_infinite_loss_is_seen():
    broken = OpenPoseStudent(build_openpose(TINY), config())
    broken.model.get_layer("conv4_4_CPM").bias.assign(tf.fill([8], np.inf))
    assert not bool(broken.train_step(make_batch(3)).is_finite)


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.BFLOAT16])
def test_mixed_precision_step_is_finite_and_near_float32(precision):
    keras.mixed_precision.set_global_policy(precision.policy)
    try:
        half = OpenPoseStudent(build_openpose(TINY), config(precision=precision))
        assert half.model.get_layer("conv5_4_CPM_L1").output.dtype == precision.value
        assert half.model.outputs[0].dtype == half.model.get_layer("conv1_1").kernel.dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")
    single = OpenPoseStudent(build_openpose(TINY), config())
    batch = make_batch(0)
    for _ in range(2):
        one, other = half.train_step(batch), single.train_step(batch)
        assert bool(one.is_finite)
    assert float(one.loss) == pytest.approx(float(other.loss), rel=0.05)


def run_frozen(folder, **kwargs):
    student = build_student.build_student(config(folder, **kwargs))
    return not student.model.get_layer("conv1_1").trainable


def test_freezing_needs_synthetic_data_and_loaded_features(tmp_path):
    source = tmp_path / "source"
    loop.train(
        config(source, num_steps=1),
        build_student.build_student(config(source)),
        CountedBatches(),
        loop.NoTeacher(),
    )
    loaded = {"init_checkpoint": str(source)}
    assert not run_frozen(tmp_path / "1")  # random features
    assert run_frozen(tmp_path / "2", **loaded)
    assert not run_frozen(tmp_path / "3", real_fraction=1.0, **loaded)
    assert not run_frozen(tmp_path / "4", freeze_first_layers=False, **loaded)
    assert run_frozen(tmp_path / "5", freeze_first_layers=True)
    # A run that goes on keeps what it began with, also where the weights it began from are gone.
    assert not run_frozen(source)


def test_a_full_size_run_from_random_features_needs_leave(tmp_path):
    with pytest.raises(UserError, match="allow_random_features"):
        build_student.build_student(config(tmp_path, model=ModelConfig(1.0, 1, 64)))


def test_another_configuration_in_the_same_model_dir_is_refused(tmp_path):
    build_student.build_student(config(tmp_path))
    with pytest.raises(UserError, match="batch_size: 4, now 6"):
        build_student.build_student(config(tmp_path, batch_size=6))
    with pytest.raises(UserError, match="real_records_hash: none, now ab"):
        build_student.build_student(config(tmp_path), identity={"real_records_hash": "ab"})


def test_pictures_of_a_batch(student):
    pictures = student.pictures(make_batch(0))
    assert len(pictures) == 6
    for image in pictures.values():
        assert image.shape == (2, 64, 64, 3) and image.dtype == np.uint8
    assert not np.array_equal(pictures["2_confidence_label"], pictures["3_confidence_prediction"])


@pytest.mark.slow
def test_overfitting_eight_crops_drives_the_loss_under_five_percent_and_gives_the_people_back(tmp_path):
    run = config(
        tmp_path,
        model=ModelConfig(0.25, 2, 128),
        batch_size=8,
        num_steps=450,
        checkpoint_every=450,
        log_every=1,
        optimizer=OptimizerConfig(learning_rate=1e-3, decay_steps=250),
    )
    batch = make_batch(0, batch_size=8, size=128, max_people=1)
    student = build_student.build_student(run)
    outcome = loop.train(run, student, CountedBatches(lambda number: batch), loop.NoTeacher())
    rows = [row["loss"] for row in files.read_jsonl(tmp_path / "metrics.jsonl", "losses")]
    assert outcome.is_complete and np.mean(rows[-10:]) < 0.05 * rows[0]

    pafs, confidence_maps = student.model(preprocess(batch["images"]))[-1]
    keypoints, scores = Decoder()(confidence_maps, pafs)
    truth = batch["keypoints"].numpy()[:, 0, :, :2]
    inside = ((truth >= 0) & (truth < 128)).all(-1)
    distance = np.linalg.norm(keypoints.numpy()[:, 0, :, :2] - truth, axis=-1)
    assert ((scores.numpy() > 0).sum(1) == 1).all()
    assert (distance[inside] < 4).mean() > 0.95
