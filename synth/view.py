"""Shows a rendered dataset: a contact sheet, or one image in full.

Example:
    python -m synth.view runs/d_s --output_file=sheet.png
    python -m synth.view runs/d_s --image=000012
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import flags

from openpose_tf.common import cli
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.annotations.store import listing
from openpose_tf.inference import drawing as people_drawing
from openpose_tf.skeleton import JointState
from synth.dataset import drawing

LEGEND = {
    JointState.VISIBLE: "visible",
    JointState.SELF_OCCLUDED: "self-occluded",
    JointState.OCCLUDED_BY_OTHER: "hidden by another",
    JointState.TRUNCATED: "outside",
}


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "folder of the dataset; --input_dir= may be left out")
    flags.DEFINE_string("output_file", None, "image to write; default DIR/contact_sheet.png or DIR/view_IMAGE.png")
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_string("image", None, "id of one image to show in full: image, keypoints, masks, boxes, depth")
    flags.DEFINE_integer("num_images", 24, "images on a contact sheet, spread over the dataset", lower_bound=1)
    flags.DEFINE_integer("cell", 320, "width of a cell in px", lower_bound=32)
    flags.DEFINE_integer("columns", None, "cells per row", lower_bound=1)
    flags.DEFINE_bool("keypoints", True, "draw the keypoints on a contact sheet")


def contact_sheet(folder: Path, num_images: int, cell: int, columns: int | None, keypoints: bool) -> np.ndarray:
    """Returns a sheet of images spread evenly over the dataset, with a legend, [H, W, 3] uint8 RGB."""
    names = [name for part in listing.require_parts(folder) for name in part.ids()]
    places = np.linspace(0, len(names) - 1, min(num_images, len(names))).round().astype(int)
    shown, captions, mixed = [], [], False
    for place in np.unique(places):
        row = listing.read(folder, names[place])
        image = drawing.read_picture(folder, row)
        shown.append(drawing.draw_keypoints(image, row["people"]) if keypoints else image)
        captions.append(_caption(row))
        mixed |= any(not person.get("is_synthetic", True) for person in row["people"])
    sheet = people_drawing.contact_sheet(shown, columns, cell_width=cell, captions=captions)
    return np.concatenate([sheet, _legend(sheet.shape[1], mixed)]) if keypoints else sheet


def _caption(row: dict[str, Any]) -> str:
    pitch = (row.get("camera") or {}).get("pitch_deg")
    rendered = sum(person.get("is_synthetic", True) for person in row["people"])
    real = len(row["people"]) - rendered
    people = f"{real} real + {rendered} rendered" if real else f"{rendered} people"
    return f"{row['image_id']}  {people}" + (f"  {pitch:.0f} deg" if pitch is not None and not real else "")


def _legend(width: int, mixed: bool) -> np.ndarray:
    """A strip with the colours of the joint states, and of real and rendered people, in as many rows as it needs."""
    marks = [(drawing.STATE_COLOURS[state], text) for state, text in LEGEND.items()]
    marks += [(drawing.REAL_COLOUR, "real person"), (drawing.RENDERED_COLOUR, "rendered person")] if mixed else []
    per_row = max(1, width // 160)
    strip = np.full((26 * -(-len(marks) // per_row), width, 3), 24, np.uint8)
    for i, (colour, text) in enumerate(marks):
        x, y = 14 + i % per_row * 160, 13 + i // per_row * 26
        cv2.circle(strip, (x, y), 6, colour, -1, cv2.LINE_AA)
        cv2.putText(strip, text, (x + 12, y + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    return strip


def single_view(folder: Path, image_id: str, cell: int) -> np.ndarray:
    """Returns one image with keypoints, masks, boxes and depth side by side."""
    names = listing.ids(folder)
    if image_id not in names:
        raise UserError(f"--image={image_id}: {folder} has no such image; it has {', '.join(names[:3])} ...")
    shown = drawing.panels(folder, listing.read(folder, image_id))
    return people_drawing.contact_sheet(list(shown.values()), len(shown), cell_width=cell, captions=list(shown))


def main() -> None:
    """Writes a contact sheet, or one image in full."""
    given, folder = flags.FLAGS, Path(flags.FLAGS.input_dir)
    image_dataset.read_header(folder)
    if given.image:
        shown, name = single_view(folder, given.image, max(given.cell, 480)), f"view_{given.image}.png"
    else:
        shown = contact_sheet(folder, given.num_images, given.cell, given.columns, given.keypoints)
        name = "contact_sheet.png"
    output = Path(given.output_file) if given.output_file else folder / name
    images.write(output, shown)
    print(output)


if __name__ == "__main__":
    cli.run(main, define_flags, positional="input_dir")
