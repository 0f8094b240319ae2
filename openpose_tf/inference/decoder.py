"""People from confidence maps and part affinity fields, as TensorFlow ops without Python loops over people.

One call decodes a batch. It runs eagerly, in a `tf.function`, under XLA, in a SavedModel and as TFLite builtin ops.
Steps (Cao et al., CVPR 2017, Sec. 2.3; thresholds of the authors' test code): local maxima of the enlarged, smoothed
maps with sub-cell positions; line integrals of all candidate limbs; greedy one-to-one matching; assembly along the limb
tree.

    decoder = Decoder(MPI, DecoderConfig())
    keypoints, scores = decoder(confidence_maps, pafs)  # [N, 32, 15, 3] input pixels, [N, 32]
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from openpose_tf import addons
from openpose_tf.inference.rescaling import bicubic_matrix
from openpose_tf.skeleton import MPI, Skeleton

# A neighbour below this share of its peak is raised to it before the logarithm: noise may be zero or negative.
LOG_FLOOR = 0.05
# The released 25 x 25 filter reaches 12 px at an effective sigma of 5.2 px.
KERNEL_REACH = 12 / 5.2


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    """Thresholds and sizes of the decoder; the defaults are those of the authors' test code.

    Attributes:
        stride: input pixels per map cell; 1 for maps that were enlarged to the image's size.
        enlarge: confidence maps are enlarged bicubically by this factor for the search.
        smoothing_px: sigma in input pixels of the Gaussian that smooths the maps before the search; 0 for none.
        subpixel: refine maxima by a parabola through the logarithms of three cells (exact for a Gaussian).
        bilinear: read the fields between cells, instead of at the nearest cell.
        peak_threshold: smallest value of a maximum.
        num_samples: points per candidate limb, p_a + i (p_b - p_a) / num_samples.
        sample_threshold: projection that a sample must exceed to count.
        min_samples: smallest number of counting samples of a limb.
        min_limb_px: a limb shorter than this many input pixels is refused. In the published code maxima on the same
            pixel make no limb; sub-cell maxima are never quite in the same place.
        long_limb: a limb longer than this share of the map's height is scored down.
        min_parts: smallest number of parts of a person.
        min_person_score: smallest (sum of part and limb scores) / parts of a person.
        max_peaks: candidates kept per part, the best first.
        max_people: people kept per image, the best first.
    """

    stride: int = 8
    enlarge: int = 2
    smoothing_px: float = 5.2
    subpixel: bool = True
    bilinear: bool = False
    peak_threshold: float = 0.05
    num_samples: int = 10
    sample_threshold: float = 0.01
    min_samples: int = 8
    min_limb_px: float = 1.0
    long_limb: float = 0.5
    min_parts: int = 3
    min_person_score: float = 0.2
    max_peaks: int = 32
    max_people: int = 32


# From the network's own maps, with sub-cell positions: the released result within the tests' tolerance.
PAPER = DecoderConfig()
# As released: maps enlarged to the image's size, whole-pixel maxima, fields at the nearest pixel.
RELEASE = DecoderConfig(stride=1, enlarge=1, subpixel=False, max_peaks=96, max_people=96)


class Peaks(NamedTuple):
    """Candidates: x, y [N, parts, K] float32 in cells and score [N, parts, K], 0 in slots without a candidate."""

    x: tf.Tensor
    y: tf.Tensor
    score: tf.Tensor


class Decoder:
    """Finds people in the maps of a network.

    Args:
        skeleton: parts and limbs of the maps; the limbs form a tree in root order.
        config: thresholds.

    Call arguments:
        confidence_maps: [N, h, w, C] float32, C >= number of parts; further channels (background) are not used.
        pafs: [N, h, w, 2 * limbs] float32.

    Call returns:
        keypoints: [N, max_people, parts, 3] float32 (x, y, score) in input pixels, stride * cell + (stride - 1) / 2;
            all 0 where the part was not found.
        scores: [N, max_people] float32, the best first; 0 in slots without a person.

    Raises:
        ValueError: the limbs are not a tree in root order, or the sizes make no sense.
    """

    def __init__(self, skeleton: Skeleton = MPI, config: DecoderConfig = PAPER) -> None:
        _check(skeleton, config)
        self.skeleton, self.config = skeleton, config

    def __call__(self, confidence_maps: tf.Tensor, pafs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns keypoints and scores of a batch of maps; see the class."""
        parts, limbs = self.skeleton.num_parts, self.skeleton.limbs
        # A plain slice and reshapes, not `maps[..., :15]`: TFLite has no builtin for an ellipsis.
        shape = tf.shape(confidence_maps)
        maps = tf.slice(confidence_maps, [0, 0, 0, 0], tf.stack([shape[0], shape[1], shape[2], parts]))
        peaks = find_peaks(tf.ensure_shape(maps, [None, None, None, parts]), self.config)
        pairs = score_pairs(pafs, peaks, limbs, self.config)
        first, connection = match_pairs(pairs, len(limbs))
        people, scores = assemble(peaks, first, connection, limbs, self.config)
        offset = (self.config.stride - 1) / 2
        found = tf.cast(people.score > 0, tf.float32)
        x = (people.x * self.config.stride + offset) * found
        y = (people.y * self.config.stride + offset) * found
        return tf.stack([x, y, people.score], -1), scores


