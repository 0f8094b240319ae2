"""The wardrobe: its files, items that follow the body, layers, outfits."""

import collections
import json
import shutil

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.color import to_linear
from synth.body import rotations
from synth.body.joints import JOINT
from synth.body.loading import load_body, sample_shape
from synth.body.model import chain
from synth.body.surface import vertex_normals
from synth.clothing import appearance, fitting, garments, items, outfits
from synth.clothing.appearance import Look
from synth.clothing.fitting import Surface
from synth.clothing.parts import Posture, dressed_vertices, join_parts
from synth.poses import sources as poses

HUES = 12  # a colour family is one of 12 hues, or grey; dark or light
LEAST_OUTFITS = 2000
LARGEST_SHARE_OUTSIDE = 0.033  # of inner vertices near a hem; the painted look's tops have 3.3 %


@pytest.fixture(scope="module")
def body():
    return load_body("builtin")


def sampled(seed, gender="female", tag="stand"):
    return outfits.sample_outfit(np.random.default_rng(seed), gender, tag)


def posture(body, gender, betas, pose):
    shaped, joints = body.shape(gender, betas)
    vertices, _ = body.pose(shaped, joints, pose, gender=gender)
    return Posture(vertices, shaped, chain(rotations.to_matrix(pose), joints)[0])


def test_every_file_is_what_the_manifest_says():
    items.check()


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(items.FOLDER, tmp_path / "wardrobe")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "geometry.npz").unlink(), r"geometry\.npz is missing: .*--look=painted"),
        (lambda f: (f / "textures" / "shoes01.jpg").unlink(), r"shoes01\.jpg is missing"),
        (lambda f: (f / "textures" / "shoes01.jpg").write_bytes(b"\xff\xd8"), r"shoes01\.jpg is damaged"),
        (lambda f: (f / "geometry.npz").write_bytes(b"PK"), r"geometry\.npz is damaged"),
        (lambda f: (f / "manifest.json").write_text('{"version": 0}'), "has version 0, this package needs 1"),
        (lambda f: (f / "manifest.json").unlink(), r"manifest\.json does not exist"),
    ],
)
def test_missing_cut_and_other_files_are_named_in_one_line(copy, harm, message):
    harm(copy)
    with pytest.raises(UserError, match=message) as caught:
        items.check(copy)
    assert "\n" not in str(caught.value)
    if "shoes" not in message:
        with pytest.raises(UserError):
            items.load_wardrobe(copy)


