import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.config import Initializer, ModelConfig
from openpose_tf.network.openpose import FROZEN_LAYERS, build_openpose, preprocess, stage_of_layer

TINY = ModelConfig(0.0625, 2, 64)


@pytest.fixture(scope="module")
def full():
    return build_openpose(ModelConfig())


def test_the_papers_network_has_its_parameters_and_names(full):
    assert full.count_params() == 51_481_032
    names = [layer.name for layer in full.layers if layer.weights]
    expected = [f"conv{b}_{i}" for b, n in ((1, 2), (2, 2), (3, 4), (4, 2)) for i in range(1, n + 1)]
    expected += ["conv4_3_CPM", "conv4_4_CPM"]
    expected += [f"conv5_{i}_CPM_L{b}" for i in range(1, 6) for b in (1, 2)]
    expected += [f"Mconv{i}_stage{s}_L{b}" for s in range(2, 7) for i in range(1, 8) for b in (1, 2)]
    assert sorted(names) == sorted(expected)


def test_parameters_per_block(full):
    def count(prefixes):
        return sum(layer.count_params() for layer in full.layers if layer.name.startswith(prefixes))

    assert count(("conv1_", "conv2_", "conv3_", "conv4_1", "conv4_2")) == 5_865_536
    assert count(("conv4_3", "conv4_4")) == 1_474_944
    assert count("conv5") == 1_040_172
    stages = [sum(layer.count_params() for layer in full.layers if f"stage{s}_" in layer.name) for s in range(2, 7)]
    assert stages == [8_620_076] * 5


def test_later_stages_see_pafs_then_maps_then_features(full):
    inputs = full.get_layer("concat_stage3").input
    assert [t.shape[-1] for t in inputs] == [28, 16, 128]


@pytest.mark.parametrize("height, width", [(64, 64), (40, 72)])
def test_outputs_are_one_pair_per_stage_at_an_eighth(height, width):
    outputs = build_openpose(TINY)(preprocess(tf.zeros([2, height, width, 3], tf.uint8)))
    assert len(outputs) == 2
    for pafs, confidence_maps in outputs:
        assert pafs.shape == (2, height // 8, width // 8, 28)
        assert confidence_maps.shape == (2, height // 8, width // 8, 16)


def test_width_has_a_floor_of_eight_channels():
    channels = {layer.name: layer.filters for layer in build_openpose(TINY).layers if layer.weights}
    assert channels["conv1_1"] == 8 and channels["conv4_2"] == 32 and channels["Mconv7_stage2_L1"] == 28


def test_preprocess_by_hand():
    values = preprocess(tf.constant([[[[0, 64, 255]]]], tf.uint8)).numpy().ravel()
    np.testing.assert_array_equal(values, np.float32([255 / 256 - 0.5, -0.25, -0.5]))


def test_initial_weights_depend_on_the_seed_only():
    one, same, other = (build_openpose(TINY, seed=s).get_weights() for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same))
    assert not np.array_equal(one[0], other[0])


def test_he_and_xavier_starts():
    he = build_openpose(ModelConfig(0.5, 2, 64), Initializer.HE)
    kernel, bias = he.get_layer("Mconv2_stage2_L1").get_weights()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (49 * 64)), rel=0.05) and not bias.any()
    assert he.get_layer("conv5_5_CPM_L1").get_weights()[0].std() == pytest.approx(0.01, rel=0.05)
    xavier = build_openpose(ModelConfig(0.5, 2, 64), Initializer.XAVIER)
    kernel, bias = xavier.get_layer("Mconv2_stage2_L1").get_weights()
    limit = np.sqrt(6 / (49 * 64 * 2))
    assert np.abs(kernel).max() <= limit and np.abs(kernel).max() > 0.95 * limit
    assert 0 < np.abs(bias).max() <= np.sqrt(6 / 128)


def test_stages_and_frozen_layers():
    assert stage_of_layer("Mconv3_stage4_L2") == 4
    assert stage_of_layer("conv5_1_CPM_L1") == stage_of_layer("conv1_1") == 1
    layers = [layer.name for layer in build_openpose(TINY).layers if layer.weights]
    assert tuple(layers[:4]) == FROZEN_LAYERS


@pytest.mark.parametrize("values", [(0, 2, 64), (float("nan"), 2, 64), (1, 0, 64), (1, 6, 100), (1, 6, 8)])
def test_impossible_configurations_are_refused(values):
    with pytest.raises(UserError):
        ModelConfig(*values)
