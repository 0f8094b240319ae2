"""Where clothes, hair and face paint are, as functions on the body's vertices in the T pose.

A cover field is positive under the garment and zero at its hems; its value is roughly the distance to the hem, metres.
"""

import numpy as np

from openpose_tf.common.imaging.color import to_linear
from synth.body.joints import JOINT, JOINT_NAMES
from synth.body.model import BodyModel
from synth.clothing.appearance import Look

_NOWHERE = -1.0


class Fields:
    """Cover fields [V] of one gender's mean shape.

    Args:
        body: the CC0 body.
        rest: [V, 3] T-posed mean shape.
    """

    def __init__(self, body: BodyModel, rest: np.ndarray) -> None:
        model = next(iter(body.models.values()))
        joints = _joints_of(body, rest)
        self._joint = {name: joints[JOINT[name]] for name in JOINT_NAMES}
        self._x, self._y, self._z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
        self._strongest = model.strongest
        self._ears = body.masks["ears"]
        self._eye = rest[body.landmarks["left_eye"]]
        hand = [i for i, name in enumerate(JOINT_NAMES) if i >= 20]
        self._is_hand = np.isin(self._strongest, hand)
        arm = [JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "elbow")]
        self._is_arm = np.isin(self._strongest, arm) | self._is_hand
        self._waist = self._joint["spine1"][1] + 0.03
        self.near_waist = np.clip((self._y - self._waist + 0.16) / 0.12, 0, 1)
        self.below_neck = np.clip((self._joint["neck"][1] - 0.03 - self._y) / 0.16, 0, 1)

    def leg_line(self, fraction: float) -> float:
        """Returns the height of a point of the leg: 0 hip, 1 ankle."""
        hip, ankle = self._joint["left_hip"][1], self._joint["left_ankle"][1]
        return float(hip + (ankle - hip) * fraction)

    def sleeve_end(self, sleeve: float) -> float:
        """Returns how far from the middle of the body sleeves end: 0 shoulder, 1 wrist."""
        shoulder, wrist = self._joint["left_shoulder"][0], self._joint["left_wrist"][0]
        return float(shoulder + 0.02 + (wrist - shoulder) * max(sleeve, 0.0))

    def top(self, look: Look) -> np.ndarray:
        """Returns the cover of the top."""
        end = self.sleeve_end(look.sleeve)
        sleeve = np.where(self._is_arm, end - self._x, np.maximum(end - self._x, 0.1))
        neck = self._joint["neck"]
        # The neckline is where a ball around the neck ends: round in front, high on the shoulders and behind.
        ball = np.sqrt(self._x**2 + (self._y - neck[1]) ** 2 + (self._z - neck[2] + 0.01) ** 2)
        depth = look.neckline_m * np.clip((self._z - neck[2]) / 0.06 + 0.5, 0.15, 1)
        collar = np.minimum(ball - 0.065 - depth, neck[1] + 0.03 - self._y)
        hem = self._joint["spine1"][1] + (0.0 if look.bottom == "skirt" else look.top_hem_m)
        above_hem = np.where(self._is_arm, 1.0, self._y - hem)
        return np.minimum(np.minimum(above_hem, collar), sleeve)

    def bottom(self, look: Look) -> np.ndarray:
        """Returns the cover of trousers, or of leggings under a skirt."""
        if look.bottom == "skirt" and not look.leggings:
            return np.full(len(self._y), _NOWHERE)
        end = self.leg_line(0.93 if look.bottom == "skirt" else look.leg)
        return np.where(self._is_arm, _NOWHERE, np.minimum(self._waist - self._y, self._y - end))

    def skirt(self, look: Look) -> np.ndarray:
        """Returns the cover of the skirt."""
        end = self._waist - (self._waist - self.leg_line(0.92)) * look.skirt_length
        return np.minimum(self._waist - self._y, self._y - end)

    def shoe(self, look: Look) -> np.ndarray:
        """Returns the cover of the shoes."""
        if look.shoe_height_m is None:
            return np.full(len(self._y), _NOWHERE)
        ankle = self._joint["left_ankle"]
        # A low shoe leaves the instep free: its edge rises to the toes' side and to the heel.
        edge = ankle[1] + look.shoe_height_m - 0.12 * np.clip(self._z - ankle[2], 0, 0.09)
        return edge - self._y

    def sock(self, look: Look) -> np.ndarray:
        """Returns the cover of the socks."""
        return self._joint["left_ankle"][1] + look.sock_height_m - self._y

    def hairline(self, look: Look) -> np.ndarray:
        """Returns the cover of hair or hat on the scalp; ears stay free."""
        up, front = self._y - self._eye[1], self._z - self._eye[2]
        line = np.interp(front, (-0.21, -0.17, -0.125, -0.10, -0.07, -0.03), (-0.075, -0.07, -0.03, 0.02, 0.04, 0.058))
        if look.hair == "hat":
            line = np.interp(front, (-0.2, -0.1, -0.03), (-0.02, 0.03, 0.045))
        cover = np.minimum(up - line, 0.03 - 0.06 * self._ears)
        head = np.isin(self._strongest, [JOINT["head"], JOINT["neck"]]) & (up > -0.12)
        return np.where(head, cover, _NOWHERE)

    def long_hair(self, look: Look) -> np.ndarray:
        """Returns the cover of long hair: from the crown down, the face free."""
        up, front = self._y - self._eye[1], self._z - self._eye[2]
        end = -0.10 - 0.28 * look.hair_length
        face_free = np.maximum(-0.075 - front, up - 0.075)
        return np.minimum(up - end, face_free)


