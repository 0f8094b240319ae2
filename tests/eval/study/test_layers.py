"""D_M in layers: every photograph once, and no draw of the design needs a layer behind its own."""

import pytest

from eval.study.layers import needed, parts_of
from openpose_tf.data.draw_records import drawing_order

IDS = [[f"a{k}" for k in range(90)], [f"b{k}" for k in range(9)]]
NAMES = ["a", "b"]
COUNTS, SEEDS = (10, 30), (0, 1)
PARTS = parts_of(IDS, NAMES, IDS, COUNTS, SEEDS)


def test_every_photograph_stands_in_one_part():
    assert sorted((part.number, one) for part in PARTS for one in part.ids) == sorted(drawing_order(IDS, NAMES, 0))
    assert [part.layer for part in PARTS] == sorted(part.layer for part in PARTS)
    assert len({part.scene_number for part in PARTS}) == len({part.name("mixed") for part in PARTS}) == len(PARTS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", COUNTS)
def test_a_draw_of_the_design_finds_its_photographs_in_its_layers(count, seed):
    there = {(part.number, one) for part in needed(PARTS, count, True, COUNTS) for one in part.ids}
    assert set(drawing_order(IDS, NAMES, seed)[:count]) <= there
    assert len(there) <= len(SEEDS) * count


def test_other_draws_may_need_any_photograph():
    assert needed(PARTS, 10, False, COUNTS) == needed(PARTS, 20, True, COUNTS) == list(PARTS)


def test_photographs_that_there_are_not_stand_in_no_part():
    parts = parts_of(IDS, NAMES, [IDS[0][:5], []], COUNTS, SEEDS)
    assert sorted(one for part in parts for one in part.ids) == IDS[0][:5] and {part.number for part in parts} == {0}
