"""The report page: sections of text, figures and images as one self-contained HTML file."""

import base64
import html
import mimetypes
from collections.abc import Sequence
from pathlib import Path

STYLE = """
:root { color-scheme: light; --ink: #1d2430; --muted: #5c6675; --line: #e2e6ec; --paper: #ffffff; --wash: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; background: var(--wash); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
.claim { font-size: 20px; line-height: 1.4; max-width: 60ch; }
h2 { font-size: 19px; margin: 0 0 12px; }
p { margin: 0 0 12px; max-width: 74ch; }
.lead { color: var(--muted); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 22px; margin: 20px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: 13px; }
figure { margin: 0 0 16px; } figure:last-child { margin-bottom: 0; }
figure img, figure svg { width: 100%; height: auto; display: block; border-radius: 6px; }
figure svg { min-width: 560px; }
figcaption { color: var(--muted); font-size: 14px; margin-top: 6px; }
.pairs { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 12px; }
.scroll { overflow-x: auto; margin-bottom: 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: right; padding: 5px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
code { background: var(--wash); padding: 1px 5px; border-radius: 4px; font-size: 13px; }
@media (max-width: 640px) {
  main { padding: 20px 12px 40px; } section { padding: 14px 12px; } th, td { padding: 5px 7px; }
  .pairs { grid-template-columns: minmax(0, 1fr); } .tiles { grid-template-columns: 1fr 1fr; }
}
"""


def picture(path: Path, caption: str = "") -> str:
    """Returns a figure with the image file inside the page."""
    kind = mimetypes.guess_type(path.name)[0] or "image/jpeg"
    data = base64.b64encode(path.read_bytes()).decode()
    image = f'<img src="data:{kind};base64,{data}" alt="{html.escape(caption or path.stem)}">'
    note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{image}{note}</figure>"


def drawing(svg: str, caption: str) -> str:
    """Returns a figure with an SVG drawing."""
    return f'<figure><div class="scroll">{svg}</div><figcaption>{html.escape(caption)}</figcaption></figure>'


def tiles(numbers: Sequence[tuple[str, str]]) -> str:
    """Returns a row of (number, label) tiles."""
    cells = "".join(f'<div class="tile"><b>{html.escape(n)}</b><span>{html.escape(t)}</span></div>' for n, t in numbers)
    return f'<div class="tiles">{cells}</div>'


def pairs(rows: Sequence[tuple[Path, Path]], left: str, right: str) -> str:
    """Returns images in two columns with their captions; in one column on a narrow screen."""
    cells = [picture(a, left) + picture(b, right) for a, b in rows]
    return f'<div class="pairs">{"".join(cells)}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table; the first column is text, the others numbers."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def paragraph(text: str) -> str:
    """Returns a paragraph; `text` is plain text."""
    return f"<p>{html.escape(text)}</p>"


def section(title: str, *parts: str) -> str:
    """Returns a titled box."""
    return f"<section><h2>{html.escape(title)}</h2>{''.join(parts)}</section>"


def page(title: str, claim: str, lead: str, *parts: str) -> str:
    """Returns the whole HTML page; `claim`, the sentence that it is about, may be empty, as `lead` may."""
    sentences = ((claim, "claim"), (lead, "lead"))
    words = "".join(f'<p class="{name}">{html.escape(text)}</p>' for text, name in sentences if text)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>{words}{''.join(parts)}</main></body></html>\n"
    )
