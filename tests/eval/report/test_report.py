"""The report is one page that needs nothing beside it, and tells what the run's files tell."""

import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from eval.report import __main__ as report
from eval.report import figures
from openpose_tf.common.errors import UserError
from tests.support.commands import run_command

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Checker(HTMLParser):
    """Collects sources and checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href") and value]

    def handle_startendtag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def run_dir(tmp_path):
    model_dir = tmp_path / "model_dir"
    model_dir.mkdir()
    rng = np.random.default_rng(0)
    with open(model_dir / "metrics.jsonl", "w") as file:
        for step in range(1, 60):
            row = {"step": step, "loss": 100 / step, "loss_real": 90 / step, "loss_synthetic": 110 / step}
            file.write(json.dumps(row) + "\n")
    with open(model_dir / "decisions.jsonl", "w") as file:
        file.write(
            json.dumps({"step": 0, "group": 2, "probabilities": None, "explored": True, "rewarded": None}) + "\n"
        )
        for step in (20, 40):
            probabilities = rng.dirichlet(np.ones(4)).tolist()
            row = {"step": step, "group": 1, "probabilities": probabilities, "explored": False, "rewarded": step > 20}
            file.write(json.dumps(row) + "\n")
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "000001.jpg"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "sheet.jpg"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    (tmp_path / "summary.json").write_text(
        json.dumps({"images_rendered": 12, "people": 48, "oks_ap": 0.25, "seconds": {"render": 30, "train": 90}})
    )
    joints = {"l_knee": {"similarity": 0.5}, "neck": {"similarity": None}}
    (tmp_path / "oks.json").write_text(json.dumps({"AP": 0.25, "AP50": None, "num_people": 7, "per_joint": joints}))
    return tmp_path


def test_page_is_well_formed_self_contained_and_tells_the_numbers(run_dir):
    output = run_dir / "report.html"
    run_command(
        *("eval.report", f"--model_dir={run_dir / 'model_dir'}", f"--output_file={output}"),
        *(f"--summary={run_dir / 'summary.json'}", f"--sheets=A < B={run_dir / 'sheet.jpg'}"),
        *(f"--before={run_dir / 'before'}", f"--after={run_dir / 'after'}", f"--scores=after={run_dir / 'oks.json'}"),
    )
    checker = Checker()
    checker.feed(output.read_text())
    assert checker.open == []
    assert len([source for source in checker.sources if source.startswith("data:image/")]) == 3
    assert not [source for source in checker.sources if source.startswith(("http", "/", "file"))]
    text = " ".join(checker.text)
    for expected in ("48", "0.250", "2.0 min", "25.0", "A < B", "Rewarded decisions: 50 % of 2"):
        assert expected in text


def test_missing_metrics_is_named(run_dir):
    (run_dir / "model_dir" / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match=r"metrics\.jsonl does not exist"):
        report.training_section(run_dir / "model_dir")


def test_only_a_run_with_decisions_has_a_teacher(run_dir):
    assert "teacher" in " ".join(report.training_section(run_dir / "model_dir"))
    decisions = run_dir / "model_dir" / "decisions.jsonl"
    decisions.write_text("")  # as a run without a teacher leaves it
    without = report.training_section(run_dir / "model_dir")
    assert len(without) == 1 and "teacher" not in without[0]
    decisions.unlink()
    assert report.training_section(run_dir / "model_dir") == without


@pytest.mark.parametrize("entry", ["no-separator", "=x.jpg", "name=absent.jpg"])
def test_wrong_pairs_are_named(entry):
    with pytest.raises(UserError, match=re.escape("--sheets")):
        report.named_paths([entry], "sheets")


def test_smooth_keeps_a_constant_and_the_length():
    np.testing.assert_allclose(figures.smooth(np.full(50, 3.0)), 3.0)
    np.testing.assert_allclose(figures.smooth(np.arange(5.0), share=0.5), [0.5, 1, 2, 3, 3.5])


def test_figures_are_the_same_every_time():
    rows = [{"step": k, "loss_real": 5.0 / k, "loss_synthetic": None} for k in range(1, 9)]
    assert figures.loss_curves(rows) == figures.loss_curves(rows)


def compared(low, high):
    row = {"AP": 0.3, "difference": (low + high) / 2, "low": low, "high": high}
    by_pitch = [{"low": 0, "high": 12, "pictures": 3, "people": 9, "AP": [0.4, 0.5]}]
    return {"AP": 0.3 + (low + high) / 2, "baseline": row, "num_images": 64, "by_camera_pitch": by_pitch}


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.01, 0.05, "better"), (-0.05, -0.01, "worse"), (-0.01, 0.02, "neither")]
)
def test_the_claim_says_what_the_interval_says(low, high, verdict):
    text = report.claim(compared(low, high))
    assert f"the student {verdict}" in text and f"{low:+.3f} to {high:+.3f}" in text and "64 images" in text


def test_the_claim_comes_first_then_pictures_then_pitch_then_the_rest(run_dir):
    result = {**compared(0.01, 0.05), "per_joint": {}}
    (run_dir / "after.json").write_text(json.dumps(result))
    output = run_dir / "report.html"
    run_command(
        *("eval.report", f"--model_dir={run_dir / 'model_dir'}", f"--output_file={output}"),
        *(f"--before={run_dir / 'before'}", f"--after={run_dir / 'after'}", f"--scores=after={run_dir / 'after.json'}"),
        *(f"--sheets=Sheet={run_dir / 'sheet.jpg'}", f"--photo={run_dir / 'sheet.jpg'}"),
    )
    page = output.read_text()
    titles = [
        "Training made",
        "Your photograph",
        "What the student sees",
        "By camera pitch",
        "loss",
        "picked",
        "The data",
    ]
    places = [page.index(f">{title}" if title[0] == "T" else title, page.index("<main>")) for title in titles]
    assert places == sorted(places)
    assert "<script" not in page
