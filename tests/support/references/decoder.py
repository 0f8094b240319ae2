"""The published assembly of people, plain and slow: loops over candidates, on maps of the picture's own size.

Written from the description of the algorithm (OpenPose, CVPR 2017, Sec. 2.3, and the thresholds of the authors' test
code), independently of `openpose_tf.inference.decoder`. NumPy and SciPy only.
"""

import numpy as np
from scipy import ndimage, optimize


def decode(maps, pafs, limbs, num_parts, sigma=5.2, radius=12, peak_threshold=0.05, sample_threshold=0.01):
    """Returns people as a list of {part: (x, y, score)} with their scores.

    Args:
        maps: [H, W, >= parts], pafs: [H, W, 2 * limbs], both of the picture's size.
        limbs: ordered part pairs.
        num_parts: number of parts.
        sigma: of the smoothing, pixels.
        radius: of its filter, pixels; 12 is the published 25 x 25.
        peak_threshold: smallest smoothed value of a candidate.
        sample_threshold: smallest projection of a counting sample.
    """
    candidates = [_candidates(maps[..., part], sigma, radius, peak_threshold) for part in range(num_parts)]
    people = []  # dicts part -> index of candidate, and the sum of limb scores
    for limb, (a, b) in enumerate(limbs):
        field = pafs[..., 2 * limb : 2 * limb + 2]
        for first, second, score in _connections(field, candidates[a], candidates[b], sample_threshold):
            owner = [p for p in people if p["parts"].get(a) == first or p["parts"].get(b) == second]
            if not owner:
                owner = [{"parts": {}, "limbs": 0.0}]
                people.append(owner[0])
            owner[0]["parts"].update({a: first, b: second})
            owner[0]["limbs"] += score
    result = []
    for person in people:
        parts = {part: candidates[part][index] for part, index in person["parts"].items()}
        score = (sum(p[2] for p in parts.values()) + person["limbs"]) / len(parts)
        if len(parts) >= 3 and score >= 0.2:
            result.append((parts, score))
    return result


def _candidates(channel, sigma, radius, threshold):
    smoothed = ndimage.gaussian_filter(channel.astype(np.float64), sigma, mode="constant", truncate=radius / sigma)
    highest = ndimage.maximum_filter(smoothed, 3, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((smoothed == highest) & (smoothed > threshold))
    return [(float(x), float(y), float(channel[y, x])) for y, x in zip(rows, columns, strict=True)]


def _connections(field, firsts, seconds, threshold):
    """Yields (index of first, index of second, score), the best first, each candidate once."""
    found = []
    for i, (xa, ya, _) in enumerate(firsts):
        for j, (xb, yb, _) in enumerate(seconds):
            vector = np.array([xb - xa, yb - ya])
            length = np.linalg.norm(vector)
            if length == 0:
                continue
            samples = []
            for step in range(10):
                x, y = round(xa + step * vector[0] / 10), round(ya + step * vector[1] / 10)
                samples.append(float(field[y, x] @ vector / length))
            score = np.mean(samples) + min(0.0, 0.5 * field.shape[0] / length - 1)
            if sum(sample > threshold for sample in samples) > 7 and score > 0:
                found.append((score, i, j))
    used_first, used_second = set(), set()
    for score, i, j in sorted(found, reverse=True):
        if i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
            yield i, j, score


def as_array(person, num_parts):
    """Returns [parts, 3] of one person of `decode`."""
    keypoints = np.zeros((num_parts, 3))
    for part, values in person[0].items():
        keypoints[part] = values
    return keypoints


def overlap(expected, found, tolerance):
    """Returns for each expected person the best share of parts in common with a found one, each found person once.

    Args:
        expected: [E, parts, 3], found: [F, parts, 3].
        tolerance: pixels within which a part is the same.

    Returns:
        [E] parts in common / parts that either has.
    """
    share = np.zeros((len(expected), len(found)))
    for i, a in enumerate(expected):
        for j, b in enumerate(found):
            both = (a[:, 2] > 0) & (b[:, 2] > 0) & (np.linalg.norm(a[:, :2] - b[:, :2], axis=-1) <= tolerance)
            share[i, j] = both.sum() / ((a[:, 2] > 0) | (b[:, 2] > 0)).sum()
    result = np.zeros(len(expected))
    rows, columns = optimize.linear_sum_assignment(-share)
    result[rows] = share[rows, columns]
    return result
