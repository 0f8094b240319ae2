"""Makes the study's validation set of LSP extended: its test photographs, with people whom nobody annotated as crowds.

    python tests/benchmarks/make_lsp_validation.py LSP BOXES OUTPUT

LSP: a folder with joints.mat, images/ and test.txt. BOXES: of these photographs, by `python -m synth.filter_backgrounds
--notiles --boxes_output`. OUTPUT, which must not exist, becomes a folder for `python -m eval.study --validation`. Its
digest is printed: that of study/results is f05b496eea03512a.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import scipy.io

from eval.formats.oks_truth import BOX_TO_AREA
from eval.study import validation
from openpose_tf.common import files
from openpose_tf.common.imaging.images import read_header
from openpose_tf.data.annotations import unannotated
from openpose_tf.data.annotations.formats.lsp import LSP_JOINTS
from openpose_tf.skeleton import COCO_JOINTS

MARGIN = 0.1  # of the extent of the joints on each side of a box; of its larger side for boxes of the same person


def person_of(joints, image_id):
    """Returns the joints [14, 3] of joints.mat as an annotation of COCO; absent ones are not labelled."""
    points = joints[joints[:, 2] > 0, :2]
    low, extent = points.min(0), np.ptp(points, 0)
    (x, y), (width, height) = low - MARGIN * extent, (1 + 2 * MARGIN) * extent
    known = {name: [*place, 2] for name, (*place, state) in zip(LSP_JOINTS, joints.tolist()) if state > 0}
    keypoints = [value for name in COCO_JOINTS for value in known.get(name, [0.0, 0.0, 0])]
    return {
        **{"id": image_id, "image_id": image_id, "category_id": 1, "iscrowd": 0, "keypoints": keypoints},
        **{"num_keypoints": sum(name in known for name in COCO_JOINTS)},
        **{"bbox": [x, y, width, height], "area": BOX_TO_AREA * width * height},
    }


def own_box(person):
    """Returns the box [4] (x1, y1, x2, y2) that the annotated person may fill."""
    points = np.array(person["keypoints"]).reshape(-1, 3)
    points, margin = points[points[:, 2] > 0, :2], MARGIN * max(person["bbox"][2:])
    return np.concatenate([points.min(0) - margin, points.max(0) + margin])


def crowd_of(box, number, image_id):
    """Returns a box (x1, y1, x2, y2) as an annotation that OKS ignores."""
    x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
    return {
        **{"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 1, "num_keypoints": 0},
        **{"bbox": [x, y, width, height], "area": width * height},
    }


def main(lsp, boxes_path, output):
    """Writes OUTPUT and prints what is in it."""
    lsp, output = Path(lsp), Path(output)
    joints = scipy.io.loadmat(lsp / "joints.mat")["joints"]  # [14, 3, photographs]
    boxes = unannotated.read_boxes(boxes_path)
    unannotated.person_box = own_box  # the rule that study/results were made with
    images, people, crowds = [], [], []
    (output / "images").mkdir(parents=True)
    for name in sorted(files.read_lines(lsp / "test.txt", "names of photographs")):
        number = int(Path(name).stem[2:])  # im00019.jpg is column 19
        width, height = read_header(lsp / "images" / name).size("stored")
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        people.append(person_of(joints[:, :, number - 1], number))
        left = unannotated.left_out(boxes[name], people[-1:])
        crowds += [crowd_of(box, 10**6 + len(crowds) + k, number) for k, box in enumerate(left.tolist())]
        shutil.copyfile(lsp / "images" / name, output / "images" / name)
    category = {"id": 1, "name": "person", "keypoints": list(COCO_JOINTS), "skeleton": []}
    content = {"images": images, "annotations": people + crowds, "categories": [category]}
    (output / "annotations.json").write_text(json.dumps(content))
    opened = validation.open_set(output, "lsp_test", output)
    print(f"{len(images)} photographs, {len(crowds)} people whom nobody annotated; digest {opened.digest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
