"""Hides half of the annotated people of COCO photographs and asks whether `unannotated.left_out` finds them.

    python tests/benchmarks/measure_unannotated.py ANNOTATIONS IMAGES BOXES [SHARE]

BOXES is of `python -m synth.filter_backgrounds --boxes_output`. Of each of ten draws: a hidden person is found if at
least half of the labelled joints lie in boxes that are left over; a left-over box is right if it has an IoU of 0.3 with
somebody who is not annotated (hidden, crowd, or without joints in the file), or lies in him with 60 % of its area.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from openpose_tf.data.annotations import readers, unannotated
from openpose_tf.data.annotations.formats import coco_file
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import JointState

NUM_DRAWS, MIN_JOINTS, MIN_IOU, MIN_INSIDE = 10, 0.5, 0.3, 0.6


def known_joints(person):
    return person.keypoints[person.keypoints[:, 2] != JointState.MISSING, :2]


def covered(points, boxes):
    """Returns the share of points [N, 2] that lie in any of the boxes [K, 4]."""
    inside = (points[:, None] >= boxes[None, :, :2]) & (points[:, None] <= boxes[None, :, 2:])
    return inside.all(-1).any(1).mean()


def is_one_of(boxes, people):
    """Returns [K] bool: the box is one of the people, given as boxes [P, 4]."""
    low = np.maximum(boxes[:, None, :2], people[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], people[None, :, 2:])
    inside = np.maximum(high - low, 0).prod(-1)
    area, others = (rows[:, 2:] - rows[:, :2] for rows in (boxes, people))
    area, others = area.prod(-1)[:, None], others.prod(-1)[None]
    return ((inside / (area + others - inside) >= MIN_IOU) | (inside / area >= MIN_INSIDE)).any(1)


def main(annotations, images, boxes_path, share="0.5"):
    """Prints recall and precision."""
    found = readers.read("coco", ReadRequest(annotations, images)).images
    truth = {image.image_id: image.people for image in coco_file.parse(annotations).images}
    boxes = unannotated.read_boxes(boxes_path)
    hits, rights = [], []
    for seed in range(NUM_DRAWS):
        rng = np.random.default_rng(seed)
        for image in found:
            hidden = rng.random(len(image.people)) < float(share)
            if not hidden.any():
                continue
            everybody = np.array([one.box for one in truth[image.image_id]])
            everybody[:, 2:] += everybody[:, :2]
            centers = (everybody[:, :2] + everybody[:, 2:]) / 2
            shown = [person for person, is_hidden in zip(image.people, hidden) if not is_hidden]
            shown_rows = {int(np.abs(centers - person.objpos).sum(1).argmin()) for person in shown}
            others = np.delete(everybody, sorted(shown_rows), 0)
            left = unannotated.left_out(boxes[image.image_path.name], shown)
            hits += [
                covered(known_joints(person), left) >= MIN_JOINTS
                for person, is_hidden in zip(image.people, hidden)
                if is_hidden
            ]
            rights += is_one_of(left, others).tolist()
    print(
        f"recall {np.mean(hits):.3f} of {len(hits)} hidden people, "
        f"precision {np.mean(rights):.3f} of {len(rights)} boxes"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
