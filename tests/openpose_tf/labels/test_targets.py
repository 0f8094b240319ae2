import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.config import Fidelity, Sampling, TargetConfig
from openpose_tf.labels.targets import draw_targets
from tests.support.references import targets as reference

MAX_PEOPLE = 20
MODES = [("paper", "centre"), ("release", "area"), pytest.param("paper", "area", marks=pytest.mark.slow)]


def config_of(mode, sampling, **kwargs):
    return TargetConfig(Fidelity(mode), Sampling(sampling), **kwargs)


def random_scene(rng, size):
    """0 to 20 people; joints missing, on the border, outside, coincident, at whole pixels."""
    num_people = rng.integers(0, MAX_PEOPLE + 1)
    people = np.zeros((MAX_PEOPLE, 15, 3), np.float32)
    points = rng.uniform(-0.3 * size, 1.3 * size, (num_people, 15, 2))
    kind = rng.random((num_people, 15, 1))
    points = np.where(kind < 0.15, np.round(points), points)
    points = np.where((kind > 0.15) & (kind < 0.25), rng.choice([0, size - 1, size, -0.5], points.shape), points)
    people[:num_people, :, :2] = points
    people[:num_people, :, 2] = rng.random((num_people, 15)) > 0.2
    if num_people > 1:
        people[0, 3] = people[1, 3]  # two people, one place
        people[0, 9, :2] = people[0, 8, :2]  # a limb without length
        people[num_people - 1, 4:7] = people[0, 4:7]
    return people, rng.random(MAX_PEOPLE) < 0.4


def compare(scenes, size, mode, sampling):
    config = config_of(mode, sampling)
    keypoints = np.stack([people for people, _ in scenes])
    synthetic = np.stack([flags for _, flags in scenes])
    draw = tf.function(lambda k, s: draw_targets(k, size // 8, config, s), jit_compile=True)
    drawn = [t.numpy() for t in draw(keypoints, synthetic)]
    num_doubtful = num_cells = 0
    for i, (people, flags) in enumerate(scenes):
        heat, paf, heat_s, paf_s, doubt = reference.draw(people.astype(float), flags, size, mode, sampling)
        for values, expected, doubtful in (
            (drawn[0][i], paf, doubt[..., 16:]),
            (drawn[1][i], heat, doubt[..., :16]),
            (drawn[2][i], paf_s, doubt[..., 16:]),
            (drawn[3][i], heat_s, doubt[..., :16]),
        ):
            np.testing.assert_allclose(np.where(doubtful, expected, values), expected, atol=1e-5, err_msg=f"scene {i}")
            num_doubtful += doubtful.sum()
            num_cells += doubtful.size
    assert num_doubtful <= 2e-2 * num_cells
    return num_doubtful / num_cells


@pytest.mark.parametrize("mode, sampling", MODES)
def test_equal_to_the_slow_reference_on_random_scenes(mode, sampling):
    rng = np.random.default_rng(5)
    size = 48 if sampling == "area" else 64  # an area mean looks at 64 pixels per cell
    compare([random_scene(rng, size) for _ in range(200)], size, mode, sampling)


@pytest.mark.slow
@pytest.mark.parametrize("mode, sampling", MODES)
def test_equal_to_the_slow_reference_at_full_size(mode, sampling):
    rng = np.random.default_rng(6)
    compare([random_scene(rng, 368) for _ in range(4)], 368, mode, sampling)


def one_person(**parts):
    people = np.zeros((1, 2, 15, 3), np.float32)
    for part, (x, y) in parts.items():
        people[0, 0, int(part[1:])] = (x, y, 1)
    return people


def test_peak_cut_and_background_by_hand():
    targets = draw_targets(one_person(p0=(27.5, 19.5)), 8, config_of("paper", "centre"))
    heat = targets.confidence_maps[0].numpy()
    assert heat[2, 3, 0] == 1.0 and heat[2, 3, 15] == 0.0
    assert heat[2, 4, 0] == pytest.approx(np.exp(-64 / 98), abs=1e-6)
    assert heat[2, 5, 0] == pytest.approx(np.exp(-256 / 98), abs=1e-6)
    assert heat[2, 6, 0] == 0.0  # 24 px > 21.2 px
    assert (heat[..., 1:15] == 0).all()
    np.testing.assert_allclose(heat[..., 15], 1 - heat[..., 0], atol=1e-6)


def test_paf_is_a_unit_vector_within_eight_pixels():
    paf = draw_targets(one_person(p0=(11.5, 27.5), p1=(43.5, 27.5)), 8, config_of("paper", "centre")).pafs[0].numpy()
    # Centres 3.5, 11.5, ...: rows 2 to 4 are 8 px or less away, columns 0 to 6 lie in the box grown by 8 px.
    np.testing.assert_array_equal(paf[2:5, 0:7, 0], 1.0)
    assert paf[..., 0].sum() == 21 and (paf[..., 1:] == 0).all()


def test_overlap_average_against_last_over_count():
    people = np.zeros((1, 2, 15, 3), np.float32)
    people[0, 0, :2] = [(3.5, 27.5, 1), (59.5, 27.5, 1)]  # to the right
    people[0, 1, :2] = [(27.5, 3.5, 1), (27.5, 59.5, 1)]  # downwards
    paper = draw_targets(people, 8, config_of("paper", "centre")).pafs[0, 3, 3, :2].numpy()
    release = draw_targets(people, 8, config_of("release", "centre")).pafs[0, 3, 3, :2].numpy()
    np.testing.assert_array_equal(paper, [0.5, 0.5])
    np.testing.assert_array_equal(release, [0.0, 0.5])


def test_modes_differ_beyond_the_right_border():
    people = one_person(p0=(66.0, 27.5))
    assert draw_targets(people, 8, config_of("paper", "centre")).confidence_maps[..., 0].numpy().max() == 0
    assert draw_targets(people, 8, config_of("release", "centre")).confidence_maps[..., 0].numpy().max() > 0.5


def test_empty_slots_draw_nothing():
    targets = draw_targets(np.zeros((2, 3, 15, 3), np.float32), 4, config_of("paper", "centre"))
    assert targets.pafs.shape == (2, 4, 4, 28) and not targets.pafs.numpy().any()
    assert not targets.confidence_maps[..., :15].numpy().any()
    assert (targets.confidence_maps[..., 15].numpy() == 1).all()
    assert targets.synthetic_pafs is None


def test_default_sampling_of_the_modes():
    assert not TargetConfig(Fidelity.PAPER).is_area_sampled
    assert TargetConfig(Fidelity.RELEASE).is_area_sampled
