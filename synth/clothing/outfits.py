"""Samples how a person of the wardrobe looks: photographed skin, hair, eyes, and garments in new colours.

Materials made here (see `appearance` for the other kinds); textures are names in the wardrobe:

    kind "photograph"  the texture times `gain` (linear RGB), its hue turned by `hue` (0..1) and its saturation times
                       `saturation`
    kind "dyed"        the folds of the texture (its luminance over the mean `luminance`) times a cloth's pattern:
                       `colour`, `second`, `pattern`, `scale`, `axis` as in a "cloth"
    kind "strands"     hair and brows: grey strands of mean `luminance` times `colour`, where the texture is opaque
    all                `texture`, `relief` (texture of heights or None), `roughness`, `specular`
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from openpose_tf.common.imaging.color import to_linear
from synth.clothing import appearance
from synth.clothing.appearance import HAIR_COLOURS, Look, Material
from synth.clothing.items import SOCKS, Item, Wardrobe, load_wardrobe

PROXY_SHARE = 0.12  # of people whose top and bottom are cut from the body's proxy meshes
DYED_SHARE = 0.62  # of garments that may be dyed; the others keep their photographed colours, their hue turned a little
TONE_STRENGTH = 0.75  # how far a photographed skin is moved towards the sampled tone (1 = all the way)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709
LARGEST_GAIN = {True: 2.2, False: 1.25}  # by whether the skin is dark; lighter photographs lose their red
DARK_TONE = 0.16  # linear luminance between the dark and the light photographed skins

# What goes with what: tops and bottoms that any of a gender may wear, and sets of one kind.
TOPS = {
    "female": ("tee_fitted", "tee_fitted", "tee_cropped", "blouse", "tee", "long_sleeve", "shirt_striped", "tee_loose"),
    "male": ("tee", "tee", "tee_loose", "tee_loose", "long_sleeve", "long_sleeve", "shirt_striped", "shirt_and_vest"),
}
BOTTOMS = {
    "female": ("jeans_fitted", "jeans_fitted", "leggings", "denim_shorts", "jeans_blue", "suit_trousers"),
    "male": ("jeans_washed", "jeans_blue", "jeans_blue", "suit_trousers"),
}
SETS = {
    "female": (("blouse", "skirt_short"), ("tee_fitted", "skirt_short")),
    "male": (("suit_jacket", "suit_trousers"), ("tee_work", "overalls"), ("shirt_and_jeans", None)),
}
SET_SHARE = {"female": 0.14, "male": 0.24}
SHOES = {
    "female": ("trainers_white", "trainers_blue", "shoes_black", "shoes_brown", "boots_leather"),
    "male": ("trainers_white", "trainers_blue", "shoes_black", "shoes_brown", "boots_leather", "shoes_formal"),
}
HAIR = {
    "female": (
        "hair_bob01",
        "hair_bob02",
        "hair_braid01",
        "hair_long01",
        "hair_long01",
        "hair_ponytail01",
        "hair_short03",
    ),
    "male": ("hair_short01", "hair_short02", "hair_short02", "hair_short03", "hair_short04"),
}
AFRO_SHARE = 0.3  # of people with dark skin
BALD_SHARE = {"female": 0.01, "male": 0.14}  # shaven or bald: the skin's own stubble shows
BARE_LEGGED_SHARE = 0.6  # of people in skirts or short trousers: no socks are seen
HAT_SHARE = 0.07
LONG_HAIR = frozenset({"hair_long01", "hair_braid01", "hair_ponytail01"})
BENT_POSES = frozenset({"crouch", "bend", "lie", "all_fours", "plank", "lunge"})
WIDE_HAIR = frozenset({"hair_afro01", "hair_short01", "hair_bob01", "hair_bob02", "hair_braid01"})  # too wide for a hat
EYE_GAIN = 0.8  # an eye ball lies in the shade of its lids and lashes
# Garments whose photographed colours must stay together (a suit with its shirt and tie) or are too dark to dye.
UNDYED = frozenset({"suit_jacket", "suit_trousers", "shirt_and_vest", "shirt_and_jeans", "skirt_short", "leggings"})
PLAIN = frozenset({"jeans_fitted", "jeans_washed", "jeans_blue", "denim_shorts", "overalls"})  # seldom printed on
LIGHTEST = 0.84  # sRGB
SHORTENED_SHARE = 0.3  # of long sleeves, and of long trousers of casual clothes


def sample_outfit(rng: np.random.Generator, gender: str, pose_tag: str = "stand") -> Look:
    """Returns a random look in clothes of the wardrobe.

    Args:
        rng: source of random numbers.
        gender: "female" or "male".
        pose_tag: kind of pose; skirts are worn only where the legs are together.
    """
    wardrobe = load_wardrobe()
    base = appearance.sample_look(rng, gender, pose_tag)
    worn, sleeve, leg = _clothes(rng, gender, pose_tag)
    if rng.random() < PROXY_SHARE:
        worn, sleeve, leg = {}, base.sleeve, base.leg
    skin, dark = _skin(rng, wardrobe, gender, base.materials["skin"]["colour"])
    worn |= {"eye": "eyes", "brow": f"eyebrow{int(rng.integers(1, 13)):03d}"}
    worn |= _head(rng, gender, dark, pose_tag in BENT_POSES)
    if rng.random() > 0.05:
        worn["shoe"] = str(rng.choice(SHOES[gender]))
        bare = worn.get("bottom") == "skirt_short" or leg < 1 or base.bottom == "skirt"
        if rng.random() > (BARE_LEGGED_SHARE if bare else 0):
            worn["sock"] = worn["shoe"] + SOCKS
    materials = dict(base.materials) | {"skin": skin} | _head_materials(rng, wardrobe, worn, dark)
    for slot in ("top", "bottom", "shoe", "sock", "hat"):
        if slot in worn:
            materials[slot] = _garment_material(rng, wardrobe.items[worn[slot]], materials.get(slot))
    return dataclasses.replace(base, sleeve=sleeve, leg=leg, hair="worn", materials=materials, worn=worn)


def _clothes(rng: np.random.Generator, gender: str, pose_tag: str) -> tuple[dict[str, str], float, float]:
    """Returns the top and bottom, and where sleeves and legs end (1 = as made)."""
    sets = [s for s in SETS[gender] if s[1] != "skirt_short" or pose_tag in appearance.SKIRT_POSES]
    if sets and rng.random() < SET_SHARE[gender]:
        top, bottom = sets[int(rng.integers(len(sets)))]
        return {"top": top} | ({"bottom": bottom} if bottom else {}), 1.0, 1.0
    worn = {"top": str(rng.choice(TOPS[gender])), "bottom": str(rng.choice(BOTTOMS[gender]))}
    sleeve = float(rng.choice([rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.85)]))
    leg = float(rng.choice([rng.uniform(0.36, 0.5), rng.uniform(0.62, 0.85)]))
    shortened = rng.random(2) < SHORTENED_SHARE
    return worn, round(sleeve, 3) if shortened[0] else 1.0, round(leg, 3) if shortened[1] else 1.0


def _skin(rng: np.random.Generator, wardrobe: Wardrobe, gender: str, tone: list[float]) -> tuple[Material, bool]:
    """Returns a photographed skin moved towards a sampled tone, and whether it is dark."""
    target = to_linear(np.array(tone))
    dark = bool(target @ LUMINANCE < DARK_TONE)
    fitting = [
        name
        for name, mean in wardrobe.skins.items()
        if f"_{gender}" in name and (np.array(mean) @ LUMINANCE < DARK_TONE) == dark
    ]
    name = str(rng.choice(sorted(fitting)))
    mean = np.array(wardrobe.skins[name])
    lighter = float(target @ LUMINANCE / (mean @ LUMINANCE))
    hue = target / mean / lighter
    gain = np.clip(lighter**TONE_STRENGTH, 0.6, LARGEST_GAIN[dark]) * np.clip(hue, 0.6, 2.0)
    material = _photograph(name, None, gain)
    return material | {"roughness": round(float(rng.uniform(0.42, 0.58)), 3), "specular": 0.35}, dark


def _head(rng: np.random.Generator, gender: str, dark: bool, bent: bool) -> dict[str, str]:
    """Returns hair and hat; long hair, which hangs stiffly, is not worn where the head is `bent`."""
    worn = {}
    if rng.random() >= BALD_SHARE[gender]:
        afro = dark and rng.random() < AFRO_SHARE
        worn["hair"] = "hair_afro01" if afro else str(rng.choice(HAIR[gender]))
        if bent and worn["hair"] in LONG_HAIR:
            worn["hair"] = "hair_short03"
    if rng.random() < HAT_SHARE:
        worn["hat"] = str(rng.choice(["fedora", "fedora_cocked"]))
        if worn.get("hair") in WIDE_HAIR:
            worn["hair"] = "hair_short02"
    return worn


def _head_materials(
    rng: np.random.Generator, wardrobe: Wardrobe, worn: dict[str, str], dark: bool
) -> dict[str, Material]:
    colours = HAIR_COLOURS[:3] if dark and rng.random() < 0.9 else HAIR_COLOURS
    colour = np.clip(np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.7, 1.1), 0, 1)
    iris = "brown" if dark else str(rng.choice(["brown", "brown", "brownlight", "blue", "green", "grey", "bluegreen"]))
    out = {"eye": _photograph(f"eye_{iris}.jpg", None, np.full(3, EYE_GAIN)) | {"roughness": 0.15, "specular": 0.5}}
    for slot, factor in (("hair", 1.0), ("brow", 0.7)):
        if slot in worn:
            item = wardrobe.items[worn[slot]]
            out[slot] = {
                "kind": "strands",
                "texture": item.texture,
                "relief": None,
                "luminance": item.mean[0],
                "colour": [round(float(value), 4) for value in colour * factor],
                "roughness": 0.6,
                "specular": 0.25,
            }
    return out


def _muted(colour: Sequence[float]) -> list[float]:
    """Returns a colour with less than half of its saturation, as denim and work clothes have it."""
    grey = float(np.mean(colour))
    return [grey + 0.45 * (value - grey) for value in colour]


def _photograph(texture: str, relief: str | None, gain: np.ndarray) -> Material:
    return {
        "kind": "photograph",
        "texture": texture,
        "relief": relief,
        "gain": [round(float(value), 4) for value in gain],
        "hue": 0.0,
        "saturation": 1.0,
    }


def _garment_material(rng: np.random.Generator, item: Item, cloth: Material | None) -> Material:
    """Returns a garment's material: dyed in the colours of a sampled cloth, or its photograph, a little changed."""
    if cloth is not None and cloth["kind"] == "cloth" and item.name not in UNDYED and rng.random() < DYED_SHARE:
        names = ("colour", "second", "pattern", "scale", "axis")
        dye = {name: cloth[name] for name in names}
        if (item.name in PLAIN or item.kind == "socks") and rng.random() < 0.85:
            dye |= {"pattern": "plain"} | {name: _muted(cloth[name]) for name in ("colour", "second")}
        for name in ("colour", "second"):  # white cloth reflects about 80 %; folds are lighter than the mean
            dye[name] = [round(min(value, LIGHTEST), 4) for value in dye[name]]
        luminance = round(float(np.array(item.mean) @ LUMINANCE), 5)
        return {"kind": "dyed", "texture": item.texture, "relief": item.height, "luminance": luminance, **dye} | {
            "roughness": cloth["roughness"],
            "specular": 0.2,
        }
    value = rng.uniform(0.5, 1.3) if rng.random() < 0.6 else 1.0
    turned = item.name not in UNDYED and item.kind == "garment"
    material = _photograph(item.texture, item.height, np.full(3, value))
    return material | {
        "hue": round(float(rng.uniform(-0.07, 0.07)) if turned else 0.0, 3),
        "saturation": round(float(rng.uniform(0.3, 1.1)), 3),
        "roughness": 0.5 if item.kind == "shoes" else round(float(rng.uniform(0.7, 0.9)), 3),
        "specular": 0.3 if item.kind == "shoes" else 0.2,
    }
