"""Noise-free maps of invented people, for the tests and benchmarks of the decoder. NumPy only."""

import numpy as np

from openpose_tf.skeleton import MPI, Skeleton

# A standing figure in units of half its height, parts of MPI.
FIGURE = np.array(
    [
        *[(0.0, -0.95), (0.0, -0.6)],
        *[(-0.22, -0.55), (-0.38, -0.2), (-0.5, 0.1)],
        *[(0.22, -0.55), (0.4, -0.22), (0.52, 0.06)],
        *[(-0.13, 0.05), (-0.18, 0.5), (-0.2, 0.95)],
        *[(0.13, 0.05), (0.19, 0.5), (0.22, 0.95)],
        (0.0, -0.2),
    ]
)


def crowd(count: int, cells: int = 46, seed: int = 0) -> np.ndarray:
    """Returns [count, 15, 2] float64 part positions in cells: people on a grid, each of another size and pose."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(count * 1.6)))
    rows = int(np.ceil(count / columns))
    room_x, room_y = (cells - 2) / columns, (cells - 2) / rows
    half = min(room_x / 1.3, room_y / 2.2)
    people = []
    for index in range(count):
        centre = 0.5 + (index % columns + 0.5) * room_x, 0.5 + (index // columns + 0.5) * room_y
        figure = FIGURE * half * rng.uniform(0.85, 1.0) + rng.normal(0, 0.02 * half, FIGURE.shape)
        people.append(figure + centre)
    return np.array(people)


def draw_maps(
    people: np.ndarray, height: int, width: int, skeleton: Skeleton = MPI, sigma: float = 7 / 8, reach: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the maps a perfect network would give.

    Args:
        people: [num_people, parts, 2] in cells; NaN for a missing part.
        height, width: size of the maps.
        skeleton: parts and limbs.
        sigma: of the confidence maps' Gaussians, cells.
        reach: half width of a limb, cells.

    Returns:
        confidence_maps [h, w, parts + 1] and pafs [h, w, 2 * limbs], float32.
    """
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    maps = np.zeros((height, width, skeleton.num_confidence_maps))
    fields = np.zeros((height, width, skeleton.num_limbs, 2))
    count = np.zeros((height, width, skeleton.num_limbs, 1))
    for person in people:
        for part, (x, y) in enumerate(person):
            if np.isfinite(x):
                bump = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma**2))
                maps[..., part] = np.maximum(maps[..., part], bump)
        for limb, (a, b) in enumerate(skeleton.limbs):
            vector = person[b] - person[a]
            length = np.hypot(*vector)
            if not length > 0:
                continue
            unit = vector / length
            dx, dy = xs - person[a, 0], ys - person[a, 1]
            along, across = dx * unit[0] + dy * unit[1], np.abs(dx * unit[1] - dy * unit[0])
            on = (along >= -reach) & (along <= length + reach) & (across <= reach)
            fields[on, limb] += unit
            count[on, limb] += 1
    maps[..., -1] = 1 - maps[..., :-1].max(-1)
    fields /= np.maximum(count, 1)
    return maps.astype(np.float32), fields.reshape(height, width, -1).astype(np.float32)