def _check(skeleton: Skeleton, config: DecoderConfig) -> None:
    seconds: set[int] = set()
    firsts: set[int] = set()
    for first, second in skeleton.limbs:
        if second in seconds or second in firsts or first == second:
            raise ValueError(f"the limbs of {skeleton.name} are not a tree in root order: see limb {(first, second)}")
        firsts.add(first)
        seconds.add(second)
    if not 0 < config.max_people <= skeleton.num_parts * config.max_peaks:
        raise ValueError("max_people must be between 1 and parts * max_peaks")


def smooth(maps: tf.Tensor, sigma: float) -> tf.Tensor:
    """Returns the maps [N, h, w, C] filtered by a Gaussian of `sigma` cells; outside of the map counts as 0."""
    if sigma <= 0:
        return maps
    return addons.gaussian_filter(maps, sigma, _filter_radius(sigma))


def find_peaks(maps: tf.Tensor, config: DecoderConfig) -> Peaks:
    """Returns the best local maxima of the maps [N, h, w, parts]; their scores are values of the unsmoothed maps."""
    maps, smoothed = _fine_maps(maps, config)
    height, width = tf.shape(maps)[2], tf.shape(maps)[3]
    peaks = tf.where(_is_peak(smoothed) & (smoothed > config.peak_threshold), smoothed, 0.0)
    spare = tf.maximum(config.max_peaks - height * width, 0)  # top_k needs at least max_peaks cells
    rows = tf.pad(_flat(peaks), tf.stack([[0, 0], [0, 0], tf.stack([0, spare])]))
    value, index = tf.math.top_k(rows, config.max_peaks)
    index = tf.minimum(index, height * width - 1)
    found = value > 0
    raw = value if config.smoothing_px <= 0 else tf.gather(_flat(maps), index, batch_dims=2)
    score = tf.where(found, tf.maximum(raw, 1e-6), 0.0)
    y, x = index // width, index % width
    offset_x = offset_y = 0.0
    if config.subpixel:
        cells = _flat(smoothed)
        offset_x = _parabola_offset(cells, index, 1, (x > 0) & (x < width - 1))
        offset_y = _parabola_offset(cells, index, width, (y > 0) & (y < height - 1))
    fine_x, fine_y = tf.cast(x, tf.float32) + offset_x, tf.cast(y, tf.float32) + offset_y
    return Peaks((fine_x + 0.5) / config.enlarge - 0.5, (fine_y + 0.5) / config.enlarge - 0.5, score)


