"""A slow, independent NumPy drawing of the labels: float64, pixel grids, one person after another."""

import numpy as np

# Written out again on purpose: the test must not share tables with the code under test.
LIMBS = "0-1 1-2 2-3 3-4 1-5 5-6 6-7 1-14 14-8 8-9 9-10 14-11 11-12 12-13"
LIMBS = [tuple(int(p) for p in pair.split("-")) for pair in LIMBS.split()]
SIGMA, WIDTH, CUT = 7.0, 8.0, 4.6052
TIE = 2e-4  # float32 and float64 may disagree about a pixel that is this close to an edge


def draw(people, synthetic, size, mode, sampling):
    """Returns (heat [g, g, 16], paf [g, g, 28], same for synthetic people only, doubtful cells [g, g, 44]).

    heat and paf hold everybody in mode release, real people only in mode paper; there the fourth value is the number of
    synthetic limbs at each pixel, for both components, instead of their vectors.
    """
    if sampling == "area":
        axis, shrink = np.arange(size, dtype=float), _area
    else:
        axis, shrink = np.arange(size // 8) * 8 + 3.5, lambda image: image
    xs, ys = np.meshgrid(axis, axis)
    labelled = [p for p, s in zip(people, synthetic) if mode == "release" or not s]
    heat, _ = _heat(labelled, xs, ys, size, mode)
    _, doubt_heat = _heat(people, xs, ys, size, mode)
    heat_s, _ = _heat([p for p, s in zip(people, synthetic) if s], xs, ys, size, mode)
    paf, paf_s, doubt_paf = _paf(people, synthetic, xs, ys, mode)
    doubt = np.concatenate([doubt_heat, doubt_paf], -1).astype(float)
    return shrink(heat), shrink(paf), shrink(heat_s), shrink(paf_s), shrink(doubt) > 0


def _area(image):
    g = image.shape[0] // 8
    return image.reshape(g, 8, g, 8, -1).mean((1, 3))


def in_input(x, y, labelled, size, mode):
    if labelled <= 0 or x < 0 or y < 0:
        return False
    return not (x >= size and y >= size) if mode == "release" else x < size and y < size


def _heat(people, xs, ys, size, mode):
    heat = np.zeros((*xs.shape, 16))
    doubt = np.zeros((*xs.shape, 16), bool)
    for person in people:
        for part, (x, y, labelled) in enumerate(person):
            if not in_input(x, y, labelled, size, mode):
                continue
            exponent = ((xs - x) ** 2 + (ys - y) ** 2) / (2 * SIGMA**2)
            heat[..., part] = np.maximum(heat[..., part], np.where(exponent > CUT, 0, np.exp(-exponent)))
            doubt[..., part] |= np.abs(exponent - CUT) < TIE
    heat[..., 15] = np.clip(1 - heat[..., :15].max(-1), 0, 1)
    doubt[..., 15] = doubt[..., :15].any(-1)
    return np.clip(heat, 0, 1), doubt


def _paf(people, synthetic, xs, ys, mode):
    total, only = np.zeros((*xs.shape, 28)), np.zeros((*xs.shape, 28))
    doubt = np.zeros((*xs.shape, 28), bool)
    for k, (a, b) in enumerate(LIMBS):
        count = np.zeros(xs.shape)
        for person, is_synthetic in zip(people, synthetic):
            (xa, ya, la), (xb, yb, lb) = person[a], person[b]
            vector = np.array([xb - xa, yb - ya])
            norm = np.hypot(*vector)
            if la <= 0 or lb <= 0 or norm == 0:
                continue
            unit = vector / norm
            distance = np.abs((xs - xa) * unit[1] - (ys - ya) * unit[0])
            edges = [xs - (min(xa, xb) - WIDTH), max(xa, xb) + WIDTH - xs]
            edges += [ys - (min(ya, yb) - WIDTH), max(ya, yb) + WIDTH - ys]
            inside = np.logical_and.reduce([e >= 0 for e in edges]) & (distance <= WIDTH)
            near_edge = np.logical_or.reduce([(np.abs(e) < TIE) & (e != 0) for e in edges])
            near_line = (np.abs(distance - WIDTH) < TIE) & (np.abs(unit).min() > 0)  # exact for upright and level limbs
            doubt[..., 2 * k : 2 * k + 2] |= (near_edge | near_line)[..., None]
            if mode == "release":
                count += inside
                total[inside, 2 * k : 2 * k + 2] = unit
                only[inside & bool(is_synthetic), 2 * k : 2 * k + 2] = unit
            elif is_synthetic:
                only[inside, 2 * k : 2 * k + 2] += 1
            else:
                count += inside
                total[inside, 2 * k : 2 * k + 2] += unit
        divisor = np.maximum(count, 1)[..., None]
        total[..., 2 * k : 2 * k + 2] /= divisor
        if mode == "release":
            only[..., 2 * k : 2 * k + 2] /= divisor
    return total, only, doubt
