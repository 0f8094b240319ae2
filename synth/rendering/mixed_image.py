"""What is special about an image of a mixed dataset (D_M): an annotated photograph behind the rendered people.

Source: docs/reference/method.md section 1.6. The photograph keeps its size and its own ground truth; a real joint that
a rendered person hides becomes occluded-by-other; nothing else about real people changes.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from openpose_tf.common.imaging.color import levels_to_linear
from openpose_tf.data.annotations.pixels import read_ignore_mask, read_image
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.skeleton import IN_IMAGE_STATES, JointState
from synth.rendering import compositing, groundtruth, photo_matching
from synth.rendering.job import Job
from synth.rendering.photo_matching import PhotoLook
from synth.rendering.renderer import Frame
from synth.scene import photographs, sampling
from synth.scene.backgrounds import Background
from synth.scene.config import SceneConfig
from synth.scene.light import Light
from synth.scene.placement import Intersects
from synth.scene.sampling import Scene, Sources

COVER_WINDOW = 5.0  # px per unit of scale (height / 200 px): half side of the window around a real joint (release)
CLEAR_SIDE = 0.1  # from this difference of brightness between left and right on, the sun stands on the brighter side


@dataclasses.dataclass(frozen=True)
class MixedImage:
    """One image of D_M; see `rendered_image.ImageKind`.

    Image i shows photograph i modulo their number: the first images show every photograph once, and more variants
    continue a dataset.

    Attributes:
        scene: what is rendered.
        photo: the photograph with its ground truth.
        pixels: [height, width, 3] uint8 RGB, the photograph.
        look: what was measured of it.
        variant: how many images before this one show the same photograph.
        matches: what fits the people to the photograph, of `config.PHOTO_MATCHES`; without, alpha alone (paper).
    """

    scene: Scene
    photo: AnnotatedImage
    pixels: np.ndarray
    look: PhotoLook
    variant: int
    matches: frozenset[str] = frozenset()

    @classmethod
    def sample(cls, job: Job, sources: Sources, index: int, intersects: Intersects) -> "MixedImage":
        """Returns image number `index`."""
        assert job.photographs is not None
        variant, number = divmod(index, job.photographs.count)
        photo = photographs.load_photograph(job.photographs, number)
        pixels = read_image(photo)
        look = photo_matching.measure(pixels, photo_matching.people_region(photo.people, photo.width, photo.height))
        scene = sample_scene(job.scenes, sources, photo, look, index, intersects)
        return cls(scene, photo, pixels, look, variant, job.scenes.photo_matches)

    @property
    def ignore(self) -> np.ndarray | None:
        """The photograph's own."""
        return read_ignore_mask(self.photo)

    def compose(self, frame: Frame, read_environment: Callable[[str], np.ndarray]) -> np.ndarray:
        """Returns the people over the photograph, which changes by shadows only, if at all."""
        light, rgb, alpha = self.scene.light, frame.rgb, frame.alpha
        if light.kind == "hdri" and self.matches & {"light", "colour", "blur"}:
            colour = photo_matching.light_colour(light, read_environment(light.environment))
            rgb, alpha = photo_matching.match_people(rgb, alpha, frame.ids > 0, self.look, colour, self.matches)
        has_shadow = "shadow" in self.matches
        shade = compositing.ground_shade(self.scene) if has_shadow else np.ones_like(alpha)
        look = self.look if "noise" in self.matches else dataclasses.replace(self.look, noise=0.0)
        image = compositing.over(rgb, alpha, levels_to_linear(self.pixels), shade)
        return photo_matching.add_noise(np.random.default_rng(self.scene.finish_seed), image, alpha, look)

    def annotate(self, row: dict[str, Any], ids: np.ndarray) -> dict[str, Any]:
        """Returns the annotation of the scene with the photograph's real people before the rendered ones."""
        row |= carry_over(self.photo, row["people"], ids)
        row["background"] |= {"path": str(self.photo.image_path), "image_id": self.photo.image_id}
        if self.photo.orientation != "stored":
            row["background"]["orientation"] = self.photo.orientation
        row["background"]["photo_look"] = _plain(self.look)
        return row | {"variant": self.variant, "ignore_mask": None}  # the writer names the file where there is one


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
    scene = sampling.sample_scene(sized, sources, index, intersects, Background("photo", str(photo.image_path)))
    return dataclasses.replace(scene, light=sun_from(scene.light, look)) if "light" in config.photo_matches else scene


def sun_from(light: Light, look: PhotoLook) -> Light:
    """Returns the light with its sun on the side where the photograph is clearly brighter."""
    x, y, z = light.sun_direction  # from the sun towards the ground
    if abs(look.bright_side) < CLEAR_SIDE:
        return light
    return dataclasses.replace(light, sun_direction=(-math.copysign(abs(x), look.bright_side), y, z))


def _plain(look: PhotoLook) -> dict[str, Any]:
    rounded = {name: np.round(value, 5) for name, value in dataclasses.asdict(look).items()}
    return {name: value.tolist() for name, value in rounded.items()}


def covered_joints(person: Person, ids: np.ndarray) -> np.ndarray:
    """Returns which joints of a real person are hidden by rendered people, [16] bool.

    A joint is hidden if no pixel within 5 px times the person's scale of it, along x and y, is background (release).
    The window is cut at the border of the image and holds at least the joint's own pixel.

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
    """Returns the people of the image, real ones first, and what else of the annotation comes from the photograph.

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
