"""Person crops: the region of an annotated image that augmentation can reach around one person, as a record.

Pixels: x right, y down, centres at integers; resizing by f maps x to (x + 0.5) f - 0.5.
"""

import dataclasses
import math

import cv2
import numpy as np

from openpose_tf.common.imaging import images
from openpose_tf.config import MAX_OFFSET, MAX_ROTATION_DEG, MAX_ZOOM, MIN_ZOOM, NETWORK_SIZE, TARGET_HEIGHT
from openpose_tf.data.annotations.types import AnnotatedImage, Person, in_image
from openpose_tf.data.records.schema import DISTANCE_SIDE, PersonSample
from openpose_tf.skeleton import JointState

PERSON_HEIGHT = 200.0  # MPII's scale is the person's height over 200 px
JPEG_QUALITY = 92


@dataclasses.dataclass(frozen=True)
class CropConfig:
    """How crops are cut.

    Attributes:
        max_person_height: the sampled person is downscaled to at most this height in pixels; 400 = the largest zoom of
            the augmentation at a network input of 368 px (1.25 * 1.6 * 200); use 400 * S / 368 for input size S.
        jpeg_quality: of the stored crop.
    """

    max_person_height: float = TARGET_HEIGHT * MAX_ZOOM
    jpeg_quality: int = JPEG_QUALITY


@dataclasses.dataclass(frozen=True)
class SampleRules:
    """Which people become samples; the others stay labelled in the crops of their neighbours.

    Attributes:
        sample_synthetic: False for mixed data: only real people are samples (docs/reference/method.md section 2.2).
        min_joints: least number of annotated joints inside of the image.
        min_height: least height in pixels.
    """

    sample_synthetic: bool = True
    min_joints: int = 1
    min_height: float = 0.0


def reach(person_height: float) -> float:
    """Returns how far from objpos, along x or y, augmentation can show pixels; same unit as `person_height`.

    At zoom-out the person is 250 * 0.4 = 100 px tall in the 368 px crop. Its corner farthest from objpos is
    184 + 49 = 233 px away along both axes; turned by up to 40 degrees it reaches 233 (cos 40 + sin 40) = 328 px along
    an axis (the sum grows up to 45 degrees). So 3.28 person heights to each side, whatever the network's input size,
    because every length scales with it.
    """
    angle = math.radians(MAX_ROTATION_DEG)
    corner = (NETWORK_SIZE / 2 + MAX_OFFSET) * (math.cos(angle) + math.sin(angle))
    return corner * person_height / (TARGET_HEIGHT * MIN_ZOOM)


def reachable_region(person: Person, width: int, height: int) -> tuple[int, int, int, int]:
    """Returns (x1, y1, x2, y2), ends excluded: the pixels augmentation can show, cut at the image border.

    Two pixels are added for interpolation.
    """
    half = reach(PERSON_HEIGHT * person.scale) + 2
    x1, y1 = (max(0, math.floor(value - half)) for value in person.objpos)
    x2 = min(width, math.ceil(person.objpos[0] + half) + 1)
    y2 = min(height, math.ceil(person.objpos[1] + half) + 1)
    return x1, y1, x2, y2


def why_not_sampled(person: Person, image: AnnotatedImage, rules: SampleRules) -> str | None:
    """Returns why a person cannot be the centre of a crop, or None (docs/reference/method.md section 2.2)."""
    if person.is_synthetic and not rules.sample_synthetic:
        return "synthetic person of a mixed image"
    if not (np.isfinite(person.scale) and person.scale > 0):
        return "no usable scale"
    x, y = person.objpos
    if not (np.isfinite(x) and np.isfinite(y)):
        return "no position"
    if not (0 < x < image.width - 1 and 0 < y < image.height - 1):
        return "position outside of the image"
    if not np.isfinite(person.keypoints[person.keypoints[:, 2] != JointState.MISSING]).all():
        return "keypoints that are not numbers"
    num_joints = int((in_image(person.keypoints, image.width, image.height) & _labelled(person.keypoints)).sum())
    if num_joints < max(1, rules.min_joints):
        return "no joint in the image" if num_joints == 0 else f"fewer than {rules.min_joints} joints"
    if person.is_synthetic and person.features.get("visible_ratio", 1.0) == 0:
        return "no joint visible"
    return "too small" if person.scale * PERSON_HEIGHT < rules.min_height else None


