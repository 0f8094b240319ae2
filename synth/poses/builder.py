"""Builds a pose from angles people speak of: arms lifted, knees bent, back turned; and keeps it inside joint limits.

Angles are degrees here and radians in the result. Body axes: y up, face towards +z, left = +x; the zero pose is the T
pose. NumPy and SciPy only.
"""

import numpy as np

from synth.body import rotations
from synth.body.joints import JOINT, NUM_JOINTS

SIDES = ("left", "right")
_SIGN = {"left": 1.0, "right": -1.0}
_FINGERS = ("index", "middle", "ring", "pinky")

# Bounds of the rotation vector's components (x, y, z) in degrees, for the trunk and the left side; the right side has
# y and z mirrored. Ranges of motion of healthy adults as orthopaedic textbooks give them, rounded outwards.
LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "spine1": ((-15, 35), (-18, 18), (-15, 15)),
    "spine2": ((-15, 30), (-15, 15), (-12, 12)),
    "spine3": ((-15, 35), (-18, 18), (-15, 15)),
    "neck": ((-30, 30), (-40, 40), (-20, 20)),
    "head": ((-30, 30), (-45, 45), (-20, 20)),
    "hip": ((-130, 40), (-60, 60), (-35, 70)),
    "knee": ((-2, 155), (-8, 8), (-8, 8)),
    "ankle": ((-35, 55), (-20, 20), (-20, 20)),
    "foot": ((-50, 30), (-5, 5), (-5, 5)),
    "collar": ((-10, 10), (-25, 15), (-12, 35)),
    "shoulder": ((-130, 130), (-145, 80), (-110, 110)),
    "elbow": ((-95, 95), (-155, 6), (-60, 60)),
    "wrist": ((-45, 45), (-30, 30), (-80, 85)),
    "thumb": ((-40, 40), (-60, 30), (-40, 40)),
    "finger": ((-10, 10), (-15, 15), (-100, 20)),
}


def _limit_rows() -> np.ndarray:
    """Returns bounds [52, 3, 2] in radians; the pelvis, which turns the whole body, has none."""
    rows = np.tile([-np.inf, np.inf], (NUM_JOINTS, 3, 1))
    for name, j in JOINT.items():
        side, _, part = name.partition("_")
        stem = part.rstrip("123") if side in SIDES else name
        stem = "finger" if stem in _FINGERS else stem
        if stem in LIMITS:
            rows[j] = np.deg2rad(LIMITS[stem])
            if side == "right":
                rows[j, 1:] = -rows[j, 1:, ::-1]
    return rows


_LIMIT_ROWS = _limit_rows()


def clip_to_limits(pose: np.ndarray) -> np.ndarray:
    """Returns the pose [52, 3] (radians) with every joint moved to the nearest allowed rotation vector."""
    return np.clip(pose, _LIMIT_ROWS[..., 0], _LIMIT_ROWS[..., 1])


