"""Stylizing one picture: only synthetic people change, sizes, strength, missing partners."""

import numpy as np
import pytest
from PIL import Image

from synth.stylization import monge_kantorovich, pipeline, regions
from synth.stylization.pipeline import StyleConfig
from synth.stylization.smoothers import SMOOTHERS

PLAIN = StyleConfig(strength=1.0, max_side=600, erode_px=0)


def add_red(content, style, content_mask, style_mask):
    """A stylizer that changes everything, to see what is pasted back."""
    return content + np.float32([0.2, 0, 0])


def scene(height=60, width=90):
    rng = np.random.default_rng(0)
    content = rng.integers(60, 190, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[10:50, 20:60] = True
    return content, mask


def run(content, mask, stylizer=add_red, config=PLAIN, style_mask=None, smoother="none"):
    style_mask = mask if style_mask is None else style_mask
    return pipeline.stylize_people(content, mask, content, style_mask, stylizer, SMOOTHERS[smoother], config)


@pytest.mark.parametrize("smoother", ["none", "gif_masked", "matting_cg"])
@pytest.mark.parametrize("max_side", [600, 45])
def test_only_the_synthetic_people_change(smoother, max_side):
    content, mask = scene()
    out = run(content, mask, config=StyleConfig(1.0, max_side, 0), smoother=smoother)
    np.testing.assert_array_equal(out[~mask], content[~mask])
    change = out.astype(int) - content
    assert change[mask][:, 0].mean() > 30
    assert out.dtype == np.uint8 and out.shape == content.shape


def test_inner_pixels_change_fully_and_the_rim_less():
    content, mask = scene()
    change = run(content, mask).astype(int) - content
    assert (change[11:49, 21:59, 0] == 51).all()
    assert (change[10, 21:59, 0] == 34).all()  # 6 of 9 neighbours are inside
    assert not change[..., 1:].any()


def test_strength_scales_the_change():
    content, mask = scene()
    full, half, none = (run(content, mask, config=StyleConfig(s, 600, 0)).astype(int) - content for s in (1, 0.5, 0))
    np.testing.assert_allclose(half[mask], full[mask] / 2, atol=1)
    assert not none.any()


@pytest.mark.parametrize(("height", "width", "expected"), [(60, 90, (40, 60)), (90, 60, (60, 40)), (30, 40, (30, 40))])
def test_longer_side_is_brought_to_the_maximum_and_nothing_is_enlarged(height, width, expected):
    content, mask = scene(height, width)
    mask[5:30, 5:35] = True
    seen = []

    def spy(small, style, small_mask, style_mask):
        seen.append((small.shape, style.shape, small_mask.shape, style_mask.shape, small.dtype, float(small.max())))
        return small

    run(content, mask, spy, StyleConfig(1.0, 60, 0))
    (shapes,) = seen
    assert shapes[:4] == ((*expected, 3), (*expected, 3), expected, expected)
    assert shapes[4] == np.float32 and shapes[5] <= 1


def test_detail_survives_the_transfer_at_a_smaller_size():
    """What the transfer adds is upsampled; the picture's own pixels are not."""
    content, mask = scene(120, 180)
    out = run(content, mask, config=StyleConfig(1.0, 60, 0))
    inner = np.zeros_like(mask)
    inner[14:46, 24:56] = True
    np.testing.assert_allclose(out[inner][:, 0].astype(int) - content[inner][:, 0], 51, atol=1)


def test_upsampled_change_does_not_take_the_background_in():
    change = np.zeros((10, 10, 3), np.float32)
    small, large = np.zeros((10, 10), bool), np.zeros((40, 40), bool)
    small[3:7, 3:7] = large[11:29, 11:29] = True  # the large mask is wider than the small one
    change[small] = 0.5
    up = pipeline.upsample_change(change, small, large)
    np.testing.assert_allclose(up[large], 0.5, atol=1e-5)
    thin = np.zeros((40, 40), bool)
    thin[0, :] = True  # far from every pixel of the small mask
    np.testing.assert_allclose(pipeline.upsample_change(change, small, thin)[thin], 0.5, atol=1e-4)


def test_people_without_a_partner_are_left():
    content, mask = scene()
    nobody, tiny = np.zeros_like(mask), np.zeros_like(mask)
    tiny[0, :10] = True
    assert run(content, mask, style_mask=nobody) is None
    assert run(content, mask, style_mask=tiny) is None
    assert run(content, tiny, style_mask=mask) is None
    thin = np.zeros_like(mask)
    thin[5:7] = True  # a band of 2 px does not survive the erosion
    assert run(content, mask, style_mask=thin) is not None
    assert run(content, mask, config=StyleConfig(1.0, 600, 1), style_mask=thin) is None


def test_default_path_moves_people_towards_the_real_ones():
    content, mask = scene()
    photo = np.full((60, 90, 3), 128, np.uint8)
    people = np.zeros_like(mask)
    people[20:55, 60:85] = True
    photo[people] = [40, 60, 120]
    out = pipeline.stylize_people(
        content, mask, photo, people, monge_kantorovich.transfer, SMOOTHERS["gif_masked"], StyleConfig(strength=1.0)
    )
    before, after = content[mask].mean(0), out[mask].mean(0)
    target = np.array([40, 60, 120])
    assert np.abs(after - target).sum() < 0.6 * np.abs(before - target).sum()


@pytest.mark.parametrize(
    ("num_content", "num_style", "usable"),
    [(11, 11, True), (10, 500, False), (500, 10, False), (1100, 11, False), (1099, 11, True), (11, 1100, False)],
)
def test_size_rule_of_labels(num_content, num_style, usable):
    assert regions.is_usable(num_content, num_style) is usable


def test_nearest_neighbour_has_half_pixel_centres():
    for shape, size in (((7, 5), (3, 4)), ((10, 10), (4, 7)), ((4, 3), (9, 8)), ((37, 61), (19, 30))):
        ids = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
        expected = np.array(Image.fromarray(ids).resize(size[::-1], Image.NEAREST))
        np.testing.assert_array_equal(regions.resize_nearest(ids, *size), expected)


def test_erosion():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    assert pipeline.erode(mask, 1).sum() == 9 and pipeline.erode(mask, 1)[3:6, 3:6].all()
    assert pipeline.erode(mask, 0).sum() == 25
