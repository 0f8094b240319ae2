"""The people filter: cache, rules, command line, and its quality on real photographs."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from synth.detection import factory, model_files, score_cache
from synth.detection.people import People
from tests.support.checkout import ROOT
from tests.support.commands import run_command


class BrightnessDetector:
    """Calls a picture's mean brightness its person score, and counts its calls."""

    def __init__(self, identity="brightness"):
        self.identity, self.calls = identity, 0

    def detect(self, image):
        self.calls += 1
        return People(np.zeros((1, 4), np.float32), np.array([image.mean() / 255], np.float32))


def photo(path, brightness, height=64, width=80):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), brightness, np.uint8))
    return path.resolve()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    photo(folder / "dark.png", 10)
    photo(folder / "deep" / "bright.png", 250)
    photo(folder / "small.png", 10, height=20)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a photograph")
    return folder


def score(photos, cache, detector=None, tiles=False, min_side=32):
    paths = score_cache.list_photographs(photos)
    return score_cache.score_images(paths, detector or BrightnessDetector(), tiles, min_side, cache)


def names(rows):
    return [Path(row.path).name for row in rows]


def test_what_the_filter_wrote_is_known(photos, tmp_path):
    rows = score(photos, tmp_path / "kept.scores.csv")
    kept = tmp_path / "kept.txt"
    score_cache.write_kept(kept, rows[:2], "4 scored, threshold 0.5")
    assert score_cache.is_filtered(kept)
    assert score_cache.list_photographs(kept) == sorted(Path(row.path) for row in rows[:2])
    (tmp_path / "mine.txt").write_text(f"{rows[0].path}\n")
    assert not score_cache.is_filtered(tmp_path / "mine.txt") and not score_cache.is_filtered(photos)
    (tmp_path / "mine.scores.csv").touch()  # of a list that an older version wrote
    assert score_cache.is_filtered(tmp_path / "mine.txt")


def test_every_photograph_gets_one_verdict(photos, tmp_path):
    rows = score(photos, tmp_path / "s.csv")
    verdict = score_cache.judge(rows, threshold=0.5, min_side=32)
    assert names(verdict.kept) == ["dark.png"]
    assert names(verdict.with_people) == ["bright.png"]
    assert names(verdict.too_small) == ["small.png"]
    assert names(verdict.unreadable) == ["broken.jpg"]
    (dark,) = verdict.kept
    assert "dark.png" in names(score_cache.judge(rows, threshold=dark.score, min_side=32).with_people)


def test_threshold_changes_without_a_new_pass(photos, tmp_path):
    cache = tmp_path / "s.csv"
    first, second = BrightnessDetector(), BrightnessDetector()
    rows = score(photos, cache, first)
    again = score(photos, cache, second)
    assert first.calls == 2 and second.calls == 0
    assert str(rows) == str(again)
    assert names(score_cache.judge(again, 0.01, 32).kept) == []
    assert len(score_cache.judge(again, 1.0, 32).kept) == 2


def test_new_pass_where_something_changed(photos, tmp_path):
    cache = tmp_path / "s.csv"
    score(photos, cache)
    photo(photos / "dark.png", 100, height=70)
    changed = BrightnessDetector()
    score(photos, cache, changed)
    assert changed.calls == 1
    other, tiled, smaller = BrightnessDetector("other"), BrightnessDetector(), BrightnessDetector()
    score(photos, cache, other)
    assert other.calls == 2
    score(photos, cache, tiled, tiles=True)
    assert tiled.calls == 10
    score(photos, cache, smaller, tiles=True, min_side=10)
    assert smaller.calls == 5  # only the small one
    back = BrightnessDetector()
    score(photos, cache, back)
    assert back.calls == 0  # scores of several detectors live side by side


