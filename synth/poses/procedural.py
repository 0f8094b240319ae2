"""The built-in poses: everyday kinds with random parameters, inside joint limits and without self-collision.

Every kind starts from a relaxed standing person and changes what it is about. Weights and ranges are our own, chosen by
looking at images. Nobody sits on nothing: sitting and kneeling kinds are on the ground.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from synth.poses import ground_kinds
from synth.poses.builder import SIDES, PoseBuilder


@dataclasses.dataclass(frozen=True)
class Kind:
    """A family of poses.

    Attributes:
        name: tag of the poses.
        weight: how often it is drawn.
        apply: what it changes of a standing person.
        max_turn_deg: how far the body may be turned to rest on the ground; 0 for motions that are out of balance.
    """

    name: str
    weight: float
    apply: Callable[[PoseBuilder], None]
    max_turn_deg: float = 12.0


def _hang(b: PoseBuilder, side: str) -> None:
    b.arm(side, -71 + b.normal(4, -4, 18), elbow=8 + abs(b.normal(14, 0, 45)), swing=b.normal(8, -20, 25))


def _relaxed(b: PoseBuilder) -> None:
    """Sets the relaxed standing person that every kind starts from."""
    b.trunk(b.normal(4, -8, 14), b.normal(6, -20, 20), b.normal(3, -10, 10))
    b.head(b.normal(8, -22, 22), b.normal(18, -55, 55), b.normal(5, -14, 14))
    for side in SIDES:
        _hang(b, side)
        b.wrist(side, b.normal(10, -30, 30), b.normal(8, -18, 18), b.normal(10, -25, 25))
        b.hand(side, 80 * float(b.rng.beta(2, 3)), b.normal(3, -5, 6))
        knee = abs(b.normal(6, 0, 18))  # half the bend in the hip keeps the feet below the pelvis
        b.leg(side, 0.5 * knee - 1 + b.normal(1.5, -3, 3), b.uniform(1, 7), knee, turn=b.uniform(-3, 14))


def _stand(b: PoseBuilder) -> None:
    if b.chance(0.4):  # weight on one leg
        free, _ = b.sides()
        knee = b.uniform(10, 28)
        b.leg(free, 0.5 * knee + b.uniform(-2, 5), b.uniform(2, 9), knee, turn=b.uniform(0, 20))


def _gait(b: PoseBuilder, stride: float, elbow: float) -> None:
    """Walks (stride 1) or runs: legs and arms swing against each other at a random phase."""
    phase = b.uniform(0, 2 * np.pi)
    running = stride > 1.2
    b.root(pitch=10.0 * (stride - 1) if running else 0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = sign * np.sin(phase)
        lift = float(np.clip(-0.6 * swing + 0.5 * sign * np.cos(phase), 0, 1))
        hip = 24 * stride * swing + 6 * stride
        knee = (18 + 40 * stride) * lift + 4
        if running:
            knee += 14 + 25 * max(0.0, swing)
        level = float(np.clip(hip - knee, -20, 35))
        b.leg(side, hip, b.uniform(-1, 3), knee, ankle=level * (1 - lift) + 12 * lift)
        b.arm(side, -70 + b.normal(4, -4, 10), elbow=elbow + 15 * max(0.0, -swing), swing=-24 * stride * swing)
        if running:
            b.hand(side, b.uniform(40, 85))
    b.bend_trunk(pitch=3.0 * stride, twist=-5 * stride * np.sin(phase))


def _walk(b: PoseBuilder) -> None:
    _gait(b, b.uniform(0.75, 1.15), b.uniform(10, 30))


def _run(b: PoseBuilder) -> None:
    _gait(b, b.uniform(1.35, 1.8), b.uniform(65, 100))


def _reach(b: PoseBuilder) -> None:
    a, _ = b.sides()
    b.arm(a, b.uniform(-15, 40), b.uniform(20, 80), b.uniform(5, 40))
    b.bend_trunk(pitch=b.uniform(0, 12))


def _akimbo(b: PoseBuilder) -> None:
    for side in SIDES if b.chance(0.7) else b.sides()[:1]:
        b.arm(side, -51 + b.normal(1.5, -3, 3), -20, b.uniform(89, 93), twist=b.uniform(58, 62))
        b.hand(side, b.uniform(12, 45))
        b.wrist(side, -b.uniform(0, 18))


def _arms_up(b: PoseBuilder) -> None:
    for side in SIDES if b.chance(0.6) else b.sides()[:1]:
        b.arm(side, b.uniform(35, 75), b.uniform(0, 30), b.uniform(5, 60))


def _crouch(b: PoseBuilder) -> None:
    knee = b.uniform(85, 125)
    pitch = b.uniform(18, 32)
    b.root(pitch=pitch)
    for side in SIDES:
        b.leg(side, 0.82 * knee + pitch, b.uniform(6, 20), knee)
        b.arm(side, -62, elbow=b.uniform(15, 70), swing=b.uniform(30, 60))
    b.trunk(b.uniform(5, 28), b.normal(6, -15, 15), 0)


def _phone(b: PoseBuilder) -> None:
    a, _ = b.sides()
    bend = b.uniform(138, 148)
    b.arm(a, -30 + b.normal(4, -6, 6), b.uniform(40, 48), bend, swing=33, twist=-b.uniform(22, 38), pronate=-20)
    b.hand(a, b.uniform(35, 60))


def _texting(b: PoseBuilder) -> None:
    for side in SIDES if b.chance(0.5) else b.sides()[:1]:
        b.arm(side, -72, b.uniform(0, 8), b.uniform(80, 108), swing=b.uniform(8, 24), twist=b.uniform(0, 14))
        b.wrist(side, b.uniform(-5, 20))
        b.hand(side, b.uniform(30, 60))
    b.head(b.uniform(15, 35), b.normal(6, -15, 15), 0)


def _cross_arms(b: PoseBuilder) -> None:
    upper, lower = b.sides()
    b.arm(upper, -82, 6, b.uniform(92, 98), swing=31, twist=54)
    b.arm(lower, -73, 5, b.uniform(89, 95), swing=25, twist=70)
    for side in SIDES:
        b.wrist(side, b.uniform(-5, 10))
        b.hand(side, b.uniform(10, 35))


def _wave(b: PoseBuilder) -> None:
    a, _ = b.sides()
    b.arm(a, b.uniform(0, 30), b.uniform(0, 20), b.uniform(50, 100), twist=-80)
    b.hand(a, b.uniform(0, 12), b.uniform(2, 8))


def _point(b: PoseBuilder) -> None:
    a, _ = b.sides()
    b.arm(a, b.uniform(-15, 20), b.uniform(30, 85), b.uniform(0, 12))
    b.wrist(a, b.normal(6, -12, 12))
    b.hand(a, b.uniform(60, 85), straight=("index",))


def _fight(b: PoseBuilder) -> None:
    front, back = b.sides()
    for side in SIDES:
        b.arm(side, -48, b.uniform(10, 30), b.uniform(95, 125), swing=b.uniform(20, 40), twist=-20)
        b.hand(side, b.uniform(75, 95))
    if b.chance(0.4):
        b.arm(front, b.uniform(-20, 5), b.uniform(60, 85), b.uniform(0, 25))
    b.leg(front, b.uniform(12, 28), 8, b.uniform(15, 30))
    b.leg(back, -b.uniform(5, 20), 9, b.uniform(10, 22), turn=b.uniform(0, 15))


def _kick(b: PoseBuilder) -> None:
    a, other = b.sides()
    b.leg(a, b.uniform(30, 85), b.uniform(0, 15), b.uniform(5, 50), ankle=b.uniform(0, 30))
    b.leg(other, b.uniform(0, 6), 2, b.uniform(4, 14))
    for side in SIDES:
        b.arm(side, b.uniform(-55, 0), b.uniform(-10, 30), b.uniform(10, 40))
    b.bend_trunk(pitch=-6)


def _lunge(b: PoseBuilder) -> None:
    front, back = b.sides()
    depth = b.uniform(0.5, 1.0)
    b.leg(front, 70 * depth, 12, 78 * depth)
    b.leg(back, -22 * depth, 11, 42 * depth, ankle=18 * depth)
    b.toes(back, 35 * depth)
    b.trunk(b.uniform(0, 18), b.normal(5, -12, 12), b.normal(1, -3, 3))


def _throw(b: PoseBuilder) -> None:
    a, other = b.sides()
    b.arm(a, b.uniform(10, 35), b.uniform(-25, 10), b.uniform(60, 105), twist=-75)
    b.arm(other, b.uniform(-30, 15), b.uniform(40, 80), b.uniform(5, 40))
    b.leg(other, b.uniform(18, 35), 5, b.uniform(12, 30))
    b.leg(a, -b.uniform(5, 18), 6, b.uniform(8, 25), turn=12)
    b.bend_trunk(pitch=-5, twist=(-1 if a == "left" else 1) * -b.uniform(8, 20))
    b.hand(a, b.uniform(35, 70))


def _carry(b: PoseBuilder) -> None:
    for side in SIDES:
        b.arm(side, -70, b.uniform(-4, 4), b.uniform(70, 95), swing=b.uniform(8, 22))
        b.wrist(side, b.uniform(-25, 0))
        b.hand(side, b.uniform(15, 50))
    b.bend_trunk(pitch=-5)


def _hands_on_head(b: PoseBuilder) -> None:
    for side in SIDES if b.chance(0.7) else b.sides()[:1]:
        b.arm(side, b.uniform(32, 44), b.uniform(-6, 12), b.uniform(98, 111), twist=-b.uniform(74, 80))
        b.hand(side, b.uniform(5, 25))
        b.wrist(side, b.uniform(5, 25))
    b.head(b.normal(5, -10, 10), b.normal(6, -15, 15), 0)


def _bend(b: PoseBuilder) -> None:
    pitch = b.uniform(20, 55)
    b.root(pitch=pitch)
    knee, curl = b.uniform(5, 40), b.uniform(15, 40)
    back = 0.17 * (pitch + curl)  # the hips go back as the head goes forward
    for side in SIDES:
        b.leg(side, pitch + 0.55 * knee + back, b.uniform(2, 8), knee)
        b.arm(side, -72, elbow=b.uniform(5, 40), swing=b.uniform(30, 85))
    b.trunk(curl, b.normal(8, -18, 18), 0)
    b.head(-b.uniform(0, 30), b.normal(10, -30, 30), 0)


def _dance(b: PoseBuilder) -> None:
    a, other = b.sides()
    b.leg(a, b.uniform(-15, 55), b.uniform(8, 40), b.uniform(5, 75), ankle=b.uniform(0, 40), turn=b.uniform(0, 35))
    b.leg(other, b.uniform(0, 15), b.uniform(2, 10), b.uniform(5, 30))
    for side in SIDES:
        b.arm(side, b.uniform(-40, 75), b.uniform(-10, 55), b.uniform(5, 75), twist=b.uniform(-50, 20))
    b.bend_trunk(b.normal(6, -12, 12), b.normal(10, -25, 25), b.normal(8, -16, 16))


def _jump(b: PoseBuilder) -> None:
    knee = b.uniform(15, 95)
    for side in SIDES:
        b.leg(side, 0.6 * knee + b.normal(8, -12, 15), b.uniform(3, 18), knee, ankle=b.uniform(10, 40))
        b.arm(side, b.uniform(-35, 70), b.uniform(-5, 45), b.uniform(5, 60))


def _swing(b: PoseBuilder) -> None:
    a, other = b.sides()
    toward = 1.0 if other == "left" else -1.0
    b.arm(a, b.uniform(-40, -5), b.uniform(95, 112), b.uniform(5, 15))
    b.arm(other, b.uniform(-40, -5), b.uniform(58, 72), b.uniform(5, 15))
    b.trunk(b.uniform(5, 20), -toward * b.uniform(15, 40), 0)
    for side in SIDES:
        b.leg(side, b.uniform(8, 22), b.uniform(8, 16), b.uniform(12, 32))
        b.hand(side, b.uniform(70, 90))


def _arms_wide(b: PoseBuilder) -> None:
    for side in SIDES:
        b.arm(side, b.uniform(-25, 25), b.uniform(-15, 35), b.uniform(0, 30), twist=b.normal(20, -40, 40))
        b.hand(side, b.uniform(0, 30), b.uniform(0, 8))


KINDS: tuple[Kind, ...] = (
    Kind("stand", 5, _stand),
    Kind("walk", 5, _walk, 0.0),
    Kind("run", 2, _run, 0.0),
    Kind("reach", 2, _reach),
    Kind("akimbo", 2, _akimbo),
    Kind("arms_up", 1.5, _arms_up),
    Kind("crouch", 1, _crouch),
    Kind("phone", 1.5, _phone),
    Kind("texting", 1.5, _texting),
    Kind("cross_arms", 1.5, _cross_arms),
    Kind("wave", 1.5, _wave),
    Kind("point", 1.5, _point),
    Kind("fight", 1, _fight),
    Kind("kick", 1, _kick, 0.0),
    Kind("lunge", 1, _lunge, 15.0),
    Kind("throw", 1, _throw, 0.0),
    Kind("carry", 1, _carry),
    Kind("hands_on_head", 0.7, _hands_on_head),
    Kind("bend", 1, _bend),
    Kind("dance", 1.5, _dance, 0.0),
    Kind("jump", 0.7, _jump, 0.0),
    Kind("swing", 0.8, _swing),
    Kind("arms_wide", 1, _arms_wide),
    Kind("sit_ground", 1.5, ground_kinds.sit_ground, 25.0),
    Kind("sit_cross_legged", 0.7, ground_kinds.sit_cross_legged, 25.0),
    Kind("kneel", 0.8, ground_kinds.kneel, 20.0),
    Kind("kneel_both", 0.5, ground_kinds.kneel_both, 25.0),
    Kind("lie", 0.4, ground_kinds.lie, 35.0),
    Kind("all_fours", 0.3, ground_kinds.all_fours, 25.0),
    Kind("plank", 0.2, ground_kinds.plank, 20.0),
)


def sample_kind(rng: np.random.Generator) -> Kind:
    """Returns a kind drawn by weight."""
    weights = np.array([kind.weight for kind in KINDS])
    return KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]


def sample_pose(rng: np.random.Generator, kind: Kind) -> np.ndarray:
    """Returns a random pose [52, 3] axis-angle in radians of one kind, inside joint limits."""
    builder = PoseBuilder(rng)
    _relaxed(builder)
    kind.apply(builder)
    return builder.build()
