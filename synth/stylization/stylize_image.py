"""Stylizes one image of a mixed dataset: its synthetic people take the look of the real people of its photograph."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing
from synth.detection import factory, model_files
from synth.detection.people import PersonSegmenter, union_mask
from synth.stylization.pipeline import StyleConfig, stylize_people
from synth.stylization.smoothers import SMOOTHERS
from synth.stylization.stylizers import STYLIZERS, load_stylizer

IMAGE_FORMATS = ("png", "jpg")
DEFAULT_JPEG_QUALITY = 95
MASK_DIR = "style_masks"


@dataclasses.dataclass(frozen=True)
class Tools:
    """What does the work; the flags that name it."""

    stylizer: str = option(
        "mk", "; ".join(f"{name}: {kind.summary}" for name, kind in STYLIZERS.items()), choices=list(STYLIZERS)
    )
    weights: Path | None = option(
        None, "; ".join(f"{name}: {kind.weights}" for name, kind in STYLIZERS.items() if kind.weights)
    )
    smoother: str = option("gif_masked", "what follows the transfer (paper: matting_direct)", choices=sorted(SMOOTHERS))
    person_segmenter: str = option(
        "builtin",
        "finds the real people: small networks (`make models`), your Mask R-CNN, or known masks",
        choices=factory.SEGMENTER_KINDS,
    )
    models_dir: Path = option(Path(model_files.DEFAULT_DIR), "folder of the built-in model files")
    tfod_model: Path | None = option(None, "SavedModel folder or frozen graph with TF Object Detection API names")
    groundtruth: Path | None = option(None, "COCO JSON with segmentations, or folder of masks named as the photographs")


@dataclasses.dataclass(frozen=True)
class StyleJob:
    """What all images of one run share; goes to the workers.

    Attributes:
        tools: what does the work.
        config: strength and sizes.
        jpeg_quality: of `jpg`; the source's, so that untouched pixels hardly change.
    """

    source: Path = option(dataclasses.MISSING, "mixed dataset (D_M)", name="input_dir", required=True)
    output: Path = option(
        dataclasses.MISSING,
        "folder of the stylized dataset; a run that was stopped resumes",
        name="output_dir",
        required=True,
    )
    tools: Tools = dataclasses.field(default_factory=Tools)
    config: StyleConfig = dataclasses.field(default_factory=StyleConfig)
    photos_dir: Path | None = option(None, "where the photographs are now, if not where the dataset says")
    image_format: str = option(
        "png",
        "of the stylized images. png: no pixel but the synthetic people's changes; jpg: a quarter of the size, all "
        "pixels are encoded anew (mean change 0.4 of 255)",
        choices=IMAGE_FORMATS,
    )
    jpeg_quality: int = DEFAULT_JPEG_QUALITY


@functools.lru_cache(maxsize=1)
def load_segmenter(tools: Tools) -> PersonSegmenter:
    """Returns the segmenter, loaded once per process."""
    return factory.make_segmenter(tools.person_segmenter, tools.models_dir, tools.tfod_model, tools.groundtruth)


def read_annotation(folder: Path, index: int) -> dict[str, Any]:
    """Returns the annotation of a complete image of the source."""
    return listing.read(folder, schema.image_name(index))


def photo_path(row: dict[str, Any], job: StyleJob) -> Path:
    """Returns the photograph behind the people of an image.

    Args:
        row: the image's annotation; `background` has `path`, or `name` with `kind` "photo".
        job: `photos_dir` is tried with the whole path and with the file's name; then the dataset's folder.

    Raises:
        UserError: the image has no photograph.
    """
    background = row.get("background") or {}
    text = background.get("path") or (background.get("name") if background.get("kind", "photo") == "photo" else None)
    if not text:
        raise UserError(f"{job.source}: image {row.get('image_id')} names no photograph behind it: not a mixed dataset")
    written = Path(text)
    tried = [] if job.photos_dir is None else [job.photos_dir / written.relative_to(written.anchor)]
    tried += [] if job.photos_dir is None else [job.photos_dir / written.name]
    tried += [job.source / written, written]  # an absolute path wins over the folder before it
    return next((path for path in tried if path.is_file()), tried[0])


def read_photo(row: dict[str, Any], photo: Path) -> np.ndarray:
    """Returns the photograph behind an image in the orientation of its annotation, [H, W, 3] uint8 RGB."""
    return images.read_rgb(photo, orientation=row["background"].get("orientation", "stored"))


def stylize_image(job: StyleJob, index: int) -> dict[str, Any]:
    """Makes one image of the output, the annotation last; returns its `style` entry. A task of `engine.run`."""
    row = read_annotation(job.source, index)
    image, ids = _read_pictures(job.source, row)
    instance_ids = [person["instance_id"] for person in row["people"] if person.get("is_synthetic")]
    mask = np.isin(ids, instance_ids)
    photo = photo_path(row, job)
    stylized = None
    reason = "no synthetic person is visible"
    if mask.any():
        style = read_photo(row, photo)
        style_mask = _person_mask(job, photo, style)
        reason = (
            "no real person in the photograph" if not style_mask.any() else "regions too small or too unlike in size"
        )
        stylized = stylize_people(
            image,
            mask,
            style,
            style_mask,
            load_stylizer(job.tools.stylizer, job.tools.weights),
            SMOOTHERS[job.tools.smoother],
            job.config,
        )
    entry: dict[str, Any] = {"stylized": stylized is not None, "num_people": len(instance_ids)}
    entry |= {"stylizer": job.tools.stylizer} if stylized is not None else {"reason": reason}
    _write(job, row, stylized, entry)
    return entry


def _read_pictures(source: Path, row: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image [H, W, 3] uint8 RGB and its instance ids [H, W]."""
    image = images.read_rgb(source / row["image"], orientation="upright")
    ids = images.read_unchanged(source / row["mask"])
    if ids.ndim != 2:
        raise UserError(f"{source / row['mask']} is not a mask of instance ids: render image {row['image_id']} again")
    if ids.shape != image.shape[:2]:
        raise UserError(
            f"{source / row['mask']} is {ids.shape[1]}x{ids.shape[0]} px, its image {image.shape[1]}x{image.shape[0]}: "
            f"render image {row['image_id']} again"
        )
    return image, ids


