"""The image dataset format: what is read, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.image_dataset import read_header, read_image_dataset


def annotation(name: str, **changes) -> dict:
    person = {
        "instance_id": 1,
        "keypoints": [[float(k), 2.0 * k, 1] for k in range(16)],
        "head_box": [1, 2, 3, 4],
        "objpos": [5.5, 6.5],
        "scale": 0.7,
        "area": 321,
        "visible_ratio": 0.5,
        "cropped_ratio": 0.0,
        "min_distance": None,
        "is_synthetic": True,
    }
    row = {
        "schema": 1,
        "image_id": name,
        "image": f"images/{name}.jpg",
        "mask": f"masks/{name}.png",
        "width": 64,
        "height": 48,
        "camera": {"pitch_deg": 12.5},
        "people": [person, person | {"min_distance": 9.0, "head_box": None, "is_synthetic": False}],
    }
    return row | changes


def make(root: Path, header=None, **rows) -> Path:
    (root / "annotations").mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps(header or {"schema": 1, "kind": "synthetic"}))
    for name, row in rows.items():
        (root / "annotations" / f"{name}.json").write_text(json.dumps(row))
    return root


def test_round_trip(tmp_path):
    root = make(tmp_path / "ds", b=annotation("b"), a=annotation("a", ignore_mask="ignore/a.png"))
    (root / "annotations" / ".c.123.part.json").write_text("half")
    first, second = read_image_dataset(root)
    assert (first.image_id, second.image_id) == ("a", "b")
    assert first.image_path == root / "images/a.jpg" and first.ignore_mask_path == root / "ignore/a.png"
    assert second.ignore_mask_path is None and all(second.labelled_joints)
    person, other = first.people
    np.testing.assert_array_equal(person.keypoints[3], [3, 6, 1])
    assert person.is_synthetic and not other.is_synthetic and other.head_box is None and person.area == 321
    assert person.features["camera_pitch_deg"] == 12.5 and person.features["num_people"] == 2
    assert np.isnan(person.features["min_distance"]) and other.features["min_distance"] == 9


def test_a_null_position_is_not_known(tmp_path):
    """A real person of a mixed dataset whose annotation has no objpos: [nan, nan], as photographs' readers give it."""
    row = annotation("a")
    row["people"][1] |= {"objpos": None}
    (image,) = read_image_dataset(make(tmp_path / "ds", a=row))
    assert image.people[1].objpos.shape == (2,) and np.isnan(image.people[1].objpos).all()
    np.testing.assert_array_equal(image.people[0].objpos, [5.5, 6.5])
    row["people"][1] |= {"objpos": 7.0}
    with pytest.raises(UserError, match="objpos"):
        read_image_dataset(make(tmp_path / "wrong", a=row))


@pytest.mark.parametrize(
    "changes",
    [{"people": [{"keypoints": [[1, 2, 3]]}]}, {"width": None}, {"people": [{}]}, {"people": None}],
)
def test_broken_annotation(tmp_path, changes):
    root = make(tmp_path / "ds", a=annotation("a", **changes))
    with pytest.raises(UserError, match=r"a\.json is not an annotation of an image dataset"):
        read_image_dataset(root)


def test_wrong_folders(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        read_image_dataset(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"dataset\.json does not exist"):
        read_header(tmp_path)
    with pytest.raises(UserError, match="no complete image"):
        read_image_dataset(make(tmp_path / "empty"))
    with pytest.raises(UserError, match="not of image dataset schema"):
        read_header(make(tmp_path / "old", {"schema": 0}))
    with pytest.raises(UserError, match="kind 'other' is not one of"):
        read_header(make(tmp_path / "kind", {"schema": 1, "kind": "other"}))
