"""Makes the study's validation set of LSP extended: its test photographs, with people whom nobody annotated as crowds.

    python tests/benchmarks/make_lsp_validation.py LSP BOXES OUTPUT

LSP: a folder with joints.mat, coco.json (for boxes and areas), images/ and test.txt. BOXES: of these photographs, by
`python -m synth.filter_backgrounds --notiles --boxes_output`. OUTPUT, which must not exist, becomes a folder for
`python -m eval.study --validation`. Its digest is printed: that of study/results is f05b496eea03512a.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import scipy.io

from eval.study import validation
from openpose_tf.common import files
from openpose_tf.data.annotations import unannotated

LSP_JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)
MARGIN = 0.1  # around a person's joints, of the larger side of the annotated box; a box of the detector may hold it


def keypoints_of(joints, names):
    """Returns the joints [14, 3] of joints.mat as COCO's flat list; those it marks as absent are not labelled."""
    rows = [joints[LSP_JOINTS.index(name)] if name in LSP_JOINTS else np.zeros(3) for name in names]
    return [value for x, y, known in rows for value in ((float(x), float(y), 2) if known > 0 else (0.0, 0.0, 0))]


def own_box(person):
    """Returns the box [4] (x1, y1, x2, y2) that the annotated person may fill."""
    points = np.array(person["keypoints"]).reshape(-1, 3)
    points, margin = points[points[:, 2] > 0, :2], MARGIN * max(person["bbox"][2:])
    return np.concatenate([points.min(0) - margin, points.max(0) + margin])


def crowd(box, number, image_id):
    """Returns a box (x1, y1, x2, y2) as an annotation that OKS ignores."""
    x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
    return {
        **{"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 1, "num_keypoints": 0},
        **{"bbox": [x, y, width, height], "area": width * height},
    }


def main(lsp, boxes_path, output):
    """Writes OUTPUT and prints what is in it."""
    lsp, output = Path(lsp), Path(output)
    content = files.read_json(lsp / "coco.json", "COCO keypoints")
    joints = scipy.io.loadmat(lsp / "joints.mat")["joints"]
    chosen = set(files.read_lines(lsp / "test.txt", "names of photographs"))
    boxes, names = unannotated.read_boxes(boxes_path), content["categories"][0]["keypoints"]
    images = {row["id"]: row for row in content["images"] if row["file_name"] in chosen}
    people = [row for row in content["annotations"] if row["image_id"] in images]
    crowds = []
    unannotated.person_box = own_box  # the rule that study/results were made with
    for person in people:  # one of each photograph
        person["keypoints"] = keypoints_of(joints[:, :, person["image_id"] - 1], names)
        left = unannotated.left_out(boxes[images[person["image_id"]]["file_name"]], [person])
        crowds += [crowd(box, 10**6 + len(crowds) + k, person["image_id"]) for k, box in enumerate(left.tolist())]
    (output / "images").mkdir(parents=True)
    for row in images.values():
        shutil.copyfile(lsp / "images" / row["file_name"], output / "images" / row["file_name"])
    content |= {"images": [*images.values()], "annotations": people + crowds}
    (output / "annotations.json").write_text(json.dumps(content))
    opened = validation.open_set(output, "lsp_test", output)
    print(f"{len(images)} photographs, {len(crowds)} people whom nobody annotated; digest {opened.digest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
