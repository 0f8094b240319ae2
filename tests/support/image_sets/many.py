"""Image datasets of any size in minutes: sampled scenes, painted instead of rendered, repeated under new numbers."""

import copy
import gzip
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing, packs
from synth.dataset import completeness, packing, writer
from synth.rendering import groundtruth
from synth.rendering.job import Job, load_sources
from synth.scene import backgrounds, sampling
from synth.scene.config import RenderConfig, SceneConfig
from synth.scene.sampling import Scene

NUM_SCENES = 20
MOST_LINKS = 30_000  # of one file; ext4 allows 65,000


def make_scenes(folder: Path, size: int = 640, people_mean: float = 9.0) -> None:
    """Writes NUM_SCENES images of sampled people, each painted as the hull of its body; annotations not packed."""
    config = SceneConfig(width=size, height=size, people_mean=people_mean, look="wardrobe")
    job = Job(str(folder), config, RenderConfig(), backgrounds.builtin_list("synthetic"))
    sources = load_sources(job)
    writer.open_dataset(folder, "synthetic", 0, NUM_SCENES, {}, [])
    pixels = cv2.resize(np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8), (size, size))
    for index in range(NUM_SCENES):
        scene = sampling.sample_scene(config, sources, index, lambda *_: False)
        ids, depth = _painted(scene)
        row = sampling.describe_scene(scene, groundtruth.annotate_people(scene.figures, scene.camera, ids, depth))
        writer.write_sample(folder, schema.image_name(index), pixels, ids, None, row, 90)


def _painted(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    shape = (scene.camera.height, scene.camera.width)
    ids, depth = np.zeros(shape, np.int32), np.full(shape, writer.BACKGROUND_M, np.float32)
    bodies = [scene.camera.project(figure.mesh.vertices) for figure in scene.figures]
    for number, (points, far) in sorted(enumerate(bodies, 1), key=lambda body: -body[1][1].mean()):
        hull = cv2.convexHull(np.clip(points, -1e4, 1e4).astype(np.float32)).astype(np.int32)
        painted = cv2.fillConvexPoly(np.zeros(shape, np.uint8), hull, 1).astype(bool)
        ids[painted], depth[painted] = number, far.mean()
    return ids, depth


class Repeater:
    """Writes packs of a thousand images that repeat those of a folder, without packing each anew.

    Args:
        scenes: a dataset that `make_scenes` wrote.
        folder: the dataset to fill.
    """

    def __init__(self, scenes: Path, folder: Path) -> None:
        self._scenes, self._folder = scenes, folder
        first = folder.with_name(f"{folder.name}_first")
        writer.open_dataset(first, "synthetic", 0, schema.PER_FOLDER, {}, [])
        rows = [row for part in listing.parts(scenes) for _, row in part.rows()]
        for number in range(schema.PER_FOLDER):
            self._link(first, number)
            path = schema.sample_paths(first, schema.image_name(number))["annotation"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(_named(rows[number % len(rows)], number)) + "\n")
        packing.pack_all(first)
        (pack,) = listing.part(first, 0).packs
        with zipfile.ZipFile(pack.path) as archive:
            self._members = [(info, _stored(pack.path, info)) for info in archive.infolist()]
        self._rest = [gzip.compress(_text(_packed(row))[1:].encode(), mtime=0) for row in rows]

    def write(self, thousand: int) -> None:
        """Writes the pictures, as links, and the pack of a thousand."""
        numbers = thousand * schema.PER_FOLDER + np.arange(schema.PER_FOLDER)
        streams = []
        for number in numbers.tolist():
            self._link(self._folder, number)
            head = _text(_named({}, number))[:-1] + ","
            streams.append(gzip.compress(head.encode(), 1, mtime=0) + self._rest[number % len(self._rest)])
        new = {"number": numbers, "row_end": np.cumsum([len(stream) for stream in streams])}
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr(zipfile.ZipInfo(packs.ROWS, (1980, 1, 1, 0, 0, 0)), b"".join(streams))
            for info, data in self._members:
                name = info.filename.removesuffix(".npy")
                if name in new:
                    array = io.BytesIO()
                    np.lib.format.write_array(array, new[name])
                    archive.writestr(info.filename, array.getvalue())
                elif info.filename != packs.ROWS:
                    _copy(archive, info, data)
        name = f"{schema.thousand_name(thousand)}-{schema.PER_FOLDER:04d}-{thousand:08x}.npz"
        path = self._folder / schema.ANNOTATIONS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.getvalue())

    def _link(self, folder: Path, number: int) -> None:
        """Gives an image the picture and mask of a scene, as hard links of a copy for every MOST_LINKS images."""
        name = schema.image_name(number % NUM_SCENES)
        sources = schema.sample_paths(self._scenes, name, flat=False)
        for role, path in schema.sample_paths(folder, schema.image_name(number), flat=False).items():
            if role not in ("image", "mask"):
                continue
            copied = folder.with_name(f"{folder.name}_{role}_{name}_{number // (MOST_LINKS * NUM_SCENES)}")
            if not copied.exists():
                copied.write_bytes(sources[role].read_bytes())
            if number % schema.PER_FOLDER == 0:
                path.parent.mkdir(parents=True, exist_ok=True)
            os.link(copied, path)


def _named(row: dict[str, Any], number: int) -> dict[str, Any]:
    name = schema.image_name(number)
    paths = schema.sample_paths(Path(), name, flat=False)
    return {"schema": 2, "image_id": name, "image": str(paths["image"]), "mask": str(paths["mask"])} | {
        key: value for key, value in row.items() if key not in ("schema", "image_id", "image", "mask")
    }


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    people = [{key: value for key, value in person.items() if key not in packs.ARRAYS} for person in row["people"]]
    return {key: value for key, value in row.items() if key not in _named({}, 0)} | {"people": people}


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _stored(path: Path, info: zipfile.ZipInfo) -> bytes:
    """Returns the bytes of a zip member as they are in the file, compressed."""
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        sizes = np.frombuffer(file.read(4), "<u2")
        file.seek(info.header_offset + 30 + int(sizes.sum()))
        return file.read(info.compress_size)


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes) -> None:
    """Appends a member to an archive without compressing it anew."""
    assert archive.fp is not None
    info = copy.copy(info)
    info.header_offset = archive.fp.tell()
    archive.fp.write(info.FileHeader(False) + data)
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info
    archive.start_dir = archive.fp.tell()


def fill(scenes: Path, folder: Path, num_images: int) -> None:
    """Makes a dataset of repeated scenes."""
    writer.open_dataset(folder, "synthetic", 0, num_images, {}, [])
    repeater = Repeater(scenes, folder)
    for thousand in range(num_images // schema.PER_FOLDER):
        repeater.write(thousand)
    assert len(completeness.complete(folder, range(min(num_images, 5000)))) == min(num_images, 5000)