def _fine_maps(maps: tf.Tensor, config: DecoderConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the maps [N, h, w, C] enlarged, and these smoothed, both [N, C, enlarge * h, enlarge * w]."""
    sigma = config.smoothing_px * config.enlarge / config.stride
    if config.enlarge == 1:
        return tf.transpose(maps, [0, 3, 1, 2]), tf.transpose(smooth(maps, sigma), [0, 3, 1, 2])
    shape = tf.shape(maps)
    maps = tf.transpose(maps, [0, 3, 1, 2])
    # Small products of matrices: TFLite has no builtin for a bicubic resize, and these are faster than convolutions.
    rows, columns = (enlarging_matrix(shape[axis], config.enlarge) for axis in (1, 2))
    large = _resample(maps, rows, columns)
    if sigma <= 0:
        return large, large
    rows, columns = (tf.matmul(smoothing_matrix(tf.shape(m)[0], sigma), m) for m in (rows, columns))
    return large, _resample(maps, rows, columns)


def _resample(maps: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Returns [N, C, H, W] of maps [N, C, h, w] by matrices [H, h] and [W, w]."""
    return tf.matmul(rows, tf.matmul(maps, columns, transpose_b=True))


def enlarging_matrix(size: tf.Tensor | int, factor: int) -> tf.Tensor:
    """Returns [factor * size, size]: bicubic weights of the cells for each fine cell; border cells are repeated."""
    fine = (tf.cast(tf.range(factor * size), tf.float32) + 0.5) / factor - 0.5
    return bicubic_matrix(fine, size)


def smoothing_matrix(size: tf.Tensor | int, sigma: float) -> tf.Tensor:
    """Returns [size, size], the filter of `smooth` along one axis."""
    place = tf.range(size)
    distance = tf.abs(place[:, None] - place)
    radius = _filter_radius(sigma)
    taps = addons.gaussian_taps(sigma, radius)
    weights = tf.gather(tf.constant(taps[radius:]), tf.minimum(distance, radius))
    return tf.where(distance <= radius, weights, 0.0)


def _filter_radius(sigma: float) -> int:
    return max(1, round(KERNEL_REACH * sigma))


def _flat(maps: tf.Tensor) -> tf.Tensor:
    """Returns [N, C, h * w] of [N, C, h, w]."""
    shape = tf.shape(maps)
    return tf.reshape(maps, tf.stack([shape[0], shape[1], shape[2] * shape[3]]))


def _is_peak(maps: tf.Tensor) -> tf.Tensor:
    """Returns bool [N, C, h, w]: no neighbour is larger, and of equal neighbours only the first in reading order."""
    padded = tf.pad(maps, [[0, 0], [0, 0], [1, 1], [1, 1]], constant_values=-1e9)
    left, right = padded[:, :, 1:-1, :-2], padded[:, :, 1:-1, 2:]
    of_row = tf.maximum(tf.maximum(padded[:, :, :, :-2], padded[:, :, :, 2:]), padded[:, :, :, 1:-1])
    above, below = of_row[:, :, :-2], of_row[:, :, 2:]
    return (maps > tf.maximum(above, left)) & (maps >= tf.maximum(below, right))


def _parabola_offset(cells: tf.Tensor, index: tf.Tensor, step: tf.Tensor | int, inside: tf.Tensor) -> tf.Tensor:
    """Returns the maximum's offset in [-0.5, 0.5] cell along one axis; 0 on the border of the map."""
    last = tf.shape(cells)[2] - 1
    centre = tf.gather(cells, index, batch_dims=2)
    before = tf.gather(cells, tf.clip_by_value(index - step, 0, last), batch_dims=2)
    after = tf.gather(cells, tf.clip_by_value(index + step, 0, last), batch_dims=2)
    # Relative to the centre, whose logarithm is then 0.
    before, after = (tf.math.log(tf.maximum(tf.math.divide_no_nan(v, centre), LOG_FLOOR)) for v in (before, after))
    offset = tf.math.divide_no_nan(0.5 * (before - after), before + after)
    return tf.where(inside, tf.clip_by_value(offset, -0.5, 0.5), 0.0)


def score_pairs(pafs: tf.Tensor, peaks: Peaks, limbs: tuple[tuple[int, int], ...], config: DecoderConfig) -> tf.Tensor:
    """Returns the score of every candidate limb, 0 where it is refused.

    Args:
        pafs: [N, h, w, 2 * limbs].
        peaks: candidates, K per part.
        limbs: part pairs.
        config: thresholds.

    Returns:
        [N * limbs, K, K] float32, from candidate [row] of the first part to candidate [column] of the second.
    """
    height = tf.cast(tf.shape(pafs)[1], tf.float32)
    size = config.max_peaks
    # Limbs join the batch: nothing below has more than four dimensions.
    ends = [[tf.reshape(tf.gather(v, [limb[k] for limb in limbs], axis=1), [-1, size]) for v in peaks] for k in (0, 1)]
    (xa, ya, score_a), (xb, yb, score_b) = ends  # [B, K] each
    dx, dy = xb[:, None, :] - xa[:, :, None], yb[:, None, :] - ya[:, :, None]  # [B, K, K]
    length = tf.sqrt(dx * dx + dy * dy)
    unit = tf.stack([tf.math.divide_no_nan(dx, length), tf.math.divide_no_nan(dy, length)], -1)  # [B, K, K, 2]
    share = tf.range(config.num_samples, dtype=tf.float32) / config.num_samples
    x = xa[:, :, None, None] + dx[..., None] * share  # [B, K, K, samples]
    y = ya[:, :, None, None] + dy[..., None] * share
    fields = _read_fields(pafs, len(limbs), tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]]),
                          tf.reshape(y, [-1, y.shape[1] * y.shape[2] * y.shape[3]]), config.bilinear)  # fmt: skip
    along = tf.reduce_sum(
        tf.reshape(fields, [-1, size * size, config.num_samples, 2]) * tf.reshape(unit, [-1, size * size, 1, 2]), -1
    )
    along = tf.reshape(along, [-1, size, size, config.num_samples])
    score = tf.reduce_mean(along, -1)
    score += tf.minimum(tf.math.divide_no_nan(config.long_limb * height, length) - 1.0, 0.0)
    counting = tf.reduce_sum(tf.cast(along > config.sample_threshold, tf.float32), -1)
    allowed = (counting >= config.min_samples) & (length > 0) & (length >= config.min_limb_px / config.stride)
    allowed &= (score_a[:, :, None] > 0) & (score_b[:, None, :] > 0)
    return tf.where(allowed, tf.maximum(score, 0.0), 0.0)


