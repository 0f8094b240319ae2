"""D_M in layers: every photograph once, and no draw of the design needs a layer behind its own."""

import pytest

from eval.study.layers import needed, parts_of
from openpose_tf.data.draw_records import drawing_order

IDS = [[f"a{k:03}" for k in range(600)], [f"b{k:03}" for k in range(240)], [f"c{k}" for k in range(9)]]
NAMES = ["a", "b", "c"]
COUNTS, SEEDS = (10, 30), (0, 1)
PARTS = parts_of(IDS, NAMES, IDS, COUNTS, SEEDS)


def test_every_photograph_stands_in_one_part():
    assert sorted((part.number, one) for part in PARTS for one in part.ids) == sorted(drawing_order(IDS, NAMES, 0))
    assert [part.layer for part in PARTS] == sorted(part.layer for part in PARTS)
    assert len({part.scene_number for part in PARTS}) == len({part.name("mixed") for part in PARTS}) == len(PARTS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [*COUNTS, 20])
def test_a_draw_of_the_design_finds_its_photographs_in_its_layers(count, seed):
    there = {(part.number, one) for part in needed(PARTS, count, True, COUNTS) for one in part.ids}
    assert set(drawing_order(IDS, NAMES, seed)[:count]) <= there
    layer = next(one for one in COUNTS if one >= count)
    assert sum(number < 2 for number, _ in there) <= len(SEEDS) * layer


def test_other_draws_may_need_any_photograph():
    assert needed(PARTS, 10, False, COUNTS) == needed(PARTS, 40, True, COUNTS) == list(PARTS)


def test_photographs_that_there_are_not_stand_in_no_part():
    parts = parts_of(IDS, NAMES, [IDS[0][:300], [], []], COUNTS, SEEDS)
    assert sorted(one for part in parts for one in part.ids) == IDS[0][:300] and {part.number for part in parts} == {0}


def test_a_small_record_set_is_one_part():
    assert [part.ids for part in PARTS if part.number == 2] == [tuple(IDS[2])]
    assert [part.layer for part in PARTS if part.number == 2] == [0]