def test_killed_run_goes_on_where_it_was(photos, tmp_path):
    cache = tmp_path / "s.csv"
    rows = score(photos, cache)
    whole = cache.read_text()
    lines = whole.splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if "bright" in line)
    cache.write_text("".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
    detector = BrightnessDetector()
    assert str(score(photos, cache, detector)) == str(rows)
    assert detector.calls in (1, 2)
    with open(cache) as file:
        assert all(len(cells) == 6 for cells in csv.reader(file))


def test_foreign_score_file_is_refused(photos, tmp_path):
    cache = tmp_path / "s.csv"
    cache.write_text("name,price\nbread,3\n")
    with pytest.raises(UserError, match="not a score file"):
        score(photos, cache)
    assert cache.read_text() == "name,price\nbread,3\n"


def test_inputs(photos, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text("# two\nphotos/dark.png\n\nphotos/deep/bright.png\n")
    assert [p.name for p in score_cache.list_photographs(listing)] == ["dark.png", "bright.png"]
    listing.write_text("photos/dark.png\nphotos/gone.png\n")
    with pytest.raises(UserError, match=r"1 files that do not exist.*gone\.png"):
        score_cache.list_photographs(listing)
    with pytest.raises(UserError, match="does not exist"):
        score_cache.list_photographs(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no photographs"):
        score_cache.list_photographs(tmp_path / "empty")
    with pytest.raises(UserError, match="not a text file"):
        score_cache.list_photographs(photos / "dark.png")


COMMAND = "synth.filter_backgrounds"


def test_command_without_model_files_names_the_mend(photos, tmp_path):
    flags = (f"--input_dir={photos}", f"--output_file={tmp_path}/kept.txt", f"--models_dir={tmp_path}/none")
    assert "make models" in run_command(COMMAND, *flags, code=2).stderr
    assert not (tmp_path / "kept.txt").exists()


@pytest.fixture
def models_dir():
    folder = ROOT / "models"
    if not all(model_files.is_present(folder, file) for file in model_files.BUILTIN_FILES):
        pytest.skip("needs the built-in model files: make models")
    return folder


@pytest.mark.slow
def test_command_keeps_the_photographs_without_people(shared_data, models_dir, tmp_path):
    listing = tmp_path / "in.txt"
    real = shared_data / "real"
    people = real / "coco" / "images" / "000000000785.jpg"
    empty = sorted((real / "coco_backgrounds").glob("*.jpg"))[1]
    listing.write_text(f"{people}\n{empty}\n")
    flags = (
        f"--input_dir={listing}",
        f"--output_file={tmp_path}/kept.txt",
        "--min_side=300",
        f"--models_dir={models_dir}",
    )
    done = run_command(COMMAND, *flags)
    comment = "# without people, by synth.filter_backgrounds: 2 scored, threshold 0.25"
    assert (tmp_path / "kept.txt").read_text() == f"{comment}\n{empty.resolve()}\n"
    assert "2 photographs: 1 kept" in done.stdout and "1 dropped: a person scores 0.25" in done.stdout
    assert (tmp_path / "kept.scores.csv").is_file()


@pytest.mark.slow
def test_default_filter_on_real_photographs(shared_data, models_dir, tmp_path):
    """Rejects at least 98 % of the photographs with people and keeps at least 85 % of those without."""
    real = shared_data / "real"
    paths = [p.resolve() for p in sorted(real.rglob("*.jpg"))]
    detector = factory.make_detector("builtin", models_dir)
    rows = score_cache.score_images(paths, detector, tiles=True, min_side=0, cache_path=tmp_path / "s.csv")
    kept = {row.path for row in score_cache.judge(rows, threshold=0.25, min_side=0).kept}
    empty = [row for row in rows if "coco_backgrounds" in row.path]
    people = [row for row in rows if "coco_backgrounds" not in row.path]
    missed = [row for row in people if row.path in kept]
    lost = [row for row in empty if row.path not in kept]
    print(f"rejected {len(people) - len(missed)} of {len(people)} with people")
    print(f"kept {len(empty) - len(lost)} of {len(empty)} without")
    for title, wrong in (("missed people", missed), ("dropped without people", lost)):
        print(title, [(Path(row.path).name, round(row.score, 3)) for row in wrong])
    assert len(people) >= 100 and len(empty) >= 100
    assert len(missed) <= 0.02 * len(people)
    assert len(lost) <= 0.15 * len(empty)
