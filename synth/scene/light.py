"""Light of a scene as plain data: an environment image with a sun, or the release's spherical harmonics."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

# Constants of Ramamoorthi and Hanrahan 2001, used by the release's shader.
SH_C1, SH_C2, SH_C3, SH_C4, SH_C5 = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708


@dataclasses.dataclass(frozen=True)
class Light:
    """Light of one scene.

    Attributes:
        kind: `hdri` or `sh`.
        environment: name of the environment image; empty for `sh`.
        turn_rad: turn of the environment about the vertical, 0..2 pi.
        strength: factor on the environment's radiance.
        sun_energy: W/m2 of the sun lamp; 0 = no sun.
        sun_angle_deg: angular diameter of the sun.
        sun_direction: [3] unit vector from the sun towards the ground, world axes.
        sun_colour: [3] linear RGB of the sun.
        sh: [9] coefficients L00, L1-1, L10, L11, L2-2, L2-1, L20, L21, L22; empty for `hdri`.
    """

    kind: str
    environment: str = ""
    turn_rad: float = 0.0
    strength: float = 0.0
    sun_energy: float = 0.0
    sun_angle_deg: float = 0.5
    sun_direction: tuple[float, float, float] = (0.0, 0.0, -1.0)
    sun_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sh: tuple[float, ...] = ()


def _sun_direction(rng: np.random.Generator) -> tuple[float, float, float]:
    """A direction 20 to 75 degrees above the horizon, from anywhere."""
    elevation, azimuth = math.radians(rng.uniform(20.0, 75.0)), rng.uniform(0.0, 2 * math.pi)
    flat = math.cos(elevation)
    return (flat * math.cos(azimuth), flat * math.sin(azimuth), -math.sin(elevation))


def _sun_colour(direction: tuple[float, float, float]) -> tuple[float, float, float]:
    """White when high, warm when low: air takes blue away (a rough fit to sky photographs)."""
    warmth = 1.0 - min(1.0, -direction[2] / math.sin(math.radians(60.0)))
    return (1.0, 1.0 - 0.22 * warmth, 1.0 - 0.5 * warmth)


def sample_hdri(
    rng: np.random.Generator,
    dataset: str,
    environments: Sequence[str],
    environment: str = "",
    turn_rad: float | None = None,
) -> Light:
    """Returns an environment light.

    Args:
        rng: source of randomness.
        dataset: kind of dataset; the stand-in has no sun lamp.
        environments: names to choose from.
        environment: the environment to use where the background already shows one.
        turn_rad: its turn.
    """
    chosen, turn = environments[rng.integers(len(environments))], rng.uniform(0.0, 2 * math.pi)
    strength = rng.uniform(0.5, 1.3)
    direction, angle = _sun_direction(rng), rng.uniform(0.5, 10.0)
    energy = rng.uniform(0.5, 3.0) if rng.random() < 0.5 else 0.0
    return Light(
        kind="hdri",
        environment=environment or chosen,
        turn_rad=float(turn if turn_rad is None else turn_rad),
        strength=float(strength),
        sun_energy=float(energy) if dataset != "real_standin" else 0.0,
        sun_angle_deg=float(angle),
        sun_direction=direction,
        sun_colour=_sun_colour(direction),
    )


def sample_sh(rng: np.random.Generator) -> Light:
    """Returns the release's light: 9 coefficients 0.7 (2u - 1), the first 0.5 + 0.9u, the second -0.7u, u ~ U(0, 1)."""
    draw = rng.uniform(0.0, 1.0, 9)
    coefficients = 0.7 * (2 * draw - 1)
    coefficients[0] = 0.5 + 0.9 * draw[0]
    coefficients[1] = -0.7 * draw[1]
    return Light(kind="sh", sh=tuple(float(value) for value in coefficients))


def sh_matrix(coefficients: tuple[float, ...]) -> np.ndarray:
    """Returns M [4, 4] such that the shading of a unit normal n is [n, 1] M [n, 1].

    The released shader's polynomial: C1 L22 (x2 - y2) + C3 L20 z2 + C4 L00 - C5 L20
    + 2 C1 (L2-2 xy + L21 xz + L2-1 yz) + 2 C2 (L11 x + L1-1 y + L10 z).
    """
    l00, l1m1, l10, l11, l2m2, l2m1, l20, l21, l22 = coefficients
    return np.array(
        [
            [SH_C1 * l22, SH_C1 * l2m2, SH_C1 * l21, SH_C2 * l11],
            [SH_C1 * l2m2, -SH_C1 * l22, SH_C1 * l2m1, SH_C2 * l1m1],
            [SH_C1 * l21, SH_C1 * l2m1, SH_C3 * l20, SH_C2 * l10],
            [SH_C2 * l11, SH_C2 * l1m1, SH_C2 * l10, SH_C4 * l00 - SH_C5 * l20],
        ]
    )
