"""Flags made from dataclasses have their types, defaults and bounds, and make the dataclasses again."""

import dataclasses
import enum

import pytest
from absl import flags

from openpose_tf.common import config_flags
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True)
class Inner:
    colour: Colour = option(Colour.RED, "A colour.")
    share: float | None = option(None, "A share.", low=0.0, high=1.0)
    hidden: int = 7


@dataclasses.dataclass(frozen=True)
class Outer:
    folder: str = option(dataclasses.MISSING, "A folder.")
    inner: Inner = Inner()
    counts: tuple[int, ...] = option((1, 2), "Counts.")
    steps: int = option(3, "Steps.", name="num_steps", low=1)
    is_on: bool = option(False, "On or off.")
    way: str = option("plain", "A way.", choices=("plain", "other"), derived=True)


@dataclasses.dataclass(frozen=True)
class Neighbour:
    colour: Colour = option(Colour.RED, "A colour.")


def parse(*arguments, configs=(Outer,)):
    values = flags.FlagValues()
    config_flags.define(*configs, flag_values=values)
    values(["command", *arguments])
    return values


def test_defaults_of_flags_are_those_of_fields():
    values = parse("--folder=a")
    assert config_flags.build(Outer, values, way="plain") == Outer("a")
    assert (values.way, values.num_steps, values.counts) == (None, 3, ["1", "2"])


def test_flags_decide_fields_of_all_kinds():
    arguments = ("--folder=a", "--colour=blue", "--share=0.5", "--counts=4", "--num_steps=9", "--is_on", "--way=other")
    made = config_flags.build(Outer, parse(*arguments))
    assert made == Outer("a", Inner(Colour.BLUE, 0.5), (4,), 9, True, "other")
    assert isinstance(made.inner.colour, Colour)


@pytest.mark.parametrize("argument", ["--num_steps=0", "--share=1.5", "--colour=green", "--way=none", "--hidden=1"])
def test_bounds_and_choices_are_checked(argument):
    with pytest.raises(flags.Error):
        parse(argument)


def test_a_flag_that_two_dataclasses_share_decides_both():
    values = parse("--folder=a", "--colour=blue", configs=(Outer, Neighbour))
    assert config_flags.build(Neighbour, values).colour == config_flags.build(Inner, values).colour == Colour.BLUE


def test_two_meanings_of_one_flag_are_refused():
    other = dataclasses.make_dataclass("Other", [("share", float, option(0.0, "Of something else."))])
    with pytest.raises(flags.DuplicateFlagError):
        parse(configs=(Outer, other))


def test_an_entry_that_is_not_a_number_is_named():
    with pytest.raises(UserError, match="--counts: 'x' is not a whole number"):
        config_flags.build(Outer, parse("--folder=a", "--counts=1,x"))
