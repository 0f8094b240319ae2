"""The project's pages as text: links, headings, code blocks, the commands and flags that they name."""

import dataclasses
import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tests.support.checkout import ROOT

_FENCE = re.compile(r"^ *```(\w*) *$")
_MARK = re.compile(r"^<!-- tested(?:: (?P<how>.+?))? -->$")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_COMMAND = re.compile(r"python -m (?P<module>[A-Za-z_][\w.]*)(?P<rest>[^#`\n]*)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        language: word behind the opening fence, or "".
        text: what stands between the fences.
        mark: None, or what `<!-- tested: MARK -->` above it says ("" without a mark).
    """

    language: str
    text: str
    mark: str | None


def all_pages() -> list[Path]:
    """Returns README, notes and all other pages that a reader may open."""
    tops = [ROOT / name for name in ("README.md", "BUILD_NOTES.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    packages = [
        p for package in ("openpose_tf", "synth", "teacher", "eval") for p in (ROOT / package).rglob("README.md")
    ]
    return [*tops, *sorted((ROOT / "docs").rglob("*.md")), *sorted(packages)]


def blocks(page: Path) -> Iterator[Block]:
    """Yields the fenced code blocks of a page."""
    inside: list[str] | None = None
    language, mark, previous = "", None, ""
    for line in page.read_text().splitlines():
        fence = _FENCE.match(line)
        if inside is None and fence:
            found = _MARK.match(previous.strip())
            inside, language, mark = [], fence[1], (found["how"] or "") if found else None
        elif inside is not None and fence:
            yield Block(language, "\n".join(inside), mark)
            inside = None
        elif inside is not None:
            inside.append(line)
        previous = line


def prose(page: Path) -> str:
    """Returns a page without its fenced code blocks."""
    lines, inside = [], False
    for line in page.read_text().splitlines():
        inside ^= bool(_FENCE.match(line))
        lines.append("" if inside or _FENCE.match(line) else line)
    return "\n".join(lines)


def links(page: Path) -> set[str]:
    """Returns the targets of a page's links and images, but for those of other sites."""
    return {target for target in _LINK.findall(prose(page)) if "://" not in target}


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings that mkdocs and GitHub agree on."""
    return {_of_mkdocs(title) for title in headings(page)} & {_of_github(title) for title in headings(page)}


def headings(page: Path) -> list[str]:
    """Returns the titles of all sections, without marks of formatting."""
    return [m[1].replace("`", "").replace("*", "") for m in re.finditer(r"^#+ (.+?) *$", prose(page), re.MULTILINE)]


def _of_mkdocs(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _of_github(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yields every `python -m MODULE ...` of a text and the names of the flags that follow it."""
    for found in _COMMAND.finditer(re.sub(r"\\\n\s*", " ", text)):
        yield found["module"].rstrip("."), re.findall(r"(?<![\w-])--(?:\[no\])?(\w+)", found["rest"])


def named_flags(page: Path) -> set[str]:
    """Returns the flags that the prose of a page names in backticks, such as `--seed=3`."""
    spans = re.findall(r"`([^`]+)`", prose(page))
    return {name for span in spans if span.startswith("--") for name in re.findall(r"--(?:\[no\])?(\w+)", span)}


def named_files(page: Path) -> set[str]:
    """Returns the paths of files and folders of the checkout that a page names in backticks."""
    tops = "openpose_tf|synth|teacher|eval|tests|docs|study"
    return set(re.findall(rf"`((?:{tops})/[\w/.-]+)`", page.read_text()))


def words_of(line: str) -> list[str]:
    """Returns the words of a shell line, without its comment."""
    return shlex.split(line, comments=True)
