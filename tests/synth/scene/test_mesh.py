import numpy as np
import pytest

from synth.scene.mesh import Mesh, Topology, near_triangles


def box(low, high):
    """A closed box as a mesh of 6 quads."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    vertices = low + corners * (high - low)
    flat = np.zeros((6, 4, 2), np.float32)
    return Mesh(vertices, Topology(faces, flat, np.zeros(6, np.int32), vertices, np.ones((8, 3), np.float32)))


def test_quads_become_two_triangles_and_triangles_one():
    faces = np.array([[0, 1, 2, 3], [3, 4, 5, 5]], np.int32)
    topology = Topology(faces, np.zeros((2, 4, 2)), np.zeros(2), np.zeros((6, 3)), np.ones((6, 3)))
    assert topology.is_triangle.tolist() == [False, True]
    assert sorted(topology.triangles.tolist()) == [[0, 1, 2], [0, 2, 3], [3, 4, 5]]


def test_moved_turns_then_shifts():
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    moved = box((1, 0, 0), (2, 1, 1)).moved(quarter, np.array([10.0, 0, 0]))
    assert moved.low == pytest.approx([9, 1, 0]) and moved.high == pytest.approx([10, 2, 1])


def test_no_triangle_is_near_across_a_gap():
    assert near_triangles(box((0, 0, 0), (1, 1, 1)), box((1.5, 0, 0), (2, 1, 1))) is None


def test_every_pair_of_touching_triangles_is_kept():
    a, b = box((0, 0, 0), (1, 1, 1)), box((0.9, 0.9, 0.9), (2, 2, 2))
    rows = near_triangles(a, b)
    assert rows is not None
    # The corner of b pierces the three faces of a at x, y, z = 1; those faces of b are its low ones.
    lows, highs = a.triangle_boxes
    assert all((highs[i] >= 0.9).all() for i in rows[0])
    kept = {int(i) for i in rows[0]}
    touching = {i for i in range(12) if (highs[i] >= b.low).all() and (lows[i] <= b.high).all()}
    assert kept == touching and len(rows[1]) >= 6
