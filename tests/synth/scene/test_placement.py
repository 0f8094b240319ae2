import dataclasses

import numpy as np
import pytest

from synth.scene import placement
from synth.scene.camera import CAMERA_SAMPLERS
from synth.scene.mesh import Mesh, Topology
from synth.scene.placement import AREAS
from tests.support.bodies.checks import box_intersects


@dataclasses.dataclass(frozen=True)
class Block:
    """Stands in for a figure: a box of 0.5 x 0.5 x 1.7 m."""

    mesh: Mesh

    def moved(self, where):
        return Block(self.mesh.moved(np.eye(3), np.array([*where.position_m, 0.0])))


def block():
    corners = np.array([[x, y, z] for x in (-0.25, 0.25) for y in (-0.25, 0.25) for z in (0, 1.7)], np.float32)
    nothing = np.zeros((0, 4), np.int32)
    return Block(Mesh(corners, Topology(nothing, np.zeros((0, 4, 2)), np.zeros(0), corners, corners)))


@pytest.mark.parametrize("name", ["paper", "standin"])
def test_the_middle_of_a_person_is_in_the_view(name):
    random = np.random.default_rng(0)
    for _ in range(300):
        camera = CAMERA_SAMPLERS[name](random, 640, 640)
        area = AREAS[name](camera)
        where = placement.sample_placement(random, camera, area)
        pixel, depth = camera.project(np.array([*where.position_m, placement.PELVIS_M]))
        assert depth > 1.5
        assert (pixel > -30).all() and (pixel < 670).all(), (camera, where, pixel)


def test_release_area_is_on_the_visible_ground_before_its_plane():
    random = np.random.default_rng(1)
    for _ in range(200):
        camera = CAMERA_SAMPLERS["release"](random, 640, 640)
        area = AREAS["release"](camera)
        assert area.far_m == 3.0 and area.near_m < area.far_m
        where = placement.sample_placement(random, camera, area)
        pixel, _ = camera.project(np.array([*where.position_m, 0.0]))
        assert abs(pixel[0] - 319.5) <= 0.75 * 320 + 1e-6
        assert pixel[1] <= 640


def test_sideways_placement_fills_the_view():
    random = np.random.default_rng(2)
    camera = CAMERA_SAMPLERS["paper"](random, 640, 640)
    area = AREAS["paper"](camera)
    spots = [placement.sample_placement(random, camera, area) for _ in range(500)]
    x = [camera.project(np.array([*spot.position_m, placement.PELVIS_M]))[0][0] for spot in spots]
    assert min(x) < 60 and max(x) > 580
    assert min(spot.yaw_rad for spot in spots) >= 0 and max(spot.yaw_rad for spot in spots) <= 2 * np.pi


def crowd(count, max_tries, seed):
    random = np.random.default_rng(seed)
    camera = CAMERA_SAMPLERS["paper"](random, 640, 640)
    area = AREAS["paper"](camera)
    placed, taken, lost = [], 0, 0
    for _ in range(count):
        found, tried = placement.place(random, block(), placed, camera, area, box_intersects, max_tries)
        taken += tried
        if found is None:
            lost += 1
        else:
            placed.append(found)
    return placed, taken, lost


def test_nobody_stands_in_somebody_else():
    placed, taken, _ = crowd(15, 12, 3)
    assert taken > 0
    for i, a in enumerate(placed):
        for b in placed[:i]:
            assert placement.boxes_apart(a.mesh, b.mesh)


def test_tries_are_bounded_and_people_given_up_are_told():
    placed, taken, lost = crowd(150, 3, 4)
    assert lost > 0 and len(placed) + lost == 150
    assert taken >= 3 * lost


def test_only_pairs_with_boxes_close_together_are_tested_exactly():
    calls = []

    def count(a, b):
        calls.append(1)
        return False

    random = np.random.default_rng(5)
    camera = CAMERA_SAMPLERS["release"](random, 640, 640)
    area = AREAS["release"](camera)
    far_away = block().moved(placement.Placement((500.0, 0.0), 0.0))
    placement.place(random, block(), [far_away], camera, area, count, 12)
    assert not calls


def test_the_area_before_a_row_is_seen_below_it():
    random = np.random.default_rng(3)
    for _ in range(200):
        camera = CAMERA_SAMPLERS["paper"](random, 640, 640)
        area = AREAS["paper"](camera)
        row = placement.lowest_ground_row(camera, area)
        near = placement.before_ground_row(area, camera, row)
        assert near.far_m - near.near_m >= min(placement.LEAST_DEPTH_M, area.far_m - area.near_m) - 0.01
        for _ in range(5):
            where = placement.sample_placement(random, camera, near)
            pixel, _ = camera.project(np.array([*where.position_m, 0.0]))
            assert pixel[1] + 0.5 >= row * 640 - 1e-3
        assert placement.before_ground_row(area, camera, 0.0) == area or camera.view_angles_deg()[0] > 0
