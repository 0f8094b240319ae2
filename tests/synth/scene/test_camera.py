import math

import numpy as np
import pytest

from synth.scene.camera import CAMERA_SAMPLERS, Camera, paper_camera, release_camera, standin_camera


def rng(seed=0):
    return np.random.default_rng(seed)


LEVEL = Camera(640, 480, 500.0, (0.0, -4.0, 1.0), 0.0, 4.0)


def test_the_principal_point_is_the_middle_of_the_pixel_centres():
    pixels, depth = LEVEL.project(np.array([[0.0, 0.0, 1.0]]))
    assert pixels[0].tolist() == [319.5, 239.5]
    assert depth[0] == pytest.approx(4.0)


def test_a_hand_computed_projection():
    # 1 m to the right and 1 m below the axis at 4 m: 500 / 4 = 125 px to the right and down.
    pixels, _ = LEVEL.project(np.array([1.0, 0.0, 0.0]))
    assert pixels == pytest.approx([319.5 + 125, 239.5 + 125])


def test_a_pitched_camera_looks_down_at_its_aim():
    camera = Camera(100, 100, 80.0, (0.0, -3.0, 4.0), math.degrees(math.atan2(3.0, 3.0)), math.hypot(3, 3))
    pixels, depth = camera.project(np.array([0.0, 0.0, 1.0]))
    assert pixels == pytest.approx([49.5, 49.5])
    assert depth == pytest.approx(math.hypot(3, 3))


@pytest.mark.parametrize("name", sorted(CAMERA_SAMPLERS))
def test_matrices_agree_with_project(name):
    camera = CAMERA_SAMPLERS[name](rng(1), 320, 240)
    points = rng(2).uniform(-1, 1, (20, 3)) + np.array([0, 2, 1])
    homogeneous = (camera.intrinsics @ (camera.rotation @ points.T + camera.translation[:, None])).T
    pixels, depth = camera.project(points)
    assert pixels == pytest.approx(homogeneous[:, :2] / homogeneous[:, 2:])
    assert depth == pytest.approx(homogeneous[:, 2])
    assert camera.rotation @ camera.rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_rays_go_through_their_pixels():
    camera = paper_camera(rng(3), 40, 30)
    directions = camera.ray_directions()
    pixels, _ = camera.project(np.array(camera.centre_m) + 2.5 * directions)
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    assert pixels == pytest.approx(np.stack([x, y], -1), abs=1e-9)


def test_paper_pitch_is_uniform_in_0_to_45():
    random = rng(4)
    pitch = np.array([paper_camera(random, 640, 640).pitch_deg for _ in range(2000)])
    assert pitch.min() >= 0 and pitch.max() <= 45
    counts, _ = np.histogram(pitch, 9, (0, 45))
    assert counts.min() > 160 and counts.max() < 290  # 222 expected, sigma 14


def test_release_geometry():
    random = rng(5)
    cameras = [release_camera(random, 640, 640) for _ in range(500)]
    assert {camera.focal_px for camera in cameras} == {1200.0}
    pitch = np.array([camera.pitch_deg for camera in cameras])
    assert pitch.min() >= 0 and 36 < pitch.max() < 37.3  # 36.87 degrees for d = 9
    for camera in cameras[:20]:
        pixels, _ = camera.project(np.array([0.0, 3.0, 1.0]))  # the centre of the background plane
        assert pixels == pytest.approx([319.5, 319.5])


def test_the_standin_keeps_a_small_pitch():
    random = rng(6)
    pitch = [standin_camera(random, 320, 320).pitch_deg for _ in range(300)]
    assert min(pitch) >= 0 and max(pitch) <= 12


def test_view_angles_of_a_known_lens():
    camera = Camera(200, 200, 100.0, (0, 0, 1), 10.0, 1.0)
    assert camera.view_angles_deg() == pytest.approx((-35.0, 55.0))
