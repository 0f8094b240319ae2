"""Mutated inputs for every reader: refused in one line or understood alike by all readers of the format; no hang."""

import pytest

from tests.support.fuzzing import binary_targets, campaign, json_targets

TARGETS = {target.name: target for target in (*json_targets.TARGETS, *binary_targets.TARGETS)}
SEED = 0
FEW, MANY = 25, 2000


def check(name: str, count: int, folder) -> None:
    figures = campaign.run(TARGETS[name], SEED, range(count), folder)
    assert not figures.fell_short, f"case {figures.fell_short[0][0]}: {figures.fell_short[0][1]}"
    assert figures.total == count and figures.past_container >= count / 3
    assert figures.accepted and figures.refused


@pytest.mark.parametrize("name", TARGETS)
def test_some_mutated_inputs(name, tmp_path):
    check(name, FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TARGETS)
def test_many_mutated_inputs(name, tmp_path):
    check(name, MANY, tmp_path)


def test_a_hang_and_a_traceback_fall_short(tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "TIME_LIMIT_S", 1)

    def read(folder) -> None:
        if folder.name == "hang":
            while True:
                pass
        raise KeyError("x")

    for name in ("hang", "traceback"):
        target = campaign.Target("made up", lambda rng, folder: None, lambda folder: True, read)
        figures = campaign.run(target, 0, range(1), tmp_path / name)
        assert len(figures.fell_short) == 1 and figures.total == 1 and not figures.accepted
