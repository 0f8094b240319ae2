"""Makes one picture of a mixed dataset (D_M): rendered people before an annotated photograph, both with ground truth.

Source: original.md Sec. 1.6. The photograph keeps its size and its own ground truth; a real joint that a rendered
person hides becomes occluded-by-other; nothing else about real people changes.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import images
from openpose_tf.common.color import levels_to_linear
from openpose_tf.data.annotations.pixels import read_ignore_mask, read_image
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.skeleton import IN_IMAGE_STATES, JointState
from synth.dataset import writer
from synth.rendering import compositing, groundtruth, photo_matching
from synth.rendering.job import Clock, Job, load_renderer, load_sources, memory_use
from synth.rendering.photo_matching import PhotoLook
from synth.scene import photographs, sampling
from synth.scene.backgrounds import Background
from synth.scene.camera import CAMERA_SAMPLERS
from synth.scene.config import SceneConfig
from synth.scene.light import Light
from synth.scene.placement import Intersects
from synth.scene.sampling import Scene, Sources

COVER_WINDOW = 5.0  # px per unit of scale (height / 200 px): half side of the window around a real joint (release)
IGNORE_DIR = "ignore_masks"
CLEAR_SIDE = 0.1  # from this difference of brightness between left and right on, the sun stands on the brighter side


def render_index(job: Job, index: int) -> dict[str, float]:
    """Makes picture number `index`; the counterpart of `render_scene.render_index`, with the same result.

    Picture i shows photograph i modulo their number: the first pictures show every photograph once, and more variants
    continue a dataset.
    """
    assert job.photographs is not None
    clock = Clock()
    sources, renderer = load_sources(job), load_renderer(job.render)
    from synth.rendering import blender

    clock.lap("load")
    photo = photographs.load_photograph(job.photographs, index % job.photographs.count)
    pixels = read_image(photo)
    look = photo_matching.measure(pixels, photo_matching.people_region(photo.people, photo.width, photo.height))
    sampled = sample_scene(job.scenes, sources, photo, look, index, blender.intersects)
    clock.lap("sample")
    frame = renderer.render(sampled.figures, sampled.camera, sampled.light, sampled.cycles_seed, clock.lap)
    image = compose_picture(sampled, frame.rgb, frame.alpha, frame.ids > 0, pixels, look, blender.read_environment)
    clock.lap("compose")
    people = groundtruth.annotate_people(sampled.figures, sampled.camera, frame.ids, frame.depth)
    row = sampling.describe_scene(sampled, people)
    row |= carry_over(photo, row["people"], frame.ids)
    row["background"] |= {"path": str(photo.image_path), "image_id": photo.image_id, "photo_look": _plain(look)}
    row["variant"] = index // job.photographs.count
    clock.lap("annotate")
    name, folder = writer.image_name(index), Path(job.folder)
    row["ignore_mask"] = write_ignore_mask(folder, name, read_ignore_mask(photo))
    depth = frame.depth if job.render.write_depth else None
    writer.write_sample(folder, name, image, frame.ids, depth, row, job.render.jpeg_quality)
    clock.lap("write")
    return clock.seconds | {"num_people": len(people)} | memory_use()


def sample_scene(
    config: SceneConfig,
    sources: Sources,
    photo: AnnotatedImage,
    look: PhotoLook,
    index: int,
    intersects: Intersects,
) -> Scene:
    """Returns scene number `index` before a photograph: a pure function of config, photograph and index.

    Args:
        config: the distribution; its size is replaced by the photograph's.
        sources: body and poses.
        photo: the photograph.
        look: what was measured of it.
        index: number of the scene.
        intersects: exact test whether two meshes go through each other.
    """
    sized = dataclasses.replace(config, width=photo.width, height=photo.height)
    for_camera, _, for_light, for_people, for_render = sampling.scene_seeds(sized, index)
    camera = CAMERA_SAMPLERS[sized.camera](np.random.default_rng(for_camera), sized.width, sized.height)
    background = Background("photo", str(photo.image_path))
    shining = sampling.sample_light(np.random.default_rng(for_light), sized, background)
    figures, counts = sampling.sample_people(for_people, sized, sources, camera, intersects)
    seeds = np.random.default_rng(for_render).integers(0, 2**31 - 1, 2)
    return Scene(
        index, camera, sun_from(shining, look), background, tuple(figures), counts, int(seeds[0]), int(seeds[1])
    )


def sun_from(shining: Light, look: PhotoLook) -> Light:
    """Returns the light with its sun on the side where the photograph is clearly brighter."""
    x, y, z = shining.sun_direction  # from the sun towards the ground
    if abs(look.bright_side) < CLEAR_SIDE:
        return shining
    return dataclasses.replace(shining, sun_direction=(-math.copysign(abs(x), look.bright_side), y, z))


def compose_picture(
    sampled: Scene,
    rgb: np.ndarray,
    alpha: np.ndarray,
    coverage: np.ndarray,
    photo: np.ndarray,
    look: PhotoLook,
    read_environment: Callable[[str], np.ndarray],
) -> np.ndarray:
    """Returns the people over the photograph, [height, width, 3] uint8 RGB; the photograph changes by shadows only.

    Args:
        sampled: the scene.
        rgb: [height, width, 3] float32 linear light of the people, premultiplied.
        alpha: [height, width, 1] float32.
        coverage: [height, width] bool, where people are.
        photo: [height, width, 3] uint8.
        look: what was measured of it.
        read_environment: returns an environment picture by name.
    """
    shining = sampled.light
    if shining.kind == "hdri":
        colour = photo_matching.light_colour(shining, read_environment(shining.environment))
        rgb, alpha = photo_matching.match_people(rgb, alpha, coverage, look, colour)
    shade = np.ones((*photo.shape[:2], 1), np.float32)
    if sampled.figures:
        shadows = compositing.cast_shadows([figure.mesh.vertices for figure in sampled.figures], shining)
        shade = compositing.view_shadows(shadows, sampled.camera)
    picture = compositing.over(rgb, alpha, levels_to_linear(photo), shade)
    return photo_matching.add_noise(np.random.default_rng(sampled.finish_seed), picture, alpha, look)


def _plain(look: PhotoLook) -> dict[str, Any]:
    rounded = {name: np.round(value, 5) for name, value in dataclasses.asdict(look).items()}
    return {name: value.tolist() for name, value in rounded.items()}


def covered_joints(person: Person, ids: np.ndarray) -> np.ndarray:
    """Returns which joints of a real person are hidden by rendered people, [16] bool.

    A joint is hidden if no pixel within 5 px times the person's scale of it, along x and y, is background (release).
    The window is cut at the border of the picture and holds at least the joint's own pixel.

    Args:
        person: the real person.
        ids: [height, width] instance ids of rendered people, 0 = background.
    """
    height, width = ids.shape
    reach = COVER_WINDOW * person.scale if math.isfinite(person.scale) else 0.0
    inside = in_image(person.keypoints, width, height) & np.isin(person.keypoints[:, 2], IN_IMAGE_STATES)
    hidden = np.zeros(len(person.keypoints), bool)
    for joint in np.flatnonzero(inside):
        x, y = person.keypoints[joint, :2]
        window = ids[_span(y, reach, height), _span(x, reach, width)]
        hidden[joint] = bool((window != 0).all())
    return hidden


def _span(middle: float, reach: float, size: int) -> slice:
    """Pixels whose centres are within `reach` of `middle`, and the one that holds it; inside of 0 .. size - 1."""
    pixel = min(max(math.floor(middle + 0.5), 0), size - 1)
    first, last = min(math.ceil(middle - reach), pixel), max(math.floor(middle + reach), pixel)
    return slice(max(first, 0), min(last, size - 1) + 1)


def carry_over(photo: AnnotatedImage, synthetic: Sequence[Mapping[str, Any]], ids: np.ndarray) -> dict[str, Any]:
    """Returns the people of the picture, real ones first, and what else of the annotation comes from the photograph.

    Args:
        photo: the photograph with its ground truth.
        synthetic: annotations of the rendered people, with ids 1, 2, ...
        ids: [height, width] their instance ids.
    """
    real, joints, hidden = [], 0, 0
    for number, person in enumerate(photo.people):
        covered = covered_joints(person, ids)
        # Real people have no pixels in the mask, which tells rendered people apart; their ids go on where those end.
        real.append({"instance_id": len(synthetic) + number + 1, **_real_person(person, covered)})
        joints += int(np.isin(person.keypoints[:, 2], IN_IMAGE_STATES).sum())
        hidden += int(covered.sum())
    people = [*real, *(dict(person) for person in synthetic)]
    groundtruth.add_distances(people)
    counts = {"people_real": len(real), "people_synthetic": len(synthetic)}
    return {
        "people": people,
        "labelled_joints": [bool(known) for known in photo.labelled_joints],
        "carried_over": {**counts, "real_joints": joints, "real_joints_covered": hidden},
    }


def _real_person(person: Person, covered: np.ndarray) -> dict[str, Any]:
    """A real person in the form of the dataset; joints that are not annotated count for neither ratio."""
    row = photographs.person_row(person)
    keypoints = person.keypoints.copy()
    keypoints[covered, 2] = JointState.OCCLUDED_BY_OTHER
    states = keypoints[keypoints[:, 2] != JointState.MISSING, 2]
    return row | {
        "keypoints": keypoints.tolist(),
        "box": None,
        "amodal_box": None,
        "amodal_area": None,
        "visible_ratio": float((states == JointState.VISIBLE).mean()) if len(states) else None,
        "cropped_ratio": float((states == JointState.TRUNCATED).mean()) if len(states) else None,
    }


def write_ignore_mask(folder: Path, name: str, ignore: np.ndarray | None) -> str | None:
    """Writes the mask of un-annotated people (255) of a picture and returns its path in the dataset; None = nobody."""
    if ignore is None:
        return None
    relative = os.path.join(IGNORE_DIR, f"{name}.png")
    images.write(folder / relative, ignore)
    return relative
