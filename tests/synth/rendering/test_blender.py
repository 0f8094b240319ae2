import types

import numpy as np
import pytest

from synth.scene import backgrounds
from synth.scene import light as lights
from synth.scene.camera import Camera
from synth.scene.config import RenderConfig
from synth.scene.light import Light
from synth.scene.mesh import Mesh, Topology

pytestmark = pytest.mark.blender
blender = pytest.importorskip("synth.rendering.blender")
ray_casting = pytest.importorskip("tests.support.bodies.ray_casting")

SHOE = {"kind": "shoe", "colour": [0.5, 0.5, 0.5], "roughness": 0.9}
FLAT = Light("hdri", "city", 0.0, 1.0)


@pytest.fixture(scope="module")
def renderer():
    return blender.CyclesRenderer(RenderConfig(samples=4, denoise=False))


def quads(corners):
    """A figure of separate quads [n, 4, 3]."""
    corners = np.asarray(corners, np.float32)
    vertices = corners.reshape(-1, 3)
    faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 4)
    flat = np.zeros((*faces.shape, 2), np.float32)
    topology = Topology(faces, flat, np.zeros(len(faces), np.int32), vertices, np.ones_like(vertices))
    return types.SimpleNamespace(mesh=Mesh(vertices, topology), material_list=(SHOE,))


def board(x1, x2, z1, z2, y):
    return quads([[[x1, y, z1], [x2, y, z1], [x2, y, z2], [x1, y, z2]]])


