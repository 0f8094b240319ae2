"""Draws of photographs: nested, in proportion, whole records, and lists that take the same images again."""

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data import draw_records
from openpose_tf.data.annotations import splits
from openpose_tf.data.draw_records import DrawOptions, drawing_order
from openpose_tf.data.records.examples import to_sample
from openpose_tf.data.records.image_ids import image_ids
from openpose_tf.data.records.record_set import load_records
from tests.support.commands import run_command
from tests.support.small_records import write_records

IDS = [[str(k) for k in range(300)], [f"im{k}" for k in range(100)]]


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return write_records(folder / "a", 12, False), write_records(folder / "b", 4, False)


def test_draws_are_nested_and_in_proportion():
    order = drawing_order(IDS, ["a", "b"], 0)
    assert sorted(order) == sorted([(0, i) for i in IDS[0]] + [(1, i) for i in IDS[1]])
    for count in (4, 40, 101, 399):
        assert abs(sum(number for number, _ in order[:count]) - count / 4) <= 1


def test_seeds_draw_differently_and_other_images_change_nothing():
    assert drawing_order(IDS, ["a", "b"], 0) != drawing_order(IDS, ["a", "b"], 1)
    order = [image for _, image in drawing_order([IDS[0]], ["a"], 0)]
    fewer = [image for _, image in drawing_order([IDS[0][:200]], ["a"], 0)]
    assert fewer == [image for image in order if image in set(IDS[0][:200])]


def test_a_draw_holds_the_records_of_its_images_unchanged(two_sets, tmp_path):
    counts = draw_records.run(
        DrawOptions(records=tuple(map(str, two_sets)), num_images=8, seed=3, output_dir=str(tmp_path / "d"))
    )
    assert (counts["records"], counts["images"], counts["of"]) == (8, [6, 2], [12, 4])
    drawn = load_records(tmp_path / "d")
    before = {}
    for folder in two_sets:
        records = load_records(folder)
        before |= {(folder.name, to_sample(records.read(k)).image_id): records.read(k) for k in range(len(records))}
    assert {drawn.read(k) for k in range(len(drawn))} <= set(before.values())
    assert np.isfinite(drawn.features["min_distance"]).all() and drawn.has_scaled_distances
    listed = [splits.read_list(tmp_path / "d" / f"drawn_images_{k}.txt") for k in range(2)]
    assert sorted(image_ids(drawn)) == sorted([*listed[0], *listed[1]])


def test_lists_take_the_same_images_again(two_sets, tmp_path):
    names = tuple(map(str, two_sets))
    draw_records.run(DrawOptions(records=names, num_images=5, output_dir=str(tmp_path / "d")))
    lists = tuple(str(tmp_path / "d" / f"drawn_images_{k}.txt") for k in range(2))
    draw_records.run(DrawOptions(records=names, image_ids=lists, output_dir=str(tmp_path / "again")))
    first, again = load_records(tmp_path / "d"), load_records(tmp_path / "again")
    assert {first.read(k) for k in range(5)} == {again.read(k) for k in range(len(again))}


def test_more_than_there_are_is_all_of_them(two_sets, tmp_path):
    counts = draw_records.run(DrawOptions(records=(str(two_sets[0]),), num_images=99, output_dir=str(tmp_path / "d")))
    assert counts["images"] == [12]


def test_wrong_input_is_named(two_sets, tmp_path):
    (tmp_path / "ids.txt").write_text("nobody\n")
    flags = [f"--records={two_sets[0]}", f"--output_dir={tmp_path / 'd'}"]
    command = ["openpose_tf.data.draw_records", *flags]
    assert "names no image" in run_command(*command, f"--image_ids={tmp_path / 'ids.txt'}", code=2).stderr
    assert not (tmp_path / "d" / "manifest.json").exists()
    for options in ({}, {"num_images": 3, "image_ids": ("a",)}, {"image_ids": ("a", "b")}):
        with pytest.raises(UserError, match=r"--num_images or --image_ids|2 files for 1"):
            DrawOptions(records=("x",), output_dir="y", **options)