def test_the_wardrobe_is_small_and_its_textures_are_512_px():
    paths = [path for path in items.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 10e6
    assert len(items.load_wardrobe().skins) == 20
    for name in ("male_casualsuit03.jpg", "skin_young_darkskinned_male.jpg", "hair_bob01.webp"):
        assert cv2.imread(str(items.texture_path(name)), cv2.IMREAD_UNCHANGED).shape[:2] == (512, 512)


def test_offsets_turn_with_the_body_and_grow_with_it(body):
    hat = fitting.fitted(body, "male", "fedora").part("hat")
    rest = fitting.rest_posture(body, "male")
    pose = np.zeros((52, 3))
    pose[JOINT["head"]] = [0.0, 0.7, 0.0]
    turned = posture(body, "male", np.zeros(10), pose)
    head = chain(rotations.to_matrix(pose), body.models["male"].j_template)[1][JOINT["head"]]
    expected = (hat.points(rest) - head) @ rotations.to_matrix(pose[JOINT["head"]]).T + head
    np.testing.assert_allclose(hat.points(turned), expected, atol=2e-4)
    larger = Posture(rest.vertices * 1.5, rest.shaped * 1.5, rest.turns)
    np.testing.assert_allclose(hat.points(larger), hat.points(rest) * 1.5, atol=1e-4)


def test_a_cut_item_keeps_its_place(body):
    look = Look(gender="male", leg=0.4, worn={"bottom": "jeans_blue"}, materials=sampled(0).materials)
    shorts = next(p for p in garments.dress(body, look) if p.name == "jeans_blue")
    whole = fitting.fitted(body, "male", "jeans_blue")
    joints = body.models["male"].j_template
    hip, ankle = joints[JOINT["left_hip"], 1], joints[JOINT["left_ankle"], 1]
    assert shorts.rest[:, 1].min() == pytest.approx(hip + 0.4 * (ankle - hip), abs=1e-3)
    assert shorts.rest[:, 1].max() == pytest.approx(whole.rest[:, 1].max(), abs=1e-6)
    np.testing.assert_allclose(shorts.points(fitting.rest_posture(body, "male")), shorts.rest, atol=1e-5)


def test_a_hat_has_no_hair_inside(body):
    look = Look(gender="male", worn={"hair": "hair_short02", "hat": "fedora"}, materials=sampled(0).materials)
    parts = {part.name: part for part in garments.dress(body, look)}
    assert parts["hair_short02"].rest[:, 1].max() < parts["fedora"].rest[:, 1].min() + 0.05
    assert len(parts["hair_short02"].rest) > 100


def test_skin_under_clothes_is_left_out(body):
    look = Look(gender="male", worn={"top": "tee", "bottom": "jeans_blue", "shoe": "shoes_black"})
    dressed = next(part for part in garments.dress(body, look) if part.name == "skin")
    assert len(dressed.mesh.faces) < 0.75 * len(body.faces)
    belly = (np.abs(dressed.rest[:, 1] - 0.4) < 0.05) & (np.abs(dressed.rest[:, 0]) < 0.12)
    assert not belly.any()


def surface(part, where):
    points = part.points(where)
    normals = vertex_normals(points, part.mesh.faces)
    middles, directions = points[part.mesh.faces].mean(1), normals[part.mesh.faces].mean(1)
    normals = np.concatenate([normals, directions / np.linalg.norm(directions, axis=1, keepdims=True)])
    return Surface(np.concatenate([points, middles]), normals)


def outside(inner, outer, rest, posed):
    """Inner vertices that lie under the outer part in the T pose, and how many of them lie outside of it in a pose."""
    depth, aside, _ = surface(outer, rest).place(inner.points(rest))
    under = (aside < 0.015) & (depth > 0)
    depth, aside, _ = surface(outer, posed).place(inner.points(posed))
    return int(under.sum()), int((under & (aside < 0.015) & (depth < -0.001)).sum())


def test_little_skin_pokes_through_in_any_pose(body):
    source = poses.load_poses("builtin", body)
    seen, poking = collections.Counter(), collections.Counter()
    for seed in range(40):
        rng, gender = np.random.default_rng([9, seed]), ("female", "male")[seed % 2]
        pose, betas = source.sample(rng), sample_shape(rng, gender)
        look = outfits.sample_outfit(rng, gender, pose.tag)
        parts = {part.material: part for part in garments.dress(body, look)}
        rest, posed = fitting.rest_posture(body, gender), posture(body, gender, betas, pose.pose)
        pairs = [("skin", "top"), ("skin", "bottom"), ("skin", "shoe"), ("bottom", "top")]
        if look.worn.get("bottom") in garments.BIBS:
            pairs[3] = ("top", "bottom")
        for inner, outer in pairs:
            if inner in parts and outer in parts:
                pair = outside(parts[inner], parts[outer], rest, posed)
                seen[inner], poking[inner] = seen[inner] + pair[0], poking[inner] + pair[1]
    shares = {slot: poking[slot] / seen[slot] for slot in seen}
    print(shares, dict(seen))
    assert seen["skin"] > 10000 and seen["bottom"] + seen["top"] > 1000
    assert shares["skin"] <= LARGEST_SHARE_OUTSIDE
    assert (poking["bottom"] + poking["top"]) / (seen["bottom"] + seen["top"]) <= LARGEST_SHARE_OUTSIDE


@pytest.mark.parametrize("seed", range(8))
def test_worn_people_are_whole(body, seed):
    gender = ("female", "male")[seed % 2]
    look = sampled(seed, gender)
    parts = garments.dress(body, look)
    mesh = join_parts(parts)
    rng = np.random.default_rng(seed)
    posed = posture(body, gender, sample_shape(rng, gender), rng.normal(0, 0.1, (52, 3)))
    points = dressed_vertices(parts, posed)
    assert points.shape == mesh.rest.shape == mesh.tint.shape and points.dtype == np.float32
    assert np.isfinite(points).all() and mesh.faces.max() == len(points) - 1
    assert mesh.uvs.shape == (len(mesh.faces), 4, 2) and len(mesh.material_index) == len(mesh.faces)
    assert set(mesh.materials) <= set(look.materials)
    for material in mesh.materials:
        for name in ("texture", "relief"):
            assert not look.materials[material].get(name) or items.texture_path(look.materials[material][name]).exists()
    skin = posed.vertices[: body.num_body_vertices]
    assert (points.min(0) > skin.min(0) - 0.16).all() and (points.max(0) < skin.max(0) + 0.16).all()


def test_outfits_are_json_and_repeat_with_their_seed():
    assert sampled(3) == sampled(3) != sampled(4)
    assert json.loads(json.dumps(sampled(3).to_json()))["worn"] == sampled(3).worn
    assert "worn" not in appearance.sample_look(np.random.default_rng(3), "female").to_json()


def colour_family(material):
    if material["kind"] == "photograph":
        return round(material["hue"] * 10), round(material["saturation"] * 2), round(material["gain"][0] * 2)
    hue, saturation, value = cv2.cvtColor(np.float32([[material["colour"]]]), cv2.COLOR_RGB2HSV)[0, 0]
    return int(hue * HUES / 360) if saturation > 0.2 else "grey", value > 0.4


def test_there_are_2000_outfits():
    found = set()
    for seed in range(3000):
        look = sampled(seed, ("female", "male")[seed % 2])
        dyes = ((look.worn.get(slot), look.materials[slot]) for slot in ("top", "bottom"))
        found.add(tuple((name, colour_family(dye), dye.get("pattern")) for name, dye in dyes))
    assert len(found) >= LEAST_OUTFITS, len(found)


def test_people_have_hair_skins_and_clothes_in_the_right_shares():
    looks = [sampled(seed, ("female", "male")[seed % 2]) for seed in range(1500)]
    assert np.mean(["hair" in look.worn for look in looks]) >= 0.9
    assert np.mean(["top" not in look.worn for look in looks]) == pytest.approx(outfits.PROXY_SHARE, abs=0.03)
    assert 0.03 < np.mean(["hat" in look.worn for look in looks]) < 0.11
    assert len({look.materials["skin"]["texture"] for look in looks}) == 20
    # The tones after recolouring are those of the painted look's sampler.
    skins = items.load_wardrobe().skins

    def tone(look):
        skin = look.materials["skin"]
        return np.array(skins[skin["texture"]]) * skin["gain"] @ outfits.LUMINANCE

    def painted_tone(seed):
        look = appearance.sample_look(np.random.default_rng(seed), "female")
        return to_linear(np.array(look.materials["skin"]["colour"])) @ outfits.LUMINANCE

    ours = np.quantile([tone(look) for look in looks], (0.1, 0.3, 0.5, 0.7, 0.9))
    theirs = np.quantile([painted_tone(seed) for seed in range(1500)], (0.1, 0.3, 0.5, 0.7, 0.9))
    np.testing.assert_allclose(ours, theirs, rtol=0.3)


def test_skins_and_skirts_suit_the_person():
    for seed in range(60):
        for gender in ("female", "male"):
            look = sampled(seed, gender, "kick")
            words = look.materials["skin"]["texture"].removesuffix(".jpg").rstrip("23").split("_")
            assert gender in words and look.worn.get("bottom") != "skirt_short" and look.bottom == "trousers"


def test_material_kinds_are_documented():
    kinds = {material["kind"] for seed in range(40) for material in sampled(seed).materials.values()}
    for kind in ("photograph", "dyed", "strands"):
        assert kind in kinds and f'kind "{kind}"' in (outfits.__doc__ or "")
