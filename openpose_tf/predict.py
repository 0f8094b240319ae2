"""Finds people in images or videos: images with skeletons, and JSON.

    python -m openpose_tf.predict photo.jpg                       # the small bundled student -> predictions/
    python -m openpose_tf.predict holiday/*.jpg more_photos/        # several images, folders and patterns
    python -m openpose_tf.predict --saved_model=exported --images='photos/*.jpg' --output_dir=predictions

Each image NAME.jpg becomes NAME.jpg (skeletons) and NAME.json in the output folder, which repeats the folders of the
input; a video CLIP.mp4 becomes CLIP.mp4 and CLIP/000000.json and so on.
"""

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from absl import flags, logging

from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.progress import Progress
from openpose_tf.config import Precision
from openpose_tf.inference import coco_ids, image_files, result_files
from openpose_tf.inference import drawing as draw
from openpose_tf.inference.image_files import Picture
from openpose_tf.weights import bundled

COCO_FILE = "coco_results.json"
JPEG_QUALITY = 92


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What to predict.

    Attributes:
        images: images, folders and patterns, or one video.
    """

    saved_model: str = option(
        bundled.DEFAULT,
        "Folder written by openpose_tf.export, file of its --weights, or a bundled student: builtin (trained on "
        "rendered people) or builtin_real (on photographs).",
    )
    images: Sequence[str] = ()
    output_dir: str = option("predictions", "Folder of the results.")
    longest_side: int | None = option(
        None,
        "Pixels of the longer side as shown to the network (default: what the model says suits it). "
        "Larger finds smaller people, and costs more time.",
        low=8,
    )
    scales: tuple[float, ...] = option(
        (1,), "Sizes relative to --longest_side whose maps are averaged, such as 0.7,1,1.3."
    )
    flip: bool = option(False, "Average the maps of the mirrored image, too: better, and twice the time.")
    format: str = option("json", "json: one file per image; coco: one COCO result file.", choices=("json", "coco"))
    annotations: str | None = option(
        None,
        "coco: COCO annotation file that gives image ids by file name; without it the id is the "
        "number that a file name ends with (COCO_val2014_000000000042.jpg: 42), or else the name.",
    )
    draw: bool = option(True, "Write images with skeletons.")
    min_part_score: float = option(0.0, "Parts with a lower score are not drawn; the JSON keeps them.", low=0, high=1)
    precision: Precision | None = option(
        None,
        "What a student in one file computes in (default: bfloat16 where the CPU multiplies it in hardware, else "
        "float32); a SavedModel computes as it was exported.",
    )
    batch_size: int = option(8, "Images of equal shown size that are predicted together.", low=1)

    def __post_init__(self) -> None:
        if not self.scales or not all(0.05 <= scale <= 20 for scale in self.scales):
            text = ",".join(f"{scale:g}" for scale in self.scales)
            raise UserError(f"--scales={text}: expected numbers between 0.05 and 20 such as 0.7,1,1.3")


Sink = Callable[[Picture, np.ndarray], None]


class Source(Protocol):
    """Images to predict.

    Attributes:
        folder: where they lie.
        count: their number, None if it is not known beforehand.
        num_broken: those that could not be read so far; known when all are read.
        names: file names relative to `folder`, as far as they are known beforehand.
    """

    folder: Path
    count: int | None
    num_broken: int
    names: Sequence[str]

    def read(self, bar: Progress) -> Iterator[Picture]:
        """Yields the images; broken ones are reported, counted and left out."""

    def drawings(self, output: Path) -> contextlib.AbstractContextManager[Sink]:
        """Yields the function that writes an image with skeletons."""


class PictureFiles:
    """Image files; their results repeat their folders."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._paths = list(dict.fromkeys(path for source in sources for path in image_files.find_images(source)))
        self.folder = Path(os.path.commonpath([path.parent.absolute() for path in self._paths]))
        self.count: int | None = len(self._paths)
        self.num_broken = 0
        self.names: Sequence[str] = [str(path.absolute().relative_to(self.folder)) for path in self._paths]

    def read(self, bar: Progress) -> Iterator[Picture]:
        """Yields the images; broken ones are reported, counted and left out."""
        relative = [Path(name) for name in self.names]
        stems = Counter(path.with_suffix("") for path in relative)
        for path, file in zip(self._paths, relative, strict=True):
            try:
                pixels, tag = images.read_rgb(path, orientation="upright"), images.read_header(path).exif_orientation
            except images.UnreadableImage as error:
                self.num_broken += 1
                logging.error("left out: %s", error)
                bar.update()
                continue
            stem = file.with_suffix("")
            # a.jpg and a.png of one folder keep their suffix, so that neither overwrites the other.
            yield Picture(str(file if stems[stem] > 1 else stem), pixels, str(file), tag)

    @contextlib.contextmanager
    def drawings(self, output: Path) -> Iterator[Sink]:
        """Yields the function that writes an image with skeletons."""
        yield lambda picture, drawn: images.write(output / f"{picture.name}.jpg", drawn, JPEG_QUALITY)


