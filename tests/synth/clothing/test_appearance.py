"""Looks as data, the cutting of meshes, dressed people, and texture folders."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.body.joints import JOINT
from synth.body.loading import load_body, sample_shape
from synth.body.surface import vertex_normals
from synth.clothing import appearance, mesh_cutting, textures
from synth.clothing.appearance import Look, sample_look
from synth.clothing.fitting import rest_posture
from synth.clothing.garments import dress
from synth.clothing.parts import Posture, dressed_vertices, join_parts
from tests.support.bodies.smplh_files import write_smplh


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


def sampled(seed, gender="female", tag="stand"):
    return sample_look(np.random.default_rng(seed), gender, tag)


def plain(gender="male", **changes):
    base = {"materials": sampled(0).materials, **changes}
    return Look(gender=gender, **base)


def test_looks_survive_json_and_repeat_with_their_seed():
    look = sampled(3)
    data = json.loads(json.dumps(look.to_json()))
    assert Look(**{**data, "iris": tuple(data["iris"])}) == look == sampled(3) and look != sampled(4)


def test_looks_vary_and_every_slot_has_a_material():
    drawn = [sampled(i, ("female", "male")[i % 2]) for i in range(200)]
    assert {look.hair for look in drawn} == {"bald", "buzz", "short", "full", "long", "hat"}
    patterns = {look.materials["top"]["pattern"] for look in drawn}
    assert patterns == {"plain", "stripes", "check", "dots", "camouflage"}
    tones = [look.materials["skin"]["colour"][0] for look in drawn]
    assert min(tones) < 0.35 and max(tones) > 0.9
    for look in drawn:
        assert {"skin", "eye", "hair", "top", "bottom", "shoe", "sock", "body"} <= set(look.materials)
        for material in look.materials.values():
            assert min(material["colour"]) >= 0 and max(material["colour"]) <= 1
        assert look.loose_top_m > look.loose_bottom_m  # the top lies over the trousers


def test_skirts_are_worn_by_women_in_poses_with_closed_legs():
    assert any(sampled(i, "female", "stand").bottom == "skirt" for i in range(30))
    assert not any(sampled(i, "male", "stand").bottom == "skirt" for i in range(30))
    assert not any(sampled(i, "female", "kick").bottom == "skirt" for i in range(30))


def square(size=4):
    """A flat square of size x size quads on its own vertices, x and y from 0 to size."""
    points = np.array([[x, y, 0.0] for y in range(size + 1) for x in range(size + 1)])
    corner = np.array([x + y * (size + 1) for y in range(size) for x in range(size)])
    faces = corner[:, None] + np.array([0, 1, size + 2, size + 1])
    return points, mesh_cutting.from_body(len(points), faces, points[faces][..., :2] / size)


def area(mesh, points):
    corners = mesh.at(points)[mesh.faces]
    cross = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    return np.linalg.norm(cross, axis=1).sum() / 2


def test_a_cut_is_straight_and_exact():
    points, mesh = square()
    field = 2.3 - points[:, 0] - 0.5 * points[:, 1]  # zero on a slanted line
    left, right = mesh_cutting.cut(mesh, field), mesh_cutting.cut(mesh, -field)
    assert area(left, points) == pytest.approx((2.3 + 0.3) / 2 * 4)  # the trapezium from x = 2.3 below to 0.3 above
    assert area(left, points) + area(right, points) == pytest.approx(16)
    assert left.at(field).min() > -1e-6
    np.testing.assert_allclose(left.uvs, left.at(points)[left.faces][..., :2] / 4, atol=1e-6)
    np.testing.assert_allclose(np.asarray(left.sources.sum(1)).ravel(), 1, atol=1e-6)


def test_a_cut_outside_keeps_all_or_nothing():
    points, mesh = square()
    assert area(mesh_cutting.cut(mesh, np.ones(25)), points) == pytest.approx(16)
    assert len(mesh_cutting.cut(mesh, -np.ones(25)).faces) == 0


def test_smoothing_flattens_a_bump():
    points, mesh = square()
    bumpy = points.copy()
    bumpy[12, 2] = 1.0  # the middle
    assert mesh_cutting.smooth(mesh, 3).at(bumpy)[:, 2].max() < 0.4
    np.testing.assert_allclose(np.asarray(mesh_cutting.smooth(mesh, 3).sources.sum(1)).ravel(), 1, atol=1e-5)


def test_normals_of_a_square_look_up():
    points, mesh = square()
    np.testing.assert_allclose(vertex_normals(points, mesh.faces), np.tile([0, 0, 1], (25, 1)), atol=1e-6)
    np.testing.assert_allclose(vertex_normals(points, mesh.faces[:, :3])[6], [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_dressed_people_are_whole(body, seed):
    gender = ("female", "male")[seed % 2]
    look = sampled(seed, gender)
    parts = dress(body, look)
    mesh = join_parts(parts)
    rng = np.random.default_rng(seed)
    shaped, joints = body.shape(gender, sample_shape(rng, gender))
    vertices, _ = body.pose(shaped, joints, rng.normal(0, 0.1, (52, 3)))
    points = dressed_vertices(parts, Posture(vertices, shaped, np.tile(np.eye(3), (52, 1, 1))))
    assert points.shape == mesh.rest.shape == mesh.tint.shape and points.dtype == np.float32
    assert np.isfinite(points).all() and mesh.faces.max() == len(points) - 1
    assert mesh.uvs.shape == (len(mesh.faces), 4, 2) and len(mesh.material_index) == len(mesh.faces)
    assert set(mesh.materials) <= set(look.materials)
    assert mesh.tint.min() >= 0 and mesh.tint.max() <= 1
    # Clothes and skin stay within a few centimetres of the naked body, but for skirts and hair.
    skin = vertices[: body.num_body_vertices]
    assert (points.min(0) > skin.min(0) - 0.06).all() and (points.max(0) < skin.max(0) + 0.06).all()


def part(parts, name):
    return next(p for p in parts if p.name == name)


def test_hems_are_where_the_look_says_and_straight(body):
    joints = body.models["male"].j_template
    parts = dress(body, plain(sleeve=0.5, leg=0.8, top_hem_m=-0.05, hair="bald"))
    hip, ankle = joints[JOINT["left_hip"], 1], joints[JOINT["left_ankle"], 1]
    legs = part(parts, "bottom").rest
    assert legs[:, 1].min() == pytest.approx(hip + 0.8 * (ankle - hip), abs=0.006)
    top = part(parts, "top").rest
    shoulder, wrist = joints[JOINT["left_shoulder"], 0], joints[JOINT["left_wrist"], 0]
    assert np.abs(top[:, 0]).max() == pytest.approx(shoulder + 0.02 + 0.5 * (wrist - shoulder), abs=0.012)
    trunk = np.abs(top[:, 0]) < 0.1
    assert top[trunk, 1].min() == pytest.approx(joints[JOINT["spine1"], 1] - 0.05, abs=0.006)


def test_the_body_under_cloth_is_left_out(body):
    naked = part(dress(body, plain(hair="bald", sleeve=-0.1, leg=0.3, shoe_height_m=None)), "skin")
    covered = part(dress(body, plain(hair="bald", sleeve=0.9, leg=0.95)), "skin")
    assert len(covered.mesh.faces) < 0.8 * len(naked.mesh.faces)
    belly = (np.abs(naked.rest[:, 1] - 0.45) < 0.05) & (np.abs(naked.rest[:, 0]) < 0.15)
    assert not belly.any()


def test_cloth_stands_outside_of_the_body_it_covers(body):
    parts = dress(body, plain(hair="bald"))
    vertices = body.models["male"].v_template
    normals = vertex_normals(vertices, body.faces)
    top = part(parts, "top")
    points = dressed_vertices([top], rest_posture(body, "male"))
    skin = vertices[: body.num_body_vertices]
    nearest = np.array([np.argmin(((skin - p) ** 2).sum(1)) for p in points[::5]])
    height = np.einsum("nc,nc->n", points[::5] - skin[nearest], normals[: len(skin)][nearest])
    assert np.mean(height > 0) > 0.97


def test_shoes_have_no_toes_and_bare_feet_have(body):
    shod = dress(body, plain(shoe_height_m=0.05))
    bare = dress(body, plain(shoe_height_m=None))
    toe_m = body.models["male"].v_template[:, 1].min() + 0.03
    assert part(shod, "shoes") and not any(p.name == "shoes" for p in bare)
    assert (part(shod, "skin").rest[:, 1] < toe_m).sum() == 0
    assert (part(bare, "skin").rest[:, 1] < toe_m).sum() > 200


def test_long_hair_leaves_the_face_free(body):
    look = plain("female", hair="long", hair_length=1.0)
    hair = np.concatenate([part(dress(body, look), name).rest for name in ("hair", "long hair")])
    model = body.models["female"].v_template
    eye = model[body.landmarks["left_eye"]]
    face = (np.abs(hair[:, 0]) < 0.06) & (hair[:, 2] > eye[2] - 0.05) & (hair[:, 1] < eye[1] + 0.03)
    assert not face.any()


def test_brows_lips_and_eyes_are_tinted(body):
    parts = dress(body, plain(brow=0.6, iris=(0.1, 0.2, 0.3)))
    skin = part(parts, "skin").tint
    assert np.isclose(skin, 0.4, atol=0.02).all(1).sum() > 10  # brows
    eye = part(parts, "left_eye").tint
    assert (np.abs(eye - [0.1, 0.2, 0.3]).max(1) < 1e-5).any() and (eye < 0.02).any() and (eye > 0.8).any()
    beard = part(dress(body, plain(beard=0.6)), "skin").tint
    assert beard.sum() < part(dress(body, plain(beard=0.0)), "skin").tint.sum()


def test_smplh_bodies_are_painted_or_textured(tmp_path):
    body = load_body(str(write_smplh(tmp_path / "SMPLH_MALE.npz")))
    parts = dress(body, sampled(0, "male"))
    mesh = join_parts(parts)
    assert mesh.materials == ("body",) and len(np.unique(mesh.tint.round(3), axis=0)) > 1
    points = dressed_vertices(parts, rest_posture(body, "male"))
    np.testing.assert_allclose(points, mesh.rest, atol=1e-6)
    look = sample_look(np.random.default_rng(0), "male", "motion", texture_path="/somewhere/nongrey_male.jpg")
    assert look.materials["body"] == {"kind": "texture", "path": "/somewhere/nongrey_male.jpg", "roughness": 0.7}


def write_textures(folder, count=60, side=256):
    for i in range(count):
        kind, gender = ("grey", "nongrey")[i % 2], ("female", "male")[i // 2 % 2]
        path = folder / gender / f"{kind}_{gender}_{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((side, side, 3), i, np.uint8))


def test_textures_keep_the_ratio_the_gender_and_the_split(tmp_path):
    write_textures(tmp_path)
    library = textures.load_textures(str(tmp_path))
    assert len(library.textures) == 60 and sum(t.grey for t in library.textures) == 30
    rng = np.random.default_rng(0)
    drawn = [library.sample(rng, "female", "train") for _ in range(900)]
    assert all("/female/" in path for path in drawn)
    assert np.mean(["/grey_" in path for path in drawn]) == pytest.approx(1 / 9, abs=0.035)
    held_out = {library.sample(rng, "male", split) for split in ("val", "test") for _ in range(20)}
    assert not held_out & {library.sample(rng, "male", "train") for _ in range(200)}


def test_texture_coordinates_come_from_the_obj_file(tmp_path):
    body = load_body(str(write_smplh(tmp_path / "model" / "SMPLH_MALE.npz")))
    write_textures(tmp_path / "textures", 4)
    with pytest.raises(UserError, match=r"\.obj"):
        textures.load_textures(str(tmp_path / "textures")).fit(body)
    faces = "".join(f"f {a + 1}/1 {b + 1}/2 {c + 1}/3\n" for a, b, c in body.faces)
    (tmp_path / "textures" / "uv.obj").write_text("v 0 0 0\nvt 0 0\nvt 1 0\nvt 0.25 0.5\n" + faces)
    fitted = textures.load_textures(str(tmp_path / "textures")).fit(body)
    mesh = join_parts(dress(fitted, sampled(0, "male")))
    np.testing.assert_allclose(mesh.uvs[0], [[0, 0], [1, 0], [0.25, 0.5], [0.25, 0.5]])
    (tmp_path / "textures" / "uv.obj").write_text("vt 0 0\nf 1/1 1/1 1/1\n")
    with pytest.raises(UserError, match="1 triangles"):
        textures.load_textures(str(tmp_path / "textures")).fit(body)


@pytest.mark.parametrize(
    ("shape", "message"), [((256, 300, 3), "300 x 256"), ((64, 64, 3), "64 x 64"), ((512, 512, 3), "one size")]
)
def test_textures_of_a_wrong_size_are_named(tmp_path, shape, message):
    write_textures(tmp_path, 4)
    cv2.imwrite(str(tmp_path / "male" / "nongrey_odd.png"), np.zeros(shape, np.uint8))
    with pytest.raises(UserError, match=message) as caught:
        textures.load_textures(str(tmp_path))
    assert "nongrey_odd.png" in str(caught.value)


def test_unreadable_textures_and_empty_folders_are_named(tmp_path):
    with pytest.raises(UserError, match="no texture"):
        textures.load_textures(str(tmp_path))
    (tmp_path / "grey_male.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"grey_male\.jpg"):
        textures.load_textures(str(tmp_path))


def test_material_kinds_are_documented():
    kinds = {material["kind"] for seed in range(30) for material in sampled(seed).materials.values()}
    assert all(f'"{kind}"' in (appearance.__doc__ or "") for kind in kinds)
