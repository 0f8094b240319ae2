"""PhotoWCT in TensorFlow against a PyTorch program written here, with random weights read from torch.save files."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from synth.stylization import photowct, regions, torch_weights, whitening
from synth.stylization.photowct import PhotoWCT

torch = pytest.importorskip("torch")
F = torch.nn.functional

VGG = ["conv1_1", "conv1_2", "P", "conv2_1", "conv2_2", "P", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "P", "conv4_1"]
WIDTHS = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512]
TAPS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1"]
SIZE = (37, 46)  # odd on the way down: un-pooling must restore 37 -> 18 -> 9


def layers(level):
    """(name, width in, width out) of VGG up to the tap of a level, with "P" for the poolings."""
    convolutions = [name for name in VGG if name != "P"]
    widths = dict(zip(convolutions, itertools.pairwise(WIDTHS)))
    return [(name, *widths.get(name, ())) for name in VGG[: VGG.index(TAPS[level - 1]) + 1]]


def random_state():
    torch.manual_seed(1)
    state = {}
    for level in (1, 2, 3, 4):
        state |= {f"e{level}.conv0.weight": torch.randn(3, 3, 1, 1), f"e{level}.conv0.bias": torch.randn(3)}
        for name, *widths in layers(level):
            if widths:
                for part, (low, high) in (("e", widths), ("d", widths[::-1])):
                    state[f"{part}{level}.{name}.weight"] = torch.randn(high, low, 3, 3) * (2 / (9 * low)) ** 0.5
                    state[f"{part}{level}.{name}.bias"] = torch.randn(high) * 0.1
    return state


def reference_encode(state, level, x):
    """Torch: features, pooling indices and sizes, features at every tap."""
    conv = lambda name, x: F.conv2d(x, state[f"e{level}.{name}.weight"], state[f"e{level}.{name}.bias"])  # noqa: E731
    x = conv("conv0", x)
    pools, taps = [], []
    for name, *_ in layers(level):
        if name == "P":
            size = x.shape
            x, index = F.max_pool2d(x, 2, 2, return_indices=True)
            pools.append((index, size))
        else:
            x = F.relu(conv(name, F.pad(x, (1, 1, 1, 1), mode="reflect")))
        if name in TAPS:
            taps.append(x)
    return x, pools, taps


def reference_decode(state, level, x, pools):
    pools = list(pools)
    for name, *_ in reversed(layers(level)):
        if name == "P":
            index, size = pools.pop()
            x = F.max_unpool2d(x, index, 2, 2, output_size=size)
        else:
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
            x = F.conv2d(x, state[f"d{level}.{name}.weight"], state[f"d{level}.{name}.bias"])
            x = x if name == "conv1_1" else F.relu(x)
    return x


def reference_wct(content, style):
    """[c, n], [c, m] -> [c, n], by singular values."""

    def power(cov, exponent):
        u, values, _ = torch.linalg.svd(cov)
        kept = values >= 1e-5
        return u[:, kept] @ torch.diag(values[kept] ** exponent) @ u[:, kept].T

    content, style = content.double(), style.double()
    content_mean, style_mean = content.mean(1, keepdim=True), style.mean(1, keepdim=True)
    content, style = content - content_mean, style - style_mean
    content_cov = content @ content.T / (content.shape[1] - 1) + torch.eye(len(content), dtype=torch.float64)
    style_cov = style @ style.T / (style.shape[1] - 1)
    return (power(style_cov, 0.5) @ power(content_cov, -0.5) @ content + style_mean).float()


@pytest.fixture(scope="module")
def state():
    return random_state()


@pytest.fixture(scope="module", params=[True, False], ids=["zip", "old"])
def network(state, request, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "photo_wct.pth"
    torch.save(state, path, _use_new_zipfile_serialization=request.param)
    return PhotoWCT.from_file(path)


def image(seed, size=SIZE):
    return np.random.default_rng(seed).random((*size, 3), dtype=np.float32)


def to_torch(x):
    return torch.from_numpy(np.moveaxis(np.asarray(x), -1, 1).copy())


def relative_mean_error(ours, reference):
    reference = np.moveaxis(reference.numpy(), 1, -1)
    assert np.shape(ours) == reference.shape
    return np.abs(np.asarray(ours) - reference).mean() / np.ptp(reference)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_encoder_and_decoder_equal_torch(network, state, level):
    x = image(level)[None]
    ours, pools, taps = network.encode(level, tf.constant(x))
    reference, reference_pools, reference_taps = reference_encode(state, level, to_torch(x))
    assert relative_mean_error(ours, reference) < 1e-3
    assert len(taps) == level and len(pools) == level - 1
    for tap, expected in zip(taps, reference_taps):
        assert relative_mean_error(tap, expected) < 1e-3
    for (index, shape), (expected, size) in zip(pools, reference_pools):
        _, _, width, channels = tuple(shape.numpy()[i] for i in (0, 1, 2, 3))
        assert tuple(shape.numpy()) == (1, size[2], size[3], size[1])
        place = index.numpy() // channels  # y * width + x, as torch counts per channel
        same = np.moveaxis(place, -1, 1) == expected.numpy()
        assert same.mean() > 0.999 and width == size[3]
    decoded = network.decode(level, ours, pools)
    assert decoded.shape == (1, *SIZE, 3)
    assert relative_mean_error(decoded, reference_decode(state, level, reference, reference_pools)) < 1e-3


def test_whitening_and_colouring_equal_torch():
    rng = np.random.default_rng(3)
    content = (rng.normal(size=(300, 8)) @ rng.normal(size=(8, 8))).astype(np.float32)
    style = (rng.normal(size=(200, 8)) @ rng.normal(size=(8, 8)) + 3).astype(np.float32)
    expected = reference_wct(torch.from_numpy(content.T), torch.from_numpy(style.T)).numpy().T
    np.testing.assert_allclose(whitening.whiten_and_colour(content, style), expected, rtol=1e-3, atol=1e-3)


def test_coloured_features_have_the_moments_of_the_style():
    rng = np.random.default_rng(4)
    content = (rng.normal(size=(5000, 4)) * 30).astype(np.float32)  # the added identity is small against 900
    style = (rng.normal(size=(4000, 4)) @ rng.normal(size=(4, 4)) * 5 + [1, 2, 3, 4]).astype(np.float32)
    moved = whitening.whiten_and_colour(content, style)
    np.testing.assert_allclose(moved.mean(0), style.mean(0), atol=1e-3)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(style.T), rtol=0.01, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("with_labels", [False, True])
def test_cascade_is_close_to_torch(network, state, with_labels):
    """The whole cascade; near ties of the pooling flip with random weights, so only the mean is compared."""
    content, style = image(5), image(6, (40, 33))
    maps = [np.zeros(SIZE, np.uint8), np.zeros((40, 33), np.uint8)]
    maps[0][8:30, 10:40] = 1
    maps[1][4:36, 5:30] = 1
    features = [t[0] for t in reference_encode(state, 4, to_torch(style[None]))[2]]
    x = to_torch(content[None])
    for level in (4, 3, 2, 1):
        y, pools, _ = reference_encode(state, level, x)
        flat, target = y[0].reshape(y.shape[1], -1), features[level - 1].reshape(y.shape[1], -1)
        if with_labels:
            here = torch.from_numpy(regions.resize_nearest(maps[0], *y.shape[2:]).ravel() == 1)
            there = torch.from_numpy(regions.resize_nearest(maps[1], *features[level - 1].shape[1:]).ravel() == 1)
            flat = flat.clone()
            flat[:, here] = reference_wct(flat[:, here], target[:, there])
        else:
            flat = reference_wct(flat, target)
        x = reference_decode(state, level, flat.reshape(y.shape), pools)
    ours = network.stylize(content, style, *(maps if with_labels else (None, None)))
    assert relative_mean_error(ours[None], x) < 5e-3


def test_pixels_of_unusable_labels_keep_their_features(network):
    content, style = image(7), image(8)
    nobody = np.zeros(SIZE, np.uint8)
    tiny = nobody.copy()
    tiny[3, :10] = 1  # 10 pixels are too few
    person = nobody.copy()
    person[5:30, 5:30] = 1
    plain = network.stylize(content, style, nobody, nobody)
    np.testing.assert_array_equal(network.stylize(content, style, person, tiny), plain)
    assert np.abs(network.stylize(content, style, person, person) - plain).max() > 0.01


def test_wrong_tensors_are_named(state, tmp_path):
    arrays = {name: value.numpy() for name, value in state.items()}
    with pytest.raises(UserError, match=r"x\.pth.*missing: d1\.conv1_1\.bias"):
        PhotoWCT({n: v for n, v in arrays.items() if n != "d1.conv1_1.bias"}, source="x.pth")
    with pytest.raises(UserError, match=r"unknown: e5\.conv0\.bias"):
        PhotoWCT(arrays | {"e5.conv0.bias": np.zeros(3)})
    with pytest.raises(UserError, match=r"e1\.conv0\.bias is \(4,\), expected \(3,\)"):
        PhotoWCT(arrays | {"e1.conv0.bias": np.zeros(4)})
    assert photowct.expected_shapes() == {name: value.shape for name, value in arrays.items()}
    assert len(arrays) == 80


def test_unpool_puts_values_where_the_maxima_were():
    x = tf.constant(np.random.default_rng(9).random((1, 5, 7, 2), dtype=np.float32))
    pooled, index = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    restored = photowct.unpool(pooled, index, tf.shape(x)).numpy()
    assert restored.shape == x.shape
    kept = restored != 0
    assert kept.sum() == tf.size(pooled).numpy()
    np.testing.assert_array_equal(restored[kept], x.numpy()[kept])


def test_state_dict_round_trip_through_both_containers(state, tmp_path):
    for flag in (True, False):
        torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=flag)
        read = torch_weights.read_tensors(tmp_path / "w.pth")
        assert all(np.array_equal(read[name], value.numpy()) for name, value in state.items())
