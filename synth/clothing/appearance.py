"""How a person looks, as plain data: clothes, hair, shoes, skin and their colours and patterns.

`sample_look` draws it; `garments.dress` makes the meshes of it; the renderer turns the materials into shaders.

A material is a dictionary. Colours are sRGB triples 0..1; lengths are metres in the T pose (attribute "rest").

    kind        "skin", "cloth", "hair", "shoe", "eye", "painted" (colour = tint alone) or "texture" (SMPL+H)
    colour      main colour; multiplied with the vertex attribute "tint" for skin and eye
    second      second colour (patterns, strands, seams)
    pattern     cloth: "plain", "jeans", "stripes", "check", "dots", "camouflage"
    scale       pattern repeats per metre
    axis        stripes: "x" or "y", the direction across the stripes
    roughness   0..1
    bump        strength of the fine relief, 0..1
    bump_scale  relief repeats per metre
    path        texture: image file on the model's texture coordinates
"""

import colorsys
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SKIN_TONES = (
    (0.98, 0.83, 0.74),
    (0.94, 0.76, 0.65),
    (0.87, 0.67, 0.54),
    (0.78, 0.57, 0.44),
    (0.66, 0.46, 0.34),
    (0.52, 0.35, 0.25),
    (0.38, 0.25, 0.18),
    (0.28, 0.18, 0.13),
)
HAIR_COLOURS = (
    (0.05, 0.04, 0.035),
    (0.09, 0.06, 0.045),
    (0.16, 0.10, 0.065),
    (0.27, 0.17, 0.10),
    (0.42, 0.29, 0.17),
    (0.60, 0.46, 0.28),
    (0.45, 0.18, 0.08),
    (0.55, 0.53, 0.50),
)
IRIS_COLOURS = ((0.16, 0.09, 0.05), (0.25, 0.16, 0.08), (0.25, 0.30, 0.18), (0.25, 0.36, 0.48), (0.30, 0.33, 0.36))
# Kinds of built-in poses with the legs together, in which a skirt hangs as it should.
SKIRT_POSES = frozenset(
    ("stand", "reach", "akimbo", "arms_up", "phone", "texting", "cross_arms", "wave", "point", "carry", "arms_wide")
)
_SHORT_HAIR = {"buzz": (0.002, 0.004), "short": (0.005, 0.012), "full": (0.012, 0.024)}