def _read_fields(pafs: tf.Tensor, num_limbs: int, x: tf.Tensor, y: tf.Tensor, bilinear: bool) -> tf.Tensor:
    """Returns the vectors [N * limbs, M, 2] of the fields [N, h, w, 2 * limbs] at the cells x, y [N * limbs, M]."""
    shape = tf.shape(pafs)
    height, width = shape[1], shape[2]
    fields = tf.reshape(pafs, tf.stack([shape[0], height * width, num_limbs, 2]))
    fields = tf.reshape(tf.transpose(fields, [0, 2, 1, 3]), tf.stack([-1, height * width, 2]))

    def at(column: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        column = tf.clip_by_value(tf.cast(column, tf.int32), 0, width - 1)
        row = tf.clip_by_value(tf.cast(row, tf.int32), 0, height - 1)
        return tf.gather(fields, row * width + column, batch_dims=1)

    if not bilinear:
        return at(tf.round(x), tf.round(y))
    left, top = tf.floor(x), tf.floor(y)
    right_share, bottom_share = (x - left)[..., None], (y - top)[..., None]
    upper = at(left, top) * (1 - right_share) + at(left + 1, top) * right_share
    lower = at(left, top + 1) * (1 - right_share) + at(left + 1, top + 1) * right_share
    return upper * (1 - bottom_share) + lower * bottom_share


def match_pairs(pairs: tf.Tensor, num_limbs: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the greedy one-to-one matching: best pair first, each candidate once per limb.

    Every turn takes all pairs that are the best of both their row and their column: those a loop over the sorted
    pairs would take too, because nothing better is left that could touch them. So few turns do the work of many.

    Args:
        pairs: [N * limbs, K, K] float32, >= 0; 0 is no candidate.
        num_limbs: number of limbs.

    Returns:
        first: [N, limbs, K] int32, the first part's candidate that each candidate of the second part belongs to.
        connection: [N, limbs, K] float32, score of that limb; 0 where there is none.
    """
    size = pairs.shape[1]

    def turn(pairs: tf.Tensor, taken: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        best_column = tf.one_hot(tf.argmax(pairs, 2, tf.int32), size)  # [B, K, K]
        best_row = tf.transpose(tf.one_hot(tf.argmax(pairs, 1, tf.int32), size), [0, 2, 1])
        chosen = best_column * best_row * tf.cast(pairs > 0, tf.float32)
        free_rows = 1.0 - tf.reduce_sum(chosen, 2, keepdims=True)
        free_columns = 1.0 - tf.reduce_sum(chosen, 1, keepdims=True)
        return pairs * free_rows * free_columns, taken + chosen * pairs

    _, taken = tf.while_loop(lambda pairs, _: tf.reduce_max(pairs) > 0, turn, [pairs, tf.zeros_like(pairs)])
    shape = [-1, num_limbs, size]
    return tf.reshape(tf.argmax(taken, 1, tf.int32), shape), tf.reshape(tf.reduce_max(taken, 1), shape)


def assemble(
    peaks: Peaks, first: tf.Tensor, connection: tf.Tensor, limbs: tuple[tuple[int, int], ...], config: DecoderConfig
) -> tuple[Peaks, tf.Tensor]:
    """Returns the people that the matched limbs connect.

    The limbs are a tree in root order and every candidate has at most one limb towards the root, so a person is known
    by its candidate nearest to the root, and one walk from the root outwards hands that name on, exactly.

    Args:
        peaks: [N, parts, K] candidates.
        first, connection: [N, limbs, K] of `match_pairs`.
        limbs: part pairs.
        config: thresholds.

    Returns:
        people: x, y, score [N, max_people, parts], 0 where a part is missing.
        scores: [N, max_people], the best first, 0 in empty slots.
    """
    num_parts, size = peaks.score.shape[1], peaks.score.shape[2]
    batch = tf.shape(peaks.score)[0]
    own = tf.ones(tf.stack([batch, 1]), tf.int32) * tf.range(size)[None]
    names = [own + part * size for part in range(num_parts)]  # [N, K] each
    value = tf.unstack(peaks.score, axis=1)
    for limb, (a, b) in enumerate(limbs):
        handed_on = tf.gather(names[a], first[:, limb], batch_dims=1)
        names[b] = tf.where(connection[:, limb] > 0, handed_on, names[b])
        value[b] += connection[:, limb]
    name = tf.stack(names, 1)  # [N, parts, K]
    found = peaks.score > 0
    segments = tf.reshape(name + tf.range(batch)[:, None, None] * (num_parts * size), [-1])

    def total(values: tf.Tensor) -> tf.Tensor:
        summed = tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), segments, batch * (num_parts * size))
        return tf.reshape(summed, tf.stack([-1, num_parts * size]))

    count = total(tf.cast(found, tf.float32))
    score = tf.math.divide_no_nan(total(tf.stack(value, 1)), count)
    good = (count >= config.min_parts) & (score >= config.min_person_score)
    scores, person = tf.math.top_k(tf.where(good, score, 0.0), config.max_people)
    member = (name[:, None] == person[:, :, None, None]) & found[:, None] & (scores > 0)[:, :, None, None]
    return Peaks(*(tf.reduce_sum(tf.where(member, v[:, None], 0.0), -1) for v in peaks)), scores