class PoseBuilder:
    """A pose in the making; methods set joints, `build` returns the [52, 3] array.

    Args:
        rng: source of random numbers.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._pose = np.zeros((NUM_JOINTS, 3))
        self._root_pitch = 0.0
        self._trunk = np.zeros(3)

    def uniform(self, low: float, high: float) -> float:
        """Returns a uniform number."""
        return float(self.rng.uniform(low, high))

    def normal(self, std: float, low: float, high: float) -> float:
        """Returns a normal number of mean 0, cut at `low` and `high`."""
        return float(np.clip(self.rng.normal(0.0, std), low, high))

    def chance(self, probability: float) -> bool:
        """Returns True with the given probability."""
        return bool(self.rng.random() < probability)

    def sides(self) -> tuple[str, str]:
        """Returns a random side and the other one."""
        return ("left", "right") if self.chance(0.5) else ("right", "left")

    def root(self, pitch: float = 0.0, roll: float = 0.0, turn: float = 0.0) -> None:
        """Turns the whole body: pitch forward (+), roll to the body's right (+), turn to the left (+)."""
        self._root_pitch = pitch
        matrix = rotations.about(1, turn) @ rotations.about(0, pitch) @ rotations.about(2, roll)
        self._pose[JOINT["pelvis"]] = rotations.to_rotvec(matrix)

    def trunk(self, pitch: float = 0.0, twist: float = 0.0, lean: float = 0.0) -> None:
        """Bends the spine: pitch forward (+), twist to the left (+), lean to the body's right (+)."""
        self._trunk = np.array([pitch, twist, lean])

    def bend_trunk(self, pitch: float = 0.0, twist: float = 0.0, lean: float = 0.0) -> None:
        """Adds to the bend of the spine."""
        self._trunk = self._trunk + np.array([pitch, twist, lean])

    def head(self, pitch: float, twist: float, lean: float) -> None:
        """Turns the head: nod (+), to the left (+), tilt; split over neck and head."""
        angles = np.deg2rad([pitch, twist, lean])
        self._pose[JOINT["neck"]], self._pose[JOINT["head"]] = 0.45 * angles, 0.55 * angles

    def arm(
        self,
        side: str,
        lift: float,
        forward: float = 0.0,
        elbow: float = 0.0,
        swing: float = 0.0,
        twist: float = 0.0,
        pronate: float = 0.0,
    ) -> None:
        """Sets an arm.

        Args:
            side: "left" or "right".
            lift: upper arm above (+) or below (-) the horizontal.
            forward: turn of the lifted arm about the vertical, to the front (+).
            elbow: bend of the elbow.
            swing: turn about the left-right axis, hanging arm to the front (+).
            twist: turn of the upper arm about its own length.
            pronate: turn of the forearm about its own length.
        """
        s = _SIGN[side]
        upper = rotations.about(0, -swing) @ rotations.about(1, -s * forward)
        upper = upper @ rotations.about(2, s * lift) @ rotations.about(0, twist)
        lower = rotations.about(0, pronate) @ rotations.about(1, -s * elbow)
        self._pose[JOINT[f"{side}_shoulder"]] = rotations.to_rotvec(upper)
        self._pose[JOINT[f"{side}_elbow"]] = rotations.to_rotvec(lower)
        shrug = 0.15 * max(0.0, lift + 20) + self.normal(2, -5, 5) - 3
        self._pose[JOINT[f"{side}_collar"]] = np.deg2rad([0.0, -s * 0.1 * max(0.0, forward), s * shrug])

    def leg(
        self,
        side: str,
        hip: float,
        abduct: float = 2.0,
        knee: float = 4.0,
        ankle: float | None = None,
        turn: float = 0.0,
    ) -> None:
        """Sets a leg.

        Args:
            side: "left" or "right".
            hip: thigh to the front (+).
            abduct: thigh outwards (+).
            knee: bend of the knee.
            ankle: toes down (+); None puts the sole level with the ground as far as the ankle can.
            turn: thigh about its own length, toes outwards (+).
        """
        s = _SIGN[side]
        thigh = rotations.about(1, s * turn) @ rotations.about(0, -hip) @ rotations.about(2, s * abduct)
        self._pose[JOINT[f"{side}_hip"]] = rotations.to_rotvec(thigh)
        self._pose[JOINT[f"{side}_knee"]] = np.deg2rad([knee, 0.0, 0.0])
        if ankle is None:
            ankle = float(np.clip(hip - knee - self._root_pitch, -32, 50))
        self._pose[JOINT[f"{side}_ankle"]] = np.deg2rad([ankle, 0.0, 0.0])

    def cross_leg(self, side: str, hip: float, abduct: float, turn: float, knee: float) -> None:
        """Sets a leg whose thigh is first bent, then spread about the vertical, then rolled outwards."""
        s = _SIGN[side]
        thigh = rotations.about(1, s * abduct) @ rotations.about(0, -hip) @ rotations.about(1, s * turn)
        self._pose[JOINT[f"{side}_hip"]] = rotations.to_rotvec(thigh)
        self._pose[JOINT[f"{side}_knee"]] = np.deg2rad([knee, 0.0, 0.0])
        self._pose[JOINT[f"{side}_ankle"]] = np.deg2rad([self.uniform(10, 35), 0.0, 0.0])

    def toes(self, side: str, lift: float) -> None:
        """Bends the toes upwards (+)."""
        self._pose[JOINT[f"{side}_foot"]] = np.deg2rad([-lift, 0.0, 0.0])

    def hand(self, side: str, curl: float, spread: float = 0.0, straight: tuple[str, ...] = ()) -> None:
        """Closes a hand.

        Args:
            side: "left" or "right".
            curl: bend of each finger joint, 0 open to 90 a fist.
            spread: turn between neighbouring fingers.
            straight: fingers that stay stretched, such as "index" in a pointing hand.
        """
        s = _SIGN[side]
        for k, finger in enumerate(_FINGERS):
            bend = 4.0 if finger in straight else curl
            for i in (1, 2, 3):
                angle = bend * self.uniform(0.75, 1.1) * (0.85 if i == 1 else 1.0)
                fan = s * spread * (1.5 - k) if i == 1 else 0.0
                self._pose[JOINT[f"{side}_{finger}{i}"]] = np.deg2rad([0.0, fan, -s * angle])
        for i in (1, 2, 3):
            self._pose[JOINT[f"{side}_thumb{i}"]] = np.deg2rad([0.0, -s * 0.3 * curl, 0.0])

    def wrist(self, side: str, bend: float, tilt: float = 0.0, roll: float = 0.0) -> None:
        """Sets a wrist: bend towards the palm (+), tilt to the little finger (+), roll."""
        s = _SIGN[side]
        self._pose[JOINT[f"{side}_wrist"]] = np.deg2rad([roll, s * tilt, -s * bend])

    def build(self, jitter_deg: float = 1.2) -> np.ndarray:
        """Returns the pose [52, 3] float64 in radians, with normal jitter on every joint, inside the limits."""
        pose = self._pose.copy()
        for name, share in (("spine1", 0.35), ("spine2", 0.3), ("spine3", 0.35)):
            pose[JOINT[name]] = np.deg2rad(self._trunk) * share
        pose[1:] += self.rng.normal(0.0, np.deg2rad(jitter_deg), pose[1:].shape)
        return clip_to_limits(pose)
