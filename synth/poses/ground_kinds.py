"""Built-in kinds of poses on the ground: sitting, kneeling, lying, on all fours. See `synth.poses.procedural`."""

import numpy as np
from scipy.optimize import brentq

from synth.poses.builder import SIDES, PoseBuilder

# Proportions of the built-in body's mean shape, metres: thigh, shank, hip joint above the seat, ankle above the sole.
_THIGH, _SHANK, _SEAT, _SOLE = 0.49, 0.51, 0.10, 0.075


def _seat(b: PoseBuilder, knee: float, back: float) -> float:
    """Returns the hip bend that puts a seated person's soles on the ground, and leans the pelvis back.

    With the thigh raised by r above the horizontal and the knee bent by k, the ankle is at
    seat + thigh sin(r) + shank sin(r - k), which must be the height of an ankle on the ground.
    """

    def height(rise: float) -> float:
        return _SEAT - _SOLE + _THIGH * np.sin(np.deg2rad(rise)) + _SHANK * np.sin(np.deg2rad(rise - knee))

    b.root(pitch=-back)
    return 90 - back + float(brentq(height, -10, 85))


def sit_ground(b: PoseBuilder) -> None:
    """Sits on the ground with the soles on it, half of the time leaning on the hands."""
    back = b.uniform(10, 25)
    for side in SIDES:
        knee = b.uniform(8, 95)
        b.leg(side, _seat(b, knee, back), b.uniform(3, 14), knee)
    b.trunk(back + b.uniform(0, 18), b.normal(6, -15, 15), 0)
    if b.chance(0.5):  # leans on the hands behind the back
        for side in SIDES:
            b.arm(side, -62, elbow=b.uniform(0, 8), swing=-b.uniform(28, 36) - 8, twist=0)
            b.wrist(side, -b.uniform(45, 65))
            b.hand(side, b.uniform(0, 10))
        b.trunk(back - b.uniform(8, 14), 0, 0)
    else:
        for side in SIDES:
            b.arm(side, -64, elbow=b.uniform(15, 45), swing=b.uniform(30, 50))


def sit_cross_legged(b: PoseBuilder) -> None:
    """Sits on the ground with crossed shins; the angles were searched for low knees and free shins."""
    back = b.uniform(16, 20)
    b.root(pitch=-back)
    near, far = b.sides()
    b.cross_leg(near, 114 + b.normal(2, -3, 3), 22, 82, 132 + b.normal(1.5, -3, 3))
    b.cross_leg(far, 90 + b.normal(2, -3, 3), 40, 97, 106 + b.normal(1.5, -3, 3))
    b.trunk(back + b.uniform(0, 14), b.normal(6, -15, 15), 0)
    for side in SIDES:
        b.arm(side, -58, elbow=b.uniform(20, 45), swing=b.uniform(24, 36))


def kneel(b: PoseBuilder) -> None:
    """Kneels on one knee: the front sole and the back knee are on the ground."""
    front, back = b.sides()
    b.leg(front, 84 + b.normal(3, -6, 6), b.uniform(10, 18), 86)
    b.leg(back, -4 + b.normal(2, -3, 3), 11, 86, ankle=b.uniform(-25, 0))
    b.toes(back, 45)
    b.trunk(b.uniform(0, 18), b.normal(8, -20, 20), 0)
    if b.chance(0.5):
        b.arm(front, -58, 5, b.uniform(45, 70), swing=b.uniform(30, 45))


def kneel_both(b: PoseBuilder) -> None:
    """Kneels on both knees, upright to sitting on the heels."""
    sit = b.uniform(0, 1)
    for side in SIDES:
        b.leg(side, 58 * sit, b.uniform(3, 9), 90 + 58 * sit, ankle=45)
        b.arm(side, -70, elbow=b.uniform(15, 50), swing=b.uniform(12, 30))
    b.trunk(b.uniform(0, 20) + 5 * sit, b.normal(8, -20, 20), 0)


def lie(b: PoseBuilder) -> None:
    """Lies on the back or the belly."""
    up = b.chance(0.6)
    b.root(pitch=-90 if up else 90)
    b.trunk(0, 0, b.normal(3, -8, 8))
    b.head(0 if up else -8, b.uniform(-40, 40) if up else 40 * (1 if b.chance(0.5) else -1), 0)
    for side in SIDES:
        knee = b.uniform(2, 10)
        b.leg(side, knee / 2 if up else 2, b.uniform(3, 14), knee, ankle=b.uniform(15, 35) if up else 48)
        b.arm(side, b.uniform(-70, 45), 0, b.uniform(5, 35), twist=-80 if up else 0)


def all_fours(b: PoseBuilder) -> None:
    """Stands on hands and knees."""
    b.root(pitch=82)
    for side in SIDES:
        b.leg(side, 84, b.uniform(2, 8), 90, ankle=40)
        b.arm(side, -2, 84, b.uniform(0, 6), twist=0)
        b.wrist(side, -82)
        b.hand(side, 4)
    b.trunk(4, 0, 0)
    b.head(-b.uniform(10, 35), b.normal(12, -30, 30), 0)


def plank(b: PoseBuilder) -> None:
    """Holds a plank on hands and toes."""
    b.root(pitch=68)
    for side in SIDES:
        b.leg(side, 0, b.uniform(2, 7), 3, ankle=-10)
        b.toes(side, 50)
        b.arm(side, -4, 74, b.uniform(0, 6))
        b.wrist(side, -80)
        b.hand(side, 4)
    b.trunk(0, 0, 0)
    b.head(-b.uniform(10, 30), 0, 0)
