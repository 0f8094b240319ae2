"""Tiny record sets for the teacher's tests."""

from pathlib import Path

import pytest

from tests.support.small_records import write_records


@pytest.fixture(scope="session")
def toy_records(tmp_path_factory) -> dict[str, Path]:
    """Record sets `real` (8 people) and `synthetic` (24 people), half of them seen from a steep camera."""
    folder = tmp_path_factory.mktemp("toy")
    sizes = {"real": 8, "synthetic": 24}
    return {
        name: write_records(folder / name, size, name == "synthetic", pitch_deg=low_then_steep)
        for name, size in sizes.items()
    }


def low_then_steep(number: int) -> float:
    """Camera pitch around 36 degrees for even numbers, around 6 for odd ones."""
    return (5.0 if number % 2 else 35.0) + number / 10
