"""PCA-distilled PhotoWCT: check value of the published weights, shapes, masks, wrong checkpoints."""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from synth.stylization.pcakd import PcaKd

VGG_ENCODER = {0: [(1, 3, 3), (3, 3, 10)], 1: [(3, 10, 10), (3, 10, 20)], 2: [(3, 20, 20), (3, 20, 58)]}
VGG_ENCODER[3] = [(3, 58, 58)] * 3 + [(3, 58, 64)]
VGG_DECODER = {0: [(3, 13, 3)], 1: [(3, 20, 10), (3, 10, 10)], 2: [(3, 58, 20), (3, 20, 20)]}
VGG_DECODER[3] = [(3, 64, 58)] + [(3, 58, 58)] * 3


def random_part(blocks, seed):
    rng = np.random.default_rng(seed)
    part = {}
    for b, rows in blocks.items():
        for j, (side, low, high) in enumerate(rows):
            name = f"btnecks/{b}/layer_with_weights-{j}"
            part[f"{name}/kernel"] = rng.normal(0, (1.5 / (side * side * low)) ** 0.5, (side, side, low, high))
            part[f"{name}/bias"] = rng.normal(0, 0.05, high)
    return {name: value.astype(np.float32) for name, value in part.items()}


def reconstruct(network, image):
    """Returns the image [H, W, 3] after encoding and decoding without transfer."""
    levels = network.encode(network._to_batch(image))
    x = levels[-1][0]
    for b in (3, 2, 1, 0):
        x = network.decode_block(b, x, levels[b][1])
    return network._to_image(x, image.shape)


@pytest.fixture(scope="module")
def random_network():
    return PcaKd(random_part(VGG_ENCODER, 0), random_part(VGG_DECODER, 1))


def test_feature_widths_and_strides(random_network):
    levels = random_network.encode(tf.zeros((1, 32, 48, 3)))
    assert [tuple(f.shape[1:]) for f, _ in levels] == [(32, 48, 10), (16, 24, 20), (8, 12, 58), (4, 6, 64)]
    assert [tuple(s.shape[1:]) for _, s in levels] == [(32, 48, 3), (32, 48, 10), (16, 24, 20), (8, 12, 58)]


def test_any_size_comes_back_and_masks_matter(random_network):
    rng = np.random.default_rng(2)
    content, style = rng.random((37, 45, 3), dtype=np.float32), rng.random((29, 50, 3), dtype=np.float32)
    person, other = np.zeros((37, 45), bool), np.zeros((29, 50), bool)
    person[8:32, 8:24] = other[4:28, 10:40] = True
    plain = reconstruct(random_network, content)
    assert plain.shape == content.shape
    nobody = random_network(content, style, np.zeros_like(person), other)
    np.testing.assert_allclose(nobody, plain, atol=1e-5)
    moved = random_network(content, style, person, other)
    assert moved.shape == content.shape
    assert np.abs(moved - plain)[12:28, 12:20].mean() > 5 * np.abs(moved - plain)[:, 40:].mean()


def test_wrong_checkpoints_are_named(tmp_path):
    encoder, decoder = random_part(VGG_ENCODER, 0), random_part(VGG_DECODER, 1)
    cut = {name: value for name, value in decoder.items() if "btnecks/2/layer_with_weights-1" not in name}
    with pytest.raises(UserError, match=r"sdecoder.*missing btnecks/2/layer_with_weights-1"):
        PcaKd(encoder, cut)
    with pytest.raises(UserError, match="unknown btnecks/9/kernel"):
        PcaKd(encoder | {"btnecks/9/kernel": np.zeros(1, np.float32)}, decoder)
    with pytest.raises(UserError, match=r"sencoder\.index does not exist"):
        PcaKd.from_folder(tmp_path)
    (tmp_path / "sencoder.index").write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged or no TensorFlow checkpoint"):
        PcaKd.from_folder(tmp_path)


@pytest.mark.parametrize(("backbone", "size", "psnr"), [("vgg", (400, 600), 32.1), ("mobilenet", (400, 592), 30.4)])
def test_published_weights_give_the_image_back(shared_data, backbone, size, psnr):
    folder = shared_data / "weights" / "pcakd" / backbone
    if not folder.is_dir():
        pytest.skip("needs the published weights")
    photo = images.read_rgb(shared_data / "real" / "coco" / "images" / "000000000785.jpg", orientation="upright")
    image = tf.image.resize(photo / 255.0, size, method="area").numpy().astype(np.float32)
    again = reconstruct(PcaKd.from_folder(folder), image)
    assert 10 * np.log10(1 / np.mean((again - image) ** 2)) == pytest.approx(psnr, abs=0.5)
