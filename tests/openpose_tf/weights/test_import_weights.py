import h5py
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import VGG_LAYERS, build_openpose, preprocess
from openpose_tf.weights import checkpoints, import_weights

TINY = ModelConfig(0.0625, 1, 64)
NAMES = [name for name, _ in VGG_LAYERS]


@pytest.fixture(scope="module")
def source():
    """A network with other weights than the one that imports, and biases that are not zero."""
    model = build_openpose(TINY, seed=9)
    rng = np.random.default_rng(0)
    model.set_weights([w if w.any() else rng.normal(0, 0.1, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def layers_of(model, names=None):
    return {
        layer.name: layer.get_weights() for layer in model.layers if layer.weights and layer.name in (names or NAMES)
    }


def assert_layers_equal(model, source, names):
    for name in names:
        for got, expected in zip(model.get_layer(name).get_weights(), source.get_layer(name).get_weights()):
            np.testing.assert_array_equal(got, expected, err_msg=name)


def write_keras_vgg(path, source):
    """The layout of Keras' vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5, with layers we do not use."""
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in layers_of(source).items():
            block, index = name.removeprefix("conv").split("_")
            layer = f"block{block}_conv{index}"
            file[f"{layer}/{layer}_W_1:0"], file[f"{layer}/{layer}_b_1:0"] = kernel, bias
        file["block5_conv1/block5_conv1_W_1:0"] = np.zeros((3, 3, 8, 8), np.float32)
        file["block5_conv1/block5_conv1_b_1:0"] = np.zeros(8, np.float32)


def write_keras_model(path, source):
    """The layout of model.save_weights of a functional model."""
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in layers_of(source).items():
            block, index = name.removeprefix("conv").split("_")
            layer = f"block{block}_conv{index}"
            file[f"model_weights/{layer}/{layer}/kernel:0"] = kernel
            file[f"model_weights/{layer}/{layer}/bias:0"] = bias


def write_npy_pairs(path, source):
    np.save(path, {name: list(pair) for name, pair in layers_of(source).items()}, allow_pickle=True)


def write_npy_dicts(path, source):
    np.save(path, {n: {"weights": w, "biases": b} for n, (w, b) in layers_of(source).items()}, allow_pickle=True)


VGG_FILES = [
    (write_keras_vgg, "vgg.h5", ("block5_conv1",)),
    (write_keras_model, "model.h5", ()),
    (write_npy_pairs, "pairs.npy", ()),
    (write_npy_dicts, "dicts.npy", ()),
]


@pytest.mark.parametrize("write, name, unused", VGG_FILES, ids=lambda value: getattr(value, "__name__", None))
def test_vgg_files(tmp_path, source, write, name, unused):
    write(tmp_path / name, source)
    model = build_openpose(TINY)
    report = import_weights.import_weights(model, tmp_path / name, scales_input=False)
    assert set(report.matched) == set(NAMES) and report.has_features
    assert "conv4_3_CPM" in report.missing and len(report.missing) == 12
    assert len(report.unused) == len(unused)
    assert_layers_equal(model, source, NAMES)


def test_vgg_features_are_vggs_own_on_our_input(tmp_path, source):
    """conv1_1 of the file on BGR less the mean = conv1_1 after import on x / 256 - 0.5, off the border."""
    write_keras_vgg(tmp_path / "vgg.h5", source)
    model = build_openpose(TINY)
    import_weights.import_weights(model, tmp_path / "vgg.h5")
    images = np.random.default_rng(1).integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    kernel, bias = source.get_layer("conv1_1").get_weights()
    theirs = tf.nn.relu(tf.nn.conv2d(images[..., ::-1] - import_weights.VGG_MEAN_BGR, kernel, 1, "SAME") + bias)
    ours = model.get_layer("conv1_1")(preprocess(images))
    np.testing.assert_allclose(ours[:, 1:-1, 1:-1], theirs[:, 1:-1, 1:-1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("caffe_order", [False, True])
def test_openpose_weights_by_layer_name(tmp_path, source, caffe_order):
    arrays = {}
    for layer in source.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            arrays[f"{layer.name}/weights"] = kernel.transpose(3, 2, 0, 1) if caffe_order else kernel
            arrays[f"{layer.name}/biases"] = bias.reshape(1, 1, 1, -1) if caffe_order else bias
    np.savez(tmp_path / "mpi.npz", **arrays)
    model = build_openpose(TINY)
    report = import_weights.import_weights(model, tmp_path / "mpi.npz")
    assert not report.missing and not report.unused
    assert_layers_equal(model, source, report.matched)  # conv1_1 too: OpenPose's own input is ours


def test_our_checkpoints(tmp_path, source):
    checkpoints.claim_model_dir(tmp_path, TINY.to_json())
    path = checkpoints.CheckpointStore(tmp_path, {"model": source}, 3).save(7)
    for place in (tmp_path, path):
        model = build_openpose(ModelConfig(0.0625, 2, 64))  # a stage more than the source has
        report = import_weights.import_weights(model, place)
        assert len(report.missing) == 14 and all("stage2" in name for name in report.missing)
        assert_layers_equal(model, source, report.matched)


def saved(folder, config):
    """Returns a network and writes its checkpoint."""
    model = build_openpose(config, seed=9)
    checkpoints.claim_model_dir(folder, config.to_json())
    checkpoints.CheckpointStore(folder, {"model": model}, 3).save(7)
    return model


def test_copied_stages_refine_as_the_last_stage_of_the_file_does(tmp_path):
    """Copies see the features and the maps of the stage before them: stage 4 = stage 2 applied three times."""
    two = saved(tmp_path, ModelConfig(0.0625, 2, 64))
    four = build_openpose(ModelConfig(0.0625, 4, 64))
    report = import_weights.import_weights(four, tmp_path, copy_stages=True)
    assert not report.missing and not report.unused
    assert len(report.copied) == 28 and not set(report.copied) & set(report.matched)
    images = np.random.default_rng(3).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
    features = keras.Model(two.inputs, two.get_layer("conv4_4_CPM").output)(images)
    maps, outputs = two(images)[0], four(images)
    for stage in (2, 3, 4):
        maps = second_stage(two, maps, features)
        for got, expected in zip(outputs[stage - 1], maps):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def second_stage(model, maps, features):
    both = []
    for branch in ("L1", "L2"):
        x = tf.concat([*maps, features], -1)
        for index in range(1, 8):
            x = model.get_layer(f"Mconv{index}_stage2_{branch}")(x)
        both.append(x)
    return both


def test_a_widened_network_computes_the_same(tmp_path, source):
    narrow = saved(tmp_path, ModelConfig(0.125, 3, 64))
    wide = build_openpose(ModelConfig(0.25, 3, 64))
    report = import_weights.import_weights(wide, tmp_path, widen=True)
    assert not report.missing and not report.unused
    images = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 64, 48, 3)).astype(np.float32)
    for got, expected in zip(tf.nest.flatten(wide(images)), tf.nest.flatten(narrow(images)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_the_copies_of_a_channel_get_different_gradients(tmp_path):
    """Else the wide network would stay the narrow one for ever."""
    saved(tmp_path, ModelConfig(0.125, 2, 64))
    wide = build_openpose(ModelConfig(0.25, 2, 64))
    import_weights.import_weights(wide, tmp_path, widen=True)
    images = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 64, 64, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(maps**2) for maps in tf.nest.flatten(wide(images))])
    for variable, gradient in zip(wide.trainable_variables, tape.gradient(loss, wide.trainable_variables)):
        if variable.name.startswith(("conv5_5", "Mconv7")):
            continue
        first, second = np.split(gradient.numpy(), 2, axis=-1)
        assert np.abs(first - second).max() > 0.01 * np.abs(first).max() > 0, variable.name


def test_what_is_no_student_is_not_widened(tmp_path, source):
    write_npy_pairs(tmp_path / "vgg.npy", source)
    with pytest.raises(UserError, match="--widen"):
        import_weights.import_weights(build_openpose(ModelConfig(0.125, 1, 64)), tmp_path / "vgg.npy", widen=True)


def test_a_file_without_a_later_stage_has_none_to_copy(tmp_path, source):
    write_npy_pairs(tmp_path / "vgg.npy", source)
    with pytest.raises(UserError, match="--copy_stages"):
        import_weights.import_weights(
            build_openpose(ModelConfig(0.0625, 2, 64)), tmp_path / "vgg.npy", copy_stages=True
        )


def test_another_width_is_refused(tmp_path, source):
    write_npy_pairs(tmp_path / "vgg.npy", source)
    with pytest.raises(UserError, match=r"conv1_2.*--width|conv\d_\d.*--width"):
        import_weights.import_weights(build_openpose(ModelConfig(0.25, 1, 64)), tmp_path / "vgg.npy")


def test_files_that_are_no_weights(tmp_path):
    model = build_openpose(TINY)
    with pytest.raises(UserError, match="does not exist"):
        import_weights.import_weights(model, tmp_path / "none.h5")
    for name, content in (("a.h5", b"no"), ("a.npz", b"no"), ("a.npy", b"no"), ("a.txt", b"no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            import_weights.import_weights(model, tmp_path / name)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(UserError, match="dictionary"):
        import_weights.import_weights(model, tmp_path / "plain.npy")
    np.savez(tmp_path / "other.npz", **{"fc6/weights": np.zeros((2, 2, 1, 1))})
    with pytest.raises(UserError, match="none of the network's layers"):
        import_weights.import_weights(model, tmp_path / "other.npz")
    with pytest.raises(UserError, match="no checkpoint"):
        (tmp_path / "empty").mkdir()
        import_weights.import_weights(model, tmp_path / "empty")


class Evil:
    def __reduce__(self):
        return print, ("it ran",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, capsys):
    np.save(tmp_path / "evil.npy", {"conv1_1": Evil()}, allow_pickle=True)
    with pytest.raises(UserError, match=r"builtins\.print"):
        import_weights.import_weights(build_openpose(TINY), tmp_path / "evil.npy")
    assert "it ran" not in capsys.readouterr().out
