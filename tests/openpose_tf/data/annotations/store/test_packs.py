"""Packs of annotations: nothing is lost in them, any of their rows is read alone, damage is named."""

import gzip
import json
import zipfile

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.image_dataset import read_image_dataset
from openpose_tf.data.annotations.store import listing, packs
from tests.support.image_sets import made_up


def row(index: int) -> dict:
    """Returns an annotation with two people."""
    name = schema.image_name(index)
    paths = {role: f"{role}s/0000/{name}.png" for role in ("image", "mask")}
    people = [made_up.person(np.random.default_rng([index, number]), number) for number in (1, 2)]
    return {"schema": 2, "image_id": name, **paths, "width": 64, "height": 48, "people": people}


@pytest.fixture
def pack(tmp_path):
    (tmp_path / schema.HEADER).write_text('{"schema": 2, "kind": "synthetic"}')
    real = row(7) | {"labelled_joints": [k != 9 for k in range(16)], "ignore_mask": "ignore_masks/0000/000007.png"}
    for field in packs.ARRAYS:
        del real["people"][0][field]  # a real person's are not known
    empty = row(11) | {"people": []}
    return packs.write(tmp_path, 0, iter([(3, row(3)), (7, real), (11, empty)]), lambda: {"more": np.arange(3)})


def test_a_pack_gives_back_what_it_was_given_to_the_last_digit(pack):
    found = dict(pack.rows())
    assert found[3] == row(3) and found[11] == row(11) | {"people": []}
    assert "pose" not in found[7]["people"][0] and found[7]["people"][1:] == row(7)["people"][1:]
    assert dict(pack.rows([7])) == {7: found[7]}
    assert pack.columns("more")["more"].tolist() == [0, 1, 2] and pack.numbers() == [3, 7, 11]


def test_numbers_finer_than_what_they_mean_are_rounded(tmp_path):
    fine = row(0)
    fine["people"][0]["pose"][5] = [0.123449, -3.14159, 6.5]
    (_, found), *_ = packs.write(tmp_path, 0, [(0, fine)]).rows()
    assert found["people"][0]["pose"][5] == [0.1234, -3.1416, 6.5]


def test_rows_are_lines_of_json_for_other_programs(pack):
    with zipfile.ZipFile(pack.path) as archive:
        lines = gzip.decompress(archive.read(packs.ROWS)).decode().splitlines()
    assert [json.loads(line)["image_id"] for line in lines] == ["000003", "000007", "000011"]
    with np.load(pack.path) as arrays:
        assert arrays["joints_3d_m"].dtype.kind == "i" and arrays["joints_3d_m"].shape[1:] == (52, 3)


def test_equal_annotations_make_equal_bytes(tmp_path):
    written = [packs.write(tmp_path / name, 4, [(4001, row(4001))]).path for name in "ab"]
    assert written[0].name == written[1].name and written[0].read_bytes() == written[1].read_bytes()
    other = packs.write(tmp_path / "a", 4, [(4002, row(4002))])
    assert other.path != written[0] and packs.Pack.parse(other.path) == other


def test_people_are_read_when_they_are_looked_at(pack, tmp_path):
    images = read_image_dataset(tmp_path)
    assert [image.image_id for image in images] == ["000003", "000007", "000011"]
    assert [len(image.people) for image in images] == [2, 2, 0]
    np.testing.assert_array_equal(images[0].people[0].keypoints, row(3)["people"][0]["keypoints"])
    assert images[0].image_path == tmp_path / "images/0000/000003.png" and images[0].ignore_mask_path is None
    assert images[1].ignore_mask_path == tmp_path / "ignore_masks/0000/000007.png"
    assert not images[1].labelled_joints[9] and all(images[0].labelled_joints)
    pack.path.unlink()
    with pytest.raises(UserError, match="was packed anew by another command: run this one again"):
        images[0].people[0]


def test_an_annotation_of_its_own_counts_more_than_a_pack(pack, tmp_path):
    path = schema.sample_paths(tmp_path, "000007")["annotation"]
    path.parent.mkdir()
    path.write_text(json.dumps(row(7) | {"width": 99}))
    (part,) = listing.parts(tmp_path)
    assert part.ids() == ["000003", "000007", "000011"]
    assert [found["width"] for _, found in part.rows()] == [64, 99, 64]
    assert listing.read(tmp_path, "000007")["width"] == 99
    assert [image.width for image in read_image_dataset(tmp_path)] == [64, 99, 64]


def test_an_image_of_two_packs_is_one(pack, tmp_path):
    packs.write(tmp_path, 0, [(k, row(k)) for k in (1, 3, 4, 5)])
    (part,) = listing.parts(tmp_path)
    assert [name for name, _ in part.rows()] == part.ids() == [f"{k:06d}" for k in (1, 3, 4, 5, 7, 11)]


@pytest.mark.parametrize("kept", [0, 20, 500, -300])
def test_a_damaged_pack_is_named(pack, tmp_path, kept):
    content = pack.path.read_bytes()
    pack.path.write_bytes(content[:kept])
    with pytest.raises(UserError, match=rf"{pack.path.name} is damaged"):
        list(pack.rows())
    pack.path.write_bytes(content[:60] + b"\0" * 200 + content[260:])
    with pytest.raises(UserError, match=rf"{pack.path.name} is damaged"):
        list(pack.rows())


def test_an_image_that_is_not_there_is_named(pack, tmp_path):
    for name in ("000004", "005000", "x"):
        with pytest.raises(UserError, match=f"no annotation of image {name}"):
            listing.read(tmp_path, name)
