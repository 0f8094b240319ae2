"""Photographed materials, as Cycles shows them."""

import types

import numpy as np
import pytest

from synth.clothing import items
from synth.scene.camera import Camera
from synth.scene.config import RenderConfig
from synth.scene.light import Light
from synth.scene.mesh import Mesh, Topology

pytestmark = pytest.mark.blender
blender = pytest.importorskip("synth.rendering.blender")

CAMERA = Camera(48, 48, 60.0, (0.0, -4.0, 1.0), 0.0, 4.0)
SHINE = Light("sh", sh=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
FLAT = Light("hdri", "city", 0.0, 1.0)
SKIN = {"kind": "photograph", "texture": "skin_young_lightskinned_male.jpg", "relief": None, "gain": [1.0, 1.0, 1.0]}
SKIN |= {"hue": 0.0, "saturation": 1.0, "roughness": 0.9, "specular": 0.0}
HAIR = {"kind": "strands", "texture": "hair_bob02.webp", "relief": None, "luminance": 0.17, "colour": [0.6, 0.2, 0.1]}
HAIR |= {"roughness": 0.9, "specular": 0.0}
CLOTH = {"kind": "dyed", "texture": "male_casualsuit04.jpg", "relief": "male_casualsuit04_height.jpg"}
CLOTH |= {"luminance": 0.1, "colour": [0.1, 0.5, 0.1], "second": [0.1, 0.5, 0.1], "pattern": "plain", "scale": 20.0}
CLOTH |= {"axis": "y", "roughness": 0.9, "specular": 0.0}


@pytest.fixture(scope="module")
def renderer():
    return blender.CyclesRenderer(RenderConfig(samples=4, denoise=False))


def board(material, y=0.0, u=(0.0, 1.0), v=(0.0, 1.0)):
    corners = np.array([[-1, y, 0], [1, y, 0], [1, y, 2], [-1, y, 2]], np.float32)
    uvs = np.array([[[u[0], v[0]], [u[1], v[0]], [u[1], v[1]], [u[0], v[1]]]], np.float32)
    faces, slots = np.arange(4, dtype=np.int32)[None], np.zeros(1, np.int32)
    mesh = Mesh(corners, Topology(faces, uvs, slots, corners, np.ones_like(corners)))
    return types.SimpleNamespace(mesh=mesh, material_list=(material,))


def test_a_photograph_takes_its_gain(renderer):
    half = {**SKIN, "gain": [0.5, 0.5, 0.5]}
    bright, dim = (renderer.render([board(one)], CAMERA, SHINE, 1).rgb for one in (SKIN, half))
    np.testing.assert_allclose(dim[20:28, 20:28], bright[20:28, 20:28] / 2, rtol=0.02)


def test_cloth_is_of_its_dye_whatever_the_photograph(renderer):
    rgb = renderer.render([board(CLOTH, u=(0.4, 0.6), v=(0.6, 0.9))], CAMERA, SHINE, 1).rgb[20:28, 20:28]
    assert rgb[..., 1].min() > 3 * rgb[..., 0].max()


@pytest.mark.parametrize("light", [SHINE, FLAT])
def test_hair_is_seen_where_it_is_opaque(renderer, light):
    frame = renderer.render([board(HAIR)], CAMERA, light, 1)
    texture = blender.bpy.data.images.load(str(items.texture_path(HAIR["texture"])), check_existing=True)
    alpha = np.array(texture.pixels[:]).reshape(512, 512, 4)[::-1, :, 3]
    rows, columns = np.mgrid[:48, :48]
    inside = (rows > 12) & (rows < 36) & (columns > 12) & (columns < 36)  # 30 px wide, in the middle
    x, y = (columns - 23.5) / 30 + 0.5, (rows - 23.5) / 30 + 0.5
    shown = alpha[(y * 512).astype(int) % 512, (x * 512).astype(int) % 512]
    solid, clear = inside & (shown > 0.98), inside & (shown < 0.02)
    assert solid.sum() > 50 and clear.sum() > 50
    assert (frame.ids[solid] == 1).mean() > 0.9 and (frame.ids[clear] == 0).mean() > 0.9
    assert frame.alpha[solid].mean() > 0.9 and frame.alpha[clear].mean() < 0.1


def test_what_is_behind_clear_hair_has_its_own_id_and_depth(renderer):
    frame = renderer.render([board(HAIR), board(SKIN, y=1.0)], CAMERA, FLAT, 1)
    assert set(np.unique(frame.ids[16:32, 16:32])) == {1, 2}
    depth = frame.depth[16:32, 16:32]
    ids = frame.ids[16:32, 16:32]
    np.testing.assert_allclose(depth[ids == 1], 4.0, atol=1e-3)
    np.testing.assert_allclose(depth[ids == 2], 5.0, atol=1e-3)


def test_textures_of_the_wardrobe_are_loaded_once(renderer):
    counts = []
    for _ in range(3):
        renderer.render([board(SKIN), board(CLOTH, y=1.0)], CAMERA, FLAT, 1)
        counts.append(len(blender.bpy.data.images))
    assert len(set(counts)) == 1
    names = [image.filepath for image in blender.bpy.data.images]
    assert sum(name.endswith(SKIN["texture"]) for name in names) == 1