def cube(low, high):
    c = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) * (np.array(high) - low) + low
    return quads(c[[[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]])


def test_ids_and_depth_are_where_the_camera_says(renderer):
    camera = Camera(80, 60, 60.0, (0.0, -4.0, 1.0), 20.0, 4.0)
    front, back = board(-1.0, 0.2, 0.0, 1.5, 0.0), board(-0.2, 1.0, 0.0, 1.5, 1.0)
    frame = renderer.render([front, back], camera, FLAT, 1)
    assert frame.rgb.shape == (60, 80, 3) and set(np.unique(frame.ids)) == {0, 1, 2}
    for number, figure in ((1, front), (2, back)):
        rows, columns = np.nonzero(frame.ids == number)
        # The world point of every pixel of the board lies on the board.
        point = np.array(camera.centre_m) + camera.ray_directions()[rows, columns] * frame.depth[rows, columns, None]
        assert point[:, 1] == pytest.approx(figure.mesh.low[1], abs=2e-3)
        assert (point > figure.mesh.low - 2e-3).all() and (point < figure.mesh.high + 2e-3).all()
    assert (frame.depth[frame.ids == 0] > 1e3).all()


def test_a_board_ends_at_the_pixel_the_projection_gives(renderer):
    camera = Camera(64, 64, 100.0, (0.0, -5.0, 1.0), 0.0, 5.0)  # 20 px per metre, middle at 31.5
    ids = renderer.render([board(-0.5, 0.5, 0.5, 1.5, 0.0)], camera, FLAT, 1).ids
    columns, rows = np.flatnonzero(ids.any(0)), np.flatnonzero(ids.any(1))
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (22, 41, 22, 41)  # edges at 21.5 and 41.5


def test_same_seed_same_pixels_other_seed_other_noise(renderer):
    camera = Camera(48, 48, 60.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    figures = [cube((-0.5, 0, 0), (0.5, 1, 1))]
    first, again, other = (renderer.render(figures, camera, FLAT, seed) for seed in (5, 5, 6))
    for name in ("rgb", "alpha", "ids", "depth"):
        assert (getattr(first, name) == getattr(again, name)).all()
    assert (first.rgb != other.rgb).any() and (first.ids == other.ids).all()


def test_nothing_is_left_behind(renderer):
    import bpy

    camera = Camera(16, 16, 20.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    counts = []
    for _ in range(3):
        renderer.render([cube((-0.5, 0, 0), (0.5, 1, 1))] * 2, camera, FLAT, 1)
        counts.append((len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.materials), len(bpy.data.images)))
    assert len(set(counts)) == 1


def test_the_environment_is_seen_where_cycles_shows_it(renderer):
    camera = Camera(256, 192, 320.0, (0.0, -4.0, 1.5), 12.0, 4.0)  # 4 px per pixel of the environment
    settings = renderer._scene.render
    settings.film_transparent = False
    try:
        shown = renderer.render([], camera, Light("hdri", "courtyard", 0.9, 1.0), 1).rgb
    finally:
        settings.film_transparent = True
    panorama = blender.read_environment("courtyard")

    def agreement(turn):
        ours = backgrounds.view_environment(panorama, turn, camera)
        return np.corrcoef(np.minimum(shown, 1).ravel(), np.minimum(ours, 1).ravel())[0, 1]

    pixel = 2 * np.pi / panorama.shape[1]
    assert agreement(0.9) > 0.99
    assert agreement(0.9) > max(agreement(0.9 - pixel), agreement(0.9 + pixel))


def test_the_sun_lights_the_side_it_shines_on(renderer):
    camera = Camera(48, 48, 60.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    figure = [board(-0.5, 0.5, 0.0, 2.0, 0.0)]  # faces the camera, which looks along +y
    towards, away = (
        Light("hdri", "city", 0.0, 0.05, sun_energy=3.0, sun_direction=(0.0, y, -0.6)) for y in (0.8, -0.8)
    )
    lit, dark = (renderer.render(figure, camera, light, 1) for light in (towards, away))
    inside = lit.ids == 1
    assert lit.rgb[inside].mean() > 3 * dark.rgb[inside].mean()


def test_harmonics_shade_by_the_normal(renderer):
    camera = Camera(32, 32, 60.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    coefficients = tuple(float(value) for value in (1.0, -0.5, 0.2, 0.1, 0.3, -0.2, 0.25, 0.15, -0.1))
    frame = renderer.render([board(-1, 1, -1, 3, 0.0)], camera, Light("sh", sh=coefficients), 1)
    normal = np.array([0.0, -1.0, 0.0])  # towards the camera
    theirs = np.array([normal[0], -normal[2], normal[1], 1.0])  # the release's axes: y down
    expected = theirs @ lights.sh_matrix(coefficients) @ theirs * ((0.5 + 0.055) / 1.055) ** 2.4
    assert frame.rgb[16, 16] == pytest.approx([expected] * 3, rel=2e-3)


def test_a_texture_shows_the_right_way_up_and_is_removed_again(renderer, tmp_path):
    import bpy
    import cv2

    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32] = (0, 0, 255)  # red (BGR) at the top
    picture[32:] = (0, 255, 0)
    path = tmp_path / ("long_" * 20 + "name.png")
    cv2.imwrite(str(path), picture)
    figure = board(-1, 1, 0, 2, 0.0)
    figure.mesh.topology.uvs[0] = [[0, 0], [1, 0], [1, 1], [0, 1]]  # v is up, like z of the board
    figure.material_list = ({"kind": "texture", "path": str(path), "roughness": 0.7},)
    camera = Camera(48, 48, 60.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    rgb = renderer.render([figure], camera, FLAT, 1).rgb
    assert rgb[14, 24, 0] > 2 * rgb[14, 24, 1] and rgb[34, 24, 1] > 2 * rgb[34, 24, 0]
    assert not [image for image in bpy.data.images if image.name.startswith(blender.TEXTURE_PREFIX)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (((0.9, 0.9, 0.9), (2, 2, 2)), True),
        (((1.01, 0, 0), (2, 1, 1)), False),
        (((0.4, 0.4, -1), (0.6, 0.6, 2)), True),  # a needle through it: no vertex of one is inside of the other
    ],
)
def test_intersection_is_exact(other, expected):
    assert blender.intersects(cube((0, 0, 0), (1, 1, 1)).mesh, cube(*other).mesh) is expected


def test_overlapping_boxes_may_still_be_apart():
    ramp = quads([[[0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]]]).mesh
    below = quads([[[0, 0.2, 0], [1, 0.2, 0], [1, 1, 0.8], [0, 1, 0.8]]]).mesh
    assert not blender.intersects(ramp, below)


def test_rays_hit_the_nearest_person():
    caster = ray_casting.RayCaster([board(-1, 1, 0, 2, 0.0), board(-1, 1, 0, 2, 1.0)])
    origin = np.array([0.0, -4.0, 1.0])
    person, before = caster.first_hit(origin, np.array([0.0, 1.5, 1.0]))
    assert person == 1 and before == pytest.approx(1.5, abs=1e-5)
    assert caster.first_hit(origin, np.array([5.0, 0.0, 1.0]))[0] == 0


def test_a_missing_gpu_is_a_users_mistake():
    from openpose_tf.common.errors import UserError

    with pytest.raises(UserError, match="--device=HIP"):
        blender._choose_device("HIP")
