"""README, notes and docs/: links lead somewhere, every page is reached, named files exist, sizes stay readable."""

import re
import subprocess

import pytest

from tests.support.checkout import ROOT
from tests.support.docs import pages
from tests.support.structure import PACKAGES, name

PAGES = pages.all_pages()
GENERATED = {"DATASET_CARD.md", "RESULTS.md", "study.md"}  # written by commands
NAMES = GENERATED | {page.name for folder in ("docs", *PACKAGES) for page in (ROOT / folder).rglob("*.md")}
NOT_THERE = {
    "add_a_dataset_reader.md": {"openpose_tf/data/annotations/formats/flat_json.py"},  # the reader writes it
    "001-folders.md": {"synth/render_flags.py"},  # a place that was not taken
}
SOURCES = sorted(
    path
    for pattern in ("openpose_tf/**/*", "synth/**/*", "teacher/**/*", "eval/**/*", "study/*", "tests/**/*")
    for path in ROOT.glob(pattern)
    if path.suffix in {".py", ".flags"} and "docs" not in path.relative_to(ROOT).parts
)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_sections(page):
    for target in pages.links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in pages.anchors(there), f"{name(page)} links to {target}, which is not a section"


def test_every_page_is_reached_from_the_start():
    start = ROOT / "docs" / "index.md"
    reached, waiting = set(), [start]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / target.partition("#")[0]).resolve() for target in pages.links(page)]
            waiting += [target for target in targets if target.suffix == ".md"]
    assert set((ROOT / "docs").rglob("*.md")) - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_exist(page):
    if page.name == "CHANGELOG.md" or page.parent.name == "measurements":  # they tell of what was
        return
    missing = {path for path in pages.named_files(page) if not (ROOT / path).exists()}
    assert missing <= NOT_THERE.get(page.name, set())


def test_sources_cite_pages_and_sections_that_exist():
    cited = 0
    for source in SOURCES:
        text = " ".join(source.read_text().replace("\n#", "\n").split())
        for path in re.findall(r"[\w/.-]*\w\.md\b", text):
            assert path in NAMES or (ROOT / path).exists() or (source.parent / path).exists(), f"{name(source)}: {path}"
        for path, number in re.findall(r"(docs/[\w/.-]+\.md) sections? (\d+(?:\.\d+)?)", text):
            titles = pages.headings(ROOT / path)
            assert any(title.startswith((f"{number}. ", f"{number} ")) for title in titles), f"{name(source)}: {number}"
            cited += 1
        for path, title in re.findall(r"(docs/[\w/.-]+\.md), \"([^\"]+)\"", text):
            assert any(t.startswith(title) for t in pages.headings(ROOT / path)), f"{name(source)}: {path} {title}"
    assert cited > 20, "the test looks at nothing"


@pytest.mark.parametrize(("page", "most"), [("README.md", 120), ("BUILD_NOTES.md", 150)])
def test_the_first_pages_stay_short(page, most):
    assert len((ROOT / page).read_text().splitlines()) <= most


def test_every_decision_and_measurement_is_in_its_table():
    for folder in ("decisions", "measurements"):
        table = ROOT / "docs" / folder / "README.md"
        assert {page.name for page in table.parent.glob("2*.md")} | {p.name for p in table.parent.glob("0*.md")} <= {
            target.partition("#")[0] for target in pages.links(table)
        }


def test_make_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {target for target in targets if f"make {target}" not in shown} == set()