def _labelled(keypoints: np.ndarray) -> np.ndarray:
    return (keypoints[:, 2] != JointState.MISSING) & (keypoints[:, 2] != JointState.TRUNCATED)


def crop_person(
    image: AnnotatedImage,
    person: int,
    pixels: np.ndarray,
    ignore: np.ndarray | None = None,
    is_synthetic: bool = False,
    config: CropConfig | None = None,
) -> PersonSample:
    """Returns the record of one person of an image.

    Args:
        image: the annotation.
        person: number of the sampled person in `image.people`.
        pixels: [height, width, 3] uint8 RGB, the whole image.
        ignore: [height, width] bool, True at un-annotated people; None = nobody.
        is_synthetic: domain of the sample.
        config: how crops are cut; the defaults of `CropConfig` if None.
    """
    config = config or CropConfig()
    subject = image.people[person]
    x1, y1, x2, y2 = reachable_region(subject, image.width, image.height)
    shrink = min(1.0, config.max_person_height / (PERSON_HEIGHT * subject.scale))
    size = max(1, round((x2 - x1) * shrink)), max(1, round((y2 - y1) * shrink))  # width, height
    factor = np.array([size[0] / (x2 - x1), size[1] / (y2 - y1)])
    corner = np.array([x1, y1])

    everybody = [subject, *_others(image, person, (x1, y1, x2, y2))]
    keypoints = np.stack([_clean(one.keypoints) for one in everybody])
    annotated = keypoints[..., 2] != JointState.MISSING
    keypoints[annotated, :2] = _to_crop(keypoints[annotated, :2], corner, factor)
    mask = b""
    if ignore is not None and ignore[y1:y2, x1:x2].any():
        kept = np.where(ignore[y1:y2, x1:x2], 0, 255).astype(np.uint8)
        mask = images.encode(_shrink(kept, size) > 127, ".png", name=image.image_path)
    return PersonSample(
        image=images.encode(_shrink(pixels[y1:y2, x1:x2], size), ".jpg", config.jpeg_quality, image.image_path),
        height=size[1],
        width=size[0],
        mask=mask,
        keypoints=keypoints.astype(np.float32),
        is_synthetic_person=np.array([one.is_synthetic for one in everybody]),
        objpos=_to_crop(subject.objpos, corner, factor).astype(np.float32),
        scale=float(subject.scale * factor[1]),
        labelled_joints=np.asarray(image.labelled_joints, bool),
        image_id=image.image_id,
        person=person,
        is_synthetic=is_synthetic,
        features=_features(image, subject),
    )


def _features(image: AnnotatedImage, person: Person) -> dict[str, float]:
    """The person's numbers; the distance is that in an image of the size of the paper's, whose groups end at 640 px."""
    features = dict(person.features)
    if "min_distance" in features:
        features["min_distance"] *= DISTANCE_SIDE / max(image.width, image.height)
    return features


def _others(image: AnnotatedImage, person: int, region: tuple[int, int, int, int]) -> list[Person]:
    """The people with a joint box that meets the region, nearest to the sampled person first."""
    x1, y1, x2, y2 = region
    found = []
    for number, other in enumerate(image.people):
        points = _clean(other.keypoints)
        points = points[points[:, 2] != JointState.MISSING, :2]
        if number == person or not len(points):
            continue
        low, high = points.min(0), points.max(0)
        if low[0] < x2 and low[1] < y2 and high[0] >= x1 and high[1] >= y1:
            centre = other.objpos if np.isfinite(other.objpos).all() else points.mean(0)
            found.append((float(np.linalg.norm(centre - image.people[person].objpos)), number))
    return [image.people[number] for _, number in sorted(found)]


def _clean(keypoints: np.ndarray) -> np.ndarray:
    """Joints that are missing or not numbers become (0, 0, MISSING)."""
    bad = ~np.isfinite(keypoints).all(-1) | (keypoints[:, 2] == JointState.MISSING)
    return np.where(bad[:, None], 0.0, keypoints)


def _to_crop(points: np.ndarray, corner: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return (points - corner + 0.5) * factor - 0.5


def _shrink(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if pixels.shape[1::-1] == size:
        return np.ascontiguousarray(pixels)
    return cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
