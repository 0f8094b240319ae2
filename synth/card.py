"""Writes DATASET_CARD.md of a rendered dataset: counts, histograms, licences, commands.

Example:
    python -m synth.card runs/d_s
"""

import dataclasses
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.annotations.store import listing
from openpose_tf.skeleton import MPII_JOINTS, JointState
from synth.dataset import index, writer
from synth.dataset.index import Index

PICTURE_DIR = "card"
STAND_IN_NOTE = (
    "**These are rendered images that stand in for real photographs** in demonstrations. Results on them say nothing "
    "about real photographs."
)
FLAGS_WITHOUT_VALUE = ("denoise", "write_depth")
NOT_FLAGS = ("max_tries", "photographs", "num_photographs")


@dataclasses.dataclass(frozen=True)
class Column:
    """One histogram of the card.

    Attributes:
        name: file name of the figure and key of the values.
        title: what is counted, with its unit.
        low, high: range of the horizontal axis; None = of the values.
    """

    name: str
    title: str
    low: float | None = None
    high: float | None = None


COLUMNS = (
    Column("num_people", "people per image", 0),
    Column("camera_pitch_deg", "camera pitch, degrees", 0),
    Column("scale", "person scale, height / 200 px", 0),
    Column("visible_ratio", "share of visible joints", 0, 1),
    Column("cropped_ratio", "share of joints outside of the image", 0, 1),
    Column("min_distance", "distance to the nearest person, px", 0),
)


def collect(found: Index) -> dict[str, np.ndarray]:
    """Returns the values of every histogram."""
    pitch = found.camera_pitch_deg[found.num_people > 0]
    return {"num_people": found.num_people.astype(float), "camera_pitch_deg": pitch, **found.people}


def _histogram(values: np.ndarray, column: Column) -> bytes:
    """A small histogram as PNG bytes."""
    from openpose_tf.common.plotting import Figure

    finite = values[np.isfinite(values)]
    low = column.low if column.low is not None else float(finite.min(initial=0))
    high = column.high if column.high is not None else float(finite.max(initial=1))
    whole = column.name == "num_people"
    bins = np.arange(int(low), int(high) + 2) - 0.5 if whole else np.linspace(low, max(high, low + 1e-6), 31)
    figure = Figure(figsize=(4.2, 2.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.hist(finite, bins.tolist(), color="#33658a")
    axes.set_xlabel(column.title)
    axes.set_ylabel("images" if column.name in ("num_people", "camera_pitch_deg") else "people")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _statistics(values: Mapping[str, np.ndarray]) -> list[str]:
    lines = ["| | least | 5 % | median | 95 % | greatest |", "|---|---|---|---|---|---|"]
    for column in COLUMNS:
        finite = values[column.name][np.isfinite(values[column.name])]
        if len(finite):
            numbers = np.quantile(finite.astype(float), (0, 0.05, 0.5, 0.95, 1))
            lines.append(f"| {column.title} | " + " | ".join(f"{number:.4g}" for number in numbers) + " |")
    return lines


def _joint_table(states: np.ndarray) -> list[str]:
    shown = (JointState.VISIBLE, JointState.SELF_OCCLUDED, JointState.OCCLUDED_BY_OTHER, JointState.TRUNCATED)
    lines = ["| joint | visible | self-occluded | occluded by other | outside |", "|---|---|---|---|---|"]
    for name, counts in zip(MPII_JOINTS, states.tolist()):
        shares = [counts[state] / max(1, sum(counts)) for state in shown]
        lines.append(f"| {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return lines


def command(header: Mapping[str, Any]) -> str:
    """Returns the command that makes the dataset again; a user's own files are named by placeholders."""
    words = ["python -m synth.render --output_dir=DIR", f"--num_images={header['num_images']}"]
    words += [f"--dataset={header['kind']}", f"--seed={header['seed']}"]
    if header["kind"] == "mixed":
        words.append("--format=FORMAT --annotations=YOUR_ANNOTATIONS --images=YOUR_PHOTOGRAPHS --variants=VARIANTS")
    older = writer.flags_of_old(header["kind"])
    for name, value in (header["flags"] | {k: v for k, v in older.items() if k not in header["flags"]}).items():
        if name in NOT_FLAGS:
            continue
        if name == "backgrounds":
            value = "builtin" if _has_builtin_backgrounds(header) else "YOUR_PHOTOGRAPHS"
        if name in FLAGS_WITHOUT_VALUE:
            words.append(f"--{name}" if value else f"--no{name}")
        else:
            words.append(f"--{name}={shlex.quote(str(value))}")
    return " ".join(words)


def _has_builtin_backgrounds(header: Mapping[str, Any]) -> bool:
    return any(row["part"].startswith("background ") for row in header.get("licences", []))


def _table(rows: Sequence[Sequence[str]], titles: Sequence[str]) -> list[str]:
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def text(header: Mapping[str, Any], found: Index, name: str) -> str:
    """Returns the card as Markdown."""
    counts = header.get("counts", {})
    numbers = [(key.replace("_", " "), f"{value}") for key, value in counts.items() if isinstance(value, int)]
    numbers += [(f"backgrounds dropped: {why}", f"{n}") for why, n in counts.get("backgrounds_dropped", {}).items()]
    licences = [(row["part"], row["source"], row["licence"]) for row in header.get("licences", [])]
    poses = sorted(counts.get("poses", {}).items(), key=lambda item: -item[1])
    lines = [f"# {name}: {header['kind']} people", ""]
    lines += [STAND_IN_NOTE, ""] if header["kind"] == "real_standin" else []
    lines += [
        f"{len(found.num_people)} rendered images with {found.num_people.sum()} people and exact ground truth; every "
        "file and field is described in docs/reference/formats.md of the project.",
        "",
        "## Counts",
        "",
        *_table(numbers, ("", "number")),
        "",
        "## Distribution",
        "",
        *(f"![{column.title}]({PICTURE_DIR}/{column.name}.png)" for column in COLUMNS),
        "",
        *_statistics(collect(found)),
        "",
        "## Joints",
        "",
        *_joint_table(found.joint_states),
        "",
        "## Poses",
        "",
        ", ".join(f"{tag} {count}" for tag, count in poses) or "none",
        "",
        "## Licences of the parts",
        "",
        *_table(licences, ("part", "source", "licence")),
        "",
        "## Make it again",
        "",
        f"    {command(header)}",
        "",
        "The same versions give the same pixels: "
        + ", ".join(f"{package} {version}" for package, version in header.get("versions", {}).items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def write_card(folder: Path, found: Index | None = None) -> Path:
    """Writes DATASET_CARD.md and its figures, and returns its path.

    Args:
        folder: the dataset.
        found: its index; read where None.

    Raises:
        UserError: no image is complete.
    """
    header = image_dataset.read_header(folder)
    listing.require_parts(folder)
    found = found or index.read(folder)
    values = collect(found)
    for column in COLUMNS:
        files.write_bytes(folder / PICTURE_DIR / f"{column.name}.png", _histogram(values[column.name], column))
    path = folder / "DATASET_CARD.md"
    files.write_bytes(path, text(header, found, folder.resolve().name).encode())
    return path


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "folder of the dataset; --input_dir= may be left out")


def main() -> None:
    """Counts what is in a dataset and writes its card."""
    folder = Path(flags.FLAGS.input_dir)
    header = image_dataset.read_header(folder)
    dropped = header.get("counts", {}).get("backgrounds_dropped", {})
    print(write_card(folder, writer.close_dataset(folder, dropped)))


if __name__ == "__main__":
    cli.run(main, define_flags, positional="input_dir")