def _joints_of(body: BodyModel, rest: np.ndarray) -> np.ndarray:
    for model in body.models.values():
        if model.v_template is rest:
            return model.j_template
    raise ValueError("the rest shape is the template of one of the body's genders")


def vertex_tint(body: BodyModel, rest: np.ndarray, look: Look) -> np.ndarray:
    """Returns the tint [V, 3] float32 of the CC0 body: brows, lips, beard, iris and pupil."""
    tint = np.ones((len(rest), 3), np.float32)
    eye = rest[body.landmarks["left_eye"]]
    up, side, front = rest[:, 1] - eye[1], np.abs(rest[:, 0]), rest[:, 2] - eye[2]
    head = np.zeros(len(rest), bool)
    head[: body.num_body_vertices] = True
    head &= up > -0.2
    jaw = head & (front > -0.09) & (up < -0.035) & (up > -0.135) & (body.masks["lips"] < 0.3)
    tint[jaw] *= 1 - look.beard * np.clip((-0.035 - up[jaw]) / 0.02, 0, 1)[:, None]
    arch = 0.021 + 0.12 * np.maximum(0, 0.03 - np.abs(side - 0.03))
    brows = head & (front > -0.025) & (np.abs(up - arch) < 0.0055) & (side > 0.012) & (side < 0.052)
    tint[brows] *= 1 - look.brow
    tint *= 1 - body.masks["lips"][:, None] * np.array([0.12, 0.35, 0.35], np.float32)
    for name in ("left_eye", "right_eye"):
        ids = np.unique(body.parts[name][0])
        centre = (rest[ids].min(0) + rest[ids].max(0)) / 2
        radius = np.linalg.norm((rest[ids] - centre)[:, :2], axis=1)
        size, forward = np.ptp(rest[ids][:, 0]) / 2, rest[ids][:, 2] > centre[2]
        tint[ids] = 0.85
        tint[ids[forward & (radius < 0.62 * size)]] = look.iris
        tint[ids[forward & (radius < 0.25 * size)]] = 0.01
    return tint


def painted_clothes(body: BodyModel, rest: np.ndarray, look: Look) -> np.ndarray:
    """Returns linear colours [V, 3] float32 that paint the look's clothes on a body without proxy meshes."""
    joint = {name: _joints_of(body, rest)[JOINT[name]] for name in JOINT_NAMES}
    colours = {slot: np.array(material["colour"], np.float32) for slot, material in look.materials.items()}
    strongest = body.models[look.gender].strongest
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    arm = x > joint["left_shoulder"][0] + 0.02
    sleeve = joint["left_shoulder"][0] + (joint["left_wrist"][0] - joint["left_shoulder"][0]) * max(look.sleeve, 0.0)
    trouser_end = joint["left_hip"][1] + (joint["left_ankle"][1] - joint["left_hip"][1]) * look.leg
    out = np.tile(colours["skin"], (len(rest), 1))
    is_top = (arm & (x < sleeve)) | (~arm & (y > joint["spine1"][1] + look.top_hem_m))
    out[is_top & (y < joint["neck"][1] - look.neckline_m)] = colours["top"]
    out[~arm & (y <= joint["spine1"][1] + look.top_hem_m) & (y > trouser_end)] = colours["bottom"]
    if look.shoe_height_m is not None:
        out[y < joint["left_ankle"][1] + look.shoe_height_m] = colours["shoe"]
    if look.hair != "bald":
        nose, back = rest[body.landmarks["nose"]], rest[body.landmarks["head_back"]]
        scalp = (y - nose[1] > 0.075) | ((rest[:, 2] < (nose[2] + 2 * back[2]) / 3) & (y > nose[1] - 0.02))
        out[scalp & (strongest == JOINT["head"])] = colours["hair"]
    return to_linear(out)
