import json

import numpy as np
import pytest

from synth.scene import light


def test_harmonics_have_the_ranges_of_the_release():
    random = np.random.default_rng(0)
    drawn = np.array([light.sample_sh(random).sh for _ in range(500)])
    assert drawn[:, 0].min() >= 0.5 and drawn[:, 0].max() <= 1.4
    assert drawn[:, 1].min() >= -0.7 and drawn[:, 1].max() <= 0
    assert np.abs(drawn[:, 2:]).max() <= 0.7 and drawn[:, 2:].min() < -0.6


def test_the_matrix_is_the_polynomial_of_the_release():
    coefficients = np.random.default_rng(1).normal(size=9)
    l00, l1m1, l10, l11, l2m2, l2m1, l20, l21, l22 = coefficients
    normal = np.array([0.36, 0.48, 0.8])
    x, y, z = normal
    expected = (
        0.429043 * l22 * (x * x - y * y)
        + 0.743125 * l20 * z * z
        + 0.886227 * l00
        - 0.247708 * l20
        + 2 * 0.429043 * (l2m2 * x * y + l21 * x * z + l2m1 * y * z)
        + 2 * 0.511664 * (l11 * x + l1m1 * y + l10 * z)
    )
    homogeneous = np.append(normal, 1)
    assert homogeneous @ light.sh_matrix(tuple(coefficients)) @ homogeneous == pytest.approx(expected)


def test_the_sun_shines_downwards_and_only_on_the_synthetic_set():
    random = np.random.default_rng(2)
    suns = [light.sample_hdri(random, "synthetic", ["forest"]) for _ in range(200)]
    assert all(one.sun_direction[2] < -0.3 for one in suns)
    assert all(np.linalg.norm(one.sun_direction) == pytest.approx(1) for one in suns)
    share = np.mean([one.sun_energy > 0 for one in suns])
    assert 0.35 < share < 0.65
    assert all(light.sample_hdri(random, "real_standin", ["city"]).sun_energy == 0 for _ in range(20))


def test_a_seen_environment_is_the_light():
    one = light.sample_hdri(np.random.default_rng(3), "synthetic", ["sunset"], "forest", 1.25)
    assert (one.environment, one.turn_rad) == ("forest", 1.25)


def test_light_is_plain_data():
    import dataclasses

    one = light.sample_hdri(np.random.default_rng(4), "synthetic", ["forest"])
    again = light.Light(
        **{
            k: tuple(v) if isinstance(v, list) else v
            for k, v in json.loads(json.dumps(dataclasses.asdict(one))).items()
        }
    )
    assert again == one