class Film:
    """A video; its frames have numbers for names."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._header = image_files.read_video_header(path)
        self.folder, self.count, self.num_broken = self._path.parent, self._header.num_frames, 0
        self.names: Sequence[str] = ()

    def read(self, bar: Progress) -> Iterator[Picture]:
        """Yields the frames."""
        del bar
        count = 0
        for pixels in image_files.read_video(self._path):
            yield Picture(f"{self._path.stem}/{count:06d}", pixels, f"{self._path.name}#{count}")
            count += 1
        self.num_broken = self._header.num_missing(count)
        if self.num_broken:
            logging.error("%s: only %d of %d frames could be read", self._path, count, self.count)

    @contextlib.contextmanager
    def drawings(self, output: Path) -> Iterator[Sink]:
        """Yields the function that adds a frame to the video with skeletons."""
        with files.atomic_path(output / f"{self._path.stem}.mp4") as temporary:
            size = self._header.width, self._header.height
            film = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), self._header.frames_per_s, size)
            try:
                yield lambda _, drawn: film.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            finally:
                film.release()


def predict(options: PredictOptions) -> int:
    """Predicts and writes everything; returns the number of images that could not be read.

    Raises:
        UserError: no images, no SavedModel, or no permission to write.
    """
    films = [path for path in options.images if image_files.is_video(path)]
    if films and len(options.images) > 1:
        raise UserError(f"{films[0]} is a video, given with {len(options.images) - 1} other inputs: give it alone")
    source: Source = Film(films[0]) if films else PictureFiles(options.images)
    output = files.writable_dir(options.output_dir)
    if source.folder.resolve() == output.resolve():
        raise UserError(f"--output_dir={options.output_dir} holds the input itself: give another folder")
    ids = _image_ids(options, source.names)
    from openpose_tf.inference.predictor import Predictor  # TensorFlow, after the cheap checks

    predictor = Predictor(options.saved_model, options.longest_side, options.scales, options.flip, options.precision)
    drawings = source.drawings(output) if options.draw else contextlib.nullcontext(lambda picture, drawn: None)
    coco: list[dict[str, Any]] = []
    num_people = num_pictures = 0
    with Progress(source.count, "predict", "images") as bar, drawings as write_drawing:
        for picture, keypoints, scores in predictor.run(source.read(bar), options.batch_size):
            if options.format == "coco":
                known = ids.find(picture, keypoints)
                coco += [] if known is None else result_files.coco_results(*known, scores)
            else:
                entry = result_files.image_result(
                    picture.file, picture.pixels.shape, keypoints, scores, picture.exif_orientation
                )
                files.write_json(output / f"{picture.name}.json", entry)
            if options.draw:
                drawn = draw.draw_people(picture.pixels, keypoints, min_score=options.min_part_score)
                write_drawing(picture, drawn)
            num_people, num_pictures = num_people + len(scores), num_pictures + 1
            bar.update()
    if options.format == "coco":
        files.write_json(output / COCO_FILE, coco, indent=None)
    logging.info("%d people in %d images: %s", num_people, num_pictures, output)
    if source.num_broken:
        logging.error("%d of %s images could not be read and were left out, see above", source.num_broken, source.count)
    return source.num_broken


def _image_ids(options: PredictOptions, names: Sequence[str]) -> coco_ids.NumberedIds | coco_ids.AnnotatedIds:
    """Returns what knows the image ids of a COCO result file.

    Raises:
        UserError: the annotation file is none or has none of the images, or ids are not unique.
    """
    is_coco = options.format == "coco"
    if options.annotations is None:
        return coco_ids.NumberedIds(names if is_coco else ())
    if not is_coco:
        raise UserError("--annotations says the image ids of --format=coco: give that, too, or leave it out")
    ids = coco_ids.AnnotatedIds(options.annotations, names)
    if ids.unlisted:
        logging.warning("%s: %d images are not listed: no results of them", options.annotations, ids.unlisted)
    return ids


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(PredictOptions)
    flags.DEFINE_multi_string(
        "images",
        None,
        "An image, folder or pattern ('a/*.jpg'), several of them, or one video; --images= may be left out.",
    )


def main() -> int:
    """Predicts as the flags say; the exit code is 1 if an image could not be read."""
    options = config_flags.build(PredictOptions, flags.FLAGS, images=flags.FLAGS.images)
    return cli.EXIT_MACHINE if predict(options) else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags, positional="images")