Material = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Look:
    """One person's look; JSON-able.

    Attributes:
        gender: whose mean body the clothes are cut on.
        sleeve: end of the sleeves, 0 shoulder, 1 wrist; negative = no sleeves.
        top_hem_m: lower edge of the top above (+) or below (-) the waist.
        neckline_m: depth of the neckline below the neck joint.
        bottom: "trousers" or "skirt".
        leg: end of the trousers, 0 hip, 1 ankle.
        skirt_length: 0..1 of the full-length skirt.
        leggings: whether the legs are covered under the skirt.
        loose_top_m, loose_bottom_m: distance of the cloth from the body.
        flare_m: additional distance at the hems.
        hair: "bald", "buzz", "short", "full", "long" or "hat".
        hair_m: thickness of the hair on the scalp.
        hair_length: long hair, 0 chin, 1 chest.
        shoe_height_m: shaft of the shoes above the ankle; None = barefoot.
        sock_height_m: socks above the ankle; 0 = none seen.
        brow: darkness of the brows, 0..1.
        beard: darkness of the beard's skin, 0 none.
        iris: iris colour, sRGB.
        materials: slot ("skin", "eye", "hair", "top", "bottom", "shoe", "sock"; "body" for SMPL+H) -> material.
        worn: slot -> item of the wardrobe; empty = a painted look. Sleeves and legs of items are cut where `sleeve` and
            `leg` are below 1.
    """

    gender: str
    sleeve: float = 0.4
    top_hem_m: float = -0.04
    neckline_m: float = 0.045
    bottom: str = "trousers"
    leg: float = 0.97
    skirt_length: float = 0.7
    leggings: bool = False
    loose_top_m: float = 0.01
    loose_bottom_m: float = 0.006
    flare_m: float = 0.0
    hair: str = "short"
    hair_m: float = 0.01
    hair_length: float = 0.5
    shoe_height_m: float | None = 0.03
    sock_height_m: float = 0.0
    brow: float = 0.5
    beard: float = 0.0
    iris: tuple[float, float, float] = IRIS_COLOURS[0]
    materials: Mapping[str, Material] = dataclasses.field(default_factory=dict)
    worn: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the look as plain data."""
        data = dataclasses.asdict(self)
        return data if self.worn else {name: value for name, value in data.items() if name != "worn"}


def _hsv(hue: float, saturation: float, value: float) -> list[float]:
    return [round(x, 4) for x in colorsys.hsv_to_rgb(hue % 1.0, saturation, value)]


def _round(colour: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(x), 4) for x in np.clip(colour, 0.0, 1.0)]


def skin_material(rng: np.random.Generator) -> Material:
    """Returns a skin: a mix of two neighbouring tones."""
    position = rng.uniform(0, len(SKIN_TONES) - 1.001)
    k = int(position)
    tone = np.array(SKIN_TONES[k]) * (1 - position + k) + np.array(SKIN_TONES[k + 1]) * (position - k)
    colour = tone + rng.normal(0, 0.015, 3)
    roughness = float(rng.uniform(0.42, 0.6))
    return {"kind": "skin", "colour": _round(colour), "second": _round(colour * [0.93, 0.87, 0.85])} | {
        "roughness": roughness,
        "bump": 0.12,
        "bump_scale": 300.0,
    }


def hair_material(rng: np.random.Generator) -> Material:
    """Returns a hair colour with darker strands."""
    colour = np.array(HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))]) * rng.uniform(0.85, 1.2)
    return {
        "kind": "hair",
        "colour": _round(colour * 1.25),
        "second": _round(colour * 0.5),
        "roughness": 0.5,
        "bump": 1.0,
        "bump_scale": 60.0,
    }


def cloth_material(rng: np.random.Generator, jeans_probability: float = 0.0) -> Material:
    """Returns a cloth: 45 % dark, three of eight with a pattern.

    Args:
        rng: source of random numbers.
        jeans_probability: how often it is denim.
    """
    jeans = rng.random() < jeans_probability
    value = rng.uniform(0.06, 0.35) if rng.random() < 0.45 else rng.uniform(0.4, 0.95)
    saturation = rng.uniform(0, 0.15) if rng.random() < 0.5 else rng.uniform(0.2, 0.9)
    colour = _hsv(rng.random(), saturation, value)
    second = _hsv(rng.random(), rng.uniform(0, 0.8), rng.uniform(0.1, 0.95))
    patterns = ("plain", "plain", "plain", "plain", "stripes", "check", "dots", "camouflage")
    pattern = str(rng.choice(patterns))
    scale = {"stripes": (8, 40), "check": (14, 40), "dots": (12, 35), "camouflage": (4, 10)}.get(pattern, (20, 30))
    if jeans:
        pattern, colour = "jeans", _hsv(rng.uniform(0.57, 0.63), rng.uniform(0.35, 0.7), rng.uniform(0.15, 0.5))
    if pattern in ("plain", "jeans"):
        second = _round(np.array(colour) * 1.3 + 0.02)
    elif pattern == "check":
        second = _round(np.array(colour) * 0.6 + np.array(second) * 0.4)
    return {
        "kind": "cloth",
        "colour": colour,
        "second": second,
        "pattern": pattern,
        "scale": round(float(rng.uniform(*scale)), 2),
        "axis": "y" if rng.random() < 0.7 else "x",
        "roughness": round(float(rng.uniform(0.7, 0.95)), 3),
        "bump": round(float(rng.uniform(0.4, 0.9)), 3),
        "bump_scale": round(float(rng.uniform(7, 14)), 2),
    }


def shoe_material(rng: np.random.Generator) -> Material:
    """Returns a shoe: black, dark, grey or white, with a cast of colour."""
    colour = np.full(3, rng.choice([0.03, 0.08, 0.3, 0.8])) * rng.uniform(0.7, 1.2, 3)
    return {"kind": "shoe", "colour": _round(colour), "roughness": round(float(rng.uniform(0.3, 0.8)), 3)}


def sample_look(
    rng: np.random.Generator, gender: str, pose_tag: str = "stand", texture_path: str | None = None
) -> Look:
    """Returns a random look.

    Args:
        rng: source of random numbers.
        gender: "female", "male" or "neutral".
        pose_tag: kind of pose; skirts are worn only where the legs are together.
        texture_path: image of a whole dressed person on SMPL's texture coordinates (`textures`), or None.
    """
    female = gender == "female" or (gender == "neutral" and rng.random() < 0.5)
    skirt = bool(female and rng.random() < 0.3 and pose_tag in SKIRT_POSES)
    sleeve = rng.choice([-0.1, rng.uniform(0.18, 0.5), rng.uniform(0.75, 0.97)], p=[0.15, 0.5, 0.35])
    leg = rng.choice([rng.uniform(0.3, 0.55), rng.uniform(0.62, 0.85), 0.97], p=[0.2, 0.15, 0.65])
    hair = str(rng.choice(["bald", "buzz", "short", "full", "long", "hat"], p=_hair_odds(female)))
    loose_bottom = rng.uniform(0.003, 0.010)
    return Look(
        gender=gender,
        sleeve=round(float(sleeve), 3),
        top_hem_m=round(float(rng.uniform(-0.10, 0.01)), 3),
        neckline_m=round(float(rng.uniform(0.03, 0.075 if female else 0.05)), 3),
        bottom="skirt" if skirt else "trousers",
        leg=round(float(leg), 3),
        skirt_length=round(float(rng.uniform(0.4, 0.97)), 3),
        leggings=bool(rng.random() < 0.35),
        loose_top_m=round(float(loose_bottom + rng.uniform(0.007, 0.016)), 4),
        loose_bottom_m=round(float(loose_bottom), 4),
        flare_m=round(float(rng.choice([0.0, rng.uniform(0.0, 0.016)])), 4),
        hair=hair,
        hair_m=round(float(rng.uniform(*_SHORT_HAIR.get(hair, (0.010, 0.018)))), 4),
        hair_length=round(float(rng.uniform(0, 1)), 3),
        shoe_height_m=None if rng.random() < 0.06 else round(float(rng.choice([0.0, rng.uniform(0.02, 0.14)])), 3),
        sock_height_m=round(float(rng.choice([0.0, rng.uniform(0.04, 0.3)])), 3),
        brow=round(float(rng.uniform(0.45, 0.8)), 3),
        beard=0.0 if female or rng.random() < 0.6 else round(float(rng.uniform(0.1, 0.6)), 3),
        iris=IRIS_COLOURS[int(rng.integers(len(IRIS_COLOURS)))],
        materials=_materials(rng, hair, skirt, texture_path),
    )


def _hair_odds(female: bool) -> list[float]:
    return [0.01, 0.03, 0.14, 0.20, 0.54, 0.08] if female else [0.08, 0.17, 0.40, 0.19, 0.06, 0.10]


def _materials(rng: np.random.Generator, hair: str, skirt: bool, texture_path: str | None) -> dict[str, Material]:
    top = cloth_material(rng)
    body: Material = {"kind": "painted", "colour": [1.0, 1.0, 1.0], "roughness": 0.7}
    if texture_path is not None:
        body = {"kind": "texture", "path": texture_path, "roughness": 0.7}
    dress = skirt and rng.random() < 0.4
    return {
        "skin": skin_material(rng),
        "eye": {"kind": "eye", "colour": [1.0, 1.0, 1.0], "roughness": 0.1},
        "hair": cloth_material(rng) if hair == "hat" else hair_material(rng),
        "top": top,
        "bottom": dict(top) if dress else cloth_material(rng, jeans_probability=0.45),
        "shoe": shoe_material(rng),
        "sock": cloth_material(rng),
        "body": body,
    }
