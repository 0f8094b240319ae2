"""The MPII metric in plain loops, from the text of docs/reference/evaluation.md sections 4 to 7, as a reference."""

import math

JOINTS = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)


def first_points(points):
    """{id: point}, the first of a repeated id."""
    known = {}
    for point in points:
        known.setdefault(point["id"], point)
    return known


def hit(found, person, joint):
    if joint not in found["joints"] or joint not in person["joints"]:
        return False
    p, g = found["joints"][joint], person["joints"][joint]
    distance = math.sqrt((p["x"] - g["x"]) ** 2 + (p["y"] - g["y"]) ** 2)
    return distance / person["head"] <= 0.5


def share(found, person):
    annotated = [joint for joint in JOINTS if joint in person["joints"]]
    if not annotated:
        return 0.0
    return sum(hit(found, person, joint) for joint in annotated) / len(annotated)


def match(predictions, people):
    """[index of the person or None] per prediction."""
    best = []
    for found in predictions:
        shares = [share(found, person) for person in people]
        best.append((max(shares), shares.index(max(shares))) if shares else (0.0, None))
    result = [None] * len(predictions)
    for g in range(len(people)):
        claims = [value if person == g else 0.0 for value, person in best]
        if claims and max(claims) > 0:
            result[claims.index(max(claims))] = g
    return result


def area(detections, n_gt):
    """AP in percent of (score, label) in order; None for NaN."""
    if not detections:
        return 0.0
    if n_gt == 0:
        return None
    ordered = sorted(detections, key=lambda pair: -pair[0])  # Python's sort is stable
    precision, recall, hits = [], [], 0
    for count, (_, label) in enumerate(ordered, 1):
        hits += label
        precision.append(hits / count)
        recall.append(hits / n_gt)
    total, before = 0.0, 0.0
    for k in range(len(ordered)):
        total += (recall[k] - before) * max(precision[k:])
        before = recall[k]
    return 100 * total


def evaluate(groups, count_empty_groups):
    """([14] AP, None for NaN; [14] n_gt; [14][labels]) of groups in the toolkit's JSON form."""
    detections, n_gt = {joint: [] for joint in JOINTS}, dict.fromkeys(JOINTS, 0)
    for group in groups:
        people = [
            {
                "joints": first_points(p["points"]),
                "head": 0.6 * math.sqrt((p["x2"] - p["x1"]) ** 2 + (p["y2"] - p["y1"]) ** 2),
            }
            for p in group["gt"]
        ]
        predictions = [{"joints": first_points(p["points"])} for p in group["pred"]]
        for joint in JOINTS:
            if predictions or count_empty_groups:
                n_gt[joint] += sum(joint in person["joints"] for person in people)
        for found, g in zip(predictions, match(predictions, people)):
            for joint in JOINTS:
                if joint in found["joints"]:
                    label = g is not None and hit(found, people[g], joint)
                    detections[joint].append((found["joints"][joint]["score"], label))
    aps = [area(detections[joint], n_gt[joint]) for joint in JOINTS]
    return aps, list(n_gt.values()), [[label for _, label in detections[joint]] for joint in JOINTS]
