"""Shows what stylizing did: photograph, before, after.

Every row has the photograph with its real people lit, the image before, and the image after. The images are drawn by
seed, so failures show as often as they happen.

    python -m synth.style_sheet --before=D_M --after=D_Style --output_file=sheet.png
"""

from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from openpose_tf.common import cli
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations.image_dataset import read_header
from openpose_tf.data.annotations.store import listing
from openpose_tf.inference.drawing import contact_sheet
from synth.dataset import drawing
from synth.stylization import stylize_image
from synth.stylization.stylize_image import StyleJob

FLAGS = flags.FLAGS


def sheet(job: StyleJob, num_images: int, seed: int, cell: int) -> np.ndarray:
    """Returns the sheet, [H, W, 3] uint8 RGB.

    Args:
        job: source and output folder, and where the photographs are.
        num_images: rows, at most as many as there are images.
        seed: draws the images.
        cell: width of one image in pixels.
    """
    parts = listing.require_parts(job.output, "run python -m synth.stylize first")
    names = [name for part in parts for name in part.ids()]
    order = np.random.default_rng(seed).permutation(len(names))[:num_images]
    shown: list[np.ndarray] = []
    captions: list[str] = []
    for number in sorted(order):
        before, after = (listing.read(folder, names[number]) for folder in (job.source, job.output))
        shown += [_lit_people(job, before), drawing.read_picture(job.source, before)]
        shown.append(drawing.read_picture(job.output, after))
        style = after["style"]
        captions += ["real people", f"{after['image_id']} before"]
        captions.append(f"after: {style['stylizer']}" if style["stylized"] else f"left: {style['reason']}")
    return contact_sheet(shown, 3, cell_width=cell, captions=captions)


def _lit_people(job: StyleJob, row: dict[str, Any]) -> np.ndarray:
    """Returns the photograph, dark but for the people that the segmenter found; unchanged where it was not asked."""
    photo = stylize_image.photo_path(row, job)
    image = stylize_image.read_photo(row, photo)
    mask = stylize_image.stored_person_mask(job.output, photo, image.shape[:2])
    return image if mask is None else np.where(mask[..., None], image, image // 4)


def main() -> None:
    """Writes the sheet."""
    source, output = Path(FLAGS.before).resolve(), Path(FLAGS.after).resolve()
    if read_header(output)["kind"] != "stylized":
        raise UserError(f"--after={FLAGS.after} is not a stylized dataset: make it with python -m synth.stylize")
    read_header(source)
    photos_dir = Path(FLAGS.photos_dir).resolve() if FLAGS.photos_dir else None
    shown = sheet(StyleJob(source, output, photos_dir=photos_dir), FLAGS.num_images, FLAGS.seed, FLAGS.cell)
    images.write(Path(FLAGS.output_file), shown)
    print(FLAGS.output_file)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("before", None, "mixed dataset (D_M)", required=True)
    flags.DEFINE_string("after", None, "stylized dataset made of it", required=True)
    flags.DEFINE_string("output_file", None, "image to write (.png or .jpg)", required=True)
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_string("photos_dir", None, "where the photographs are now, as given to synth.stylize")
    flags.DEFINE_integer("num_images", 10, "rows", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "draws the images", lower_bound=0)
    flags.DEFINE_integer("cell", 320, "width of one image in px", lower_bound=32)


if __name__ == "__main__":
    cli.run(main, define_flags)