def _person_mask_path(output: Path, photo: Path) -> Path:
    """Returns where a stylized dataset keeps the mask of a photograph's people (0 or 255)."""
    key = fingerprint(str(photo), digits=12)
    return output / MASK_DIR / f"{photo.stem}-{key}.png"


def stored_person_mask(output: Path, photo: Path, size: tuple[int, ...]) -> np.ndarray | None:
    """Returns the stored mask of a photograph's people, bool of shape `size` (h, w); None without a usable one."""
    try:
        mask = images.read_gray(_person_mask_path(output, photo))
    except images.UnreadableImage:
        return None
    return mask > 0 if mask.shape == size else None


def _person_mask(job: StyleJob, photo: Path, image: np.ndarray) -> np.ndarray:
    """Returns [H, W] bool: people of the photograph; kept in the output's style_masks/, as variants share it."""
    stored = stored_person_mask(job.output, photo, image.shape[:2])
    if stored is not None:
        return stored
    mask = union_mask(load_segmenter(job.tools).segment(image, photo), (image.shape[0], image.shape[1]))
    images.write(_person_mask_path(job.output, photo), mask)
    return mask


def _write(job: StyleJob, row: dict[str, Any], stylized: np.ndarray | None, entry: dict[str, Any]) -> None:
    """Writes the image, or the source's own bytes where nothing changed, and the files beside it, then the JSON."""
    paths = schema.sample_paths(job.output, row["image_id"])
    for role in ("mask", "depth", "ignore_mask"):
        name = row.get(role)
        if name and not Path(name).is_absolute():
            files.write_bytes(paths[role], (job.source / name).read_bytes())
            row |= {role: str(paths[role].relative_to(job.output))}
    source, path = job.source / row["image"], paths["image"].with_suffix(Path(row["image"]).suffix)
    if stylized is None:
        data = source.read_bytes()
    else:
        path = path.with_suffix(f".{job.image_format}")
        data = images.encode(stylized, f".{job.image_format}", job.jpeg_quality)
    files.write_bytes(path, data)
    row |= {"schema": schema.schema_of(job.output), "image": str(path.relative_to(job.output)), "style": entry}
    files.write_json(paths["annotation"], row, indent=None)
