"""The photographs and environments of the package: which dataset shows them, where their ground is, whose they are."""

import dataclasses
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
CC0, CC_BY = "CC0-1.0", "CC-BY-4.0"


@dataclasses.dataclass(frozen=True)
class BuiltinPhoto:
    """One photograph of assets/backgrounds.

    Attributes:
        dataset: the dataset that shows it; no place is in both.
        ground: share of its height from the top, 0..1, below which people can stand; 0 = it has no horizon (a wall,
            leaves, a thing from near), so that they may stand before all of it. Estimated by looking.
        author, licence: for the dataset's card.
        is_first: it belongs to --places=first.
    """

    dataset: str
    ground: float
    author: str
    licence: str
    is_first: bool = False


AITZOL, FREESPACE = "Aitzol Berasategi", 'Trevor "Freespace"'
BUDGIE, WORDPRESS = "Budgie Desktop Developers", "rawpixel, in WordPress Twenty Twenty-Four"
ARCHIVES = "rawpixel (public archives), in WordPress Twenty Twenty-Five"
D_S, STANDIN = "synthetic", "real_standin"
PHOTOS = {
    "aitzgorri": BuiltinPhoto(D_S, 0.68, AITZOL, CC_BY, True),
    "brushes": BuiltinPhoto(D_S, 0.0, FREESPACE, CC_BY, True),
    "life": BuiltinPhoto(D_S, 0.5, AITZOL, CC_BY, True),
    "picosdeeuropa": BuiltinPhoto(D_S, 0.66, AITZOL, CC_BY, True),
    "seeding": BuiltinPhoto(D_S, 0.5, "Clemens Engelhardt", CC0, True),
    "beacon_street": BuiltinPhoto(D_S, 0.6, BUDGIE, CC0),
    "canyon": BuiltinPhoto(D_S, 0.75, BUDGIE, CC0),
    "columbine": BuiltinPhoto(D_S, 0.0, ARCHIVES, CC0),
    "heron": BuiltinPhoto(D_S, 0.75, BUDGIE, CC0),
    "lake": BuiltinPhoto(D_S, 0.74, BUDGIE, CC0),
    "lattice": BuiltinPhoto(D_S, 0.0, BUDGIE, CC0),
    "meadow": BuiltinPhoto(D_S, 0.62, ARCHIVES, CC0),
    "museum": BuiltinPhoto(D_S, 0.82, WORDPRESS, CC0),
    "otters": BuiltinPhoto(D_S, 0.7, BUDGIE, CC0),
    "parthenon": BuiltinPhoto(D_S, 0.72, ARCHIVES, CC0),
    "relief": BuiltinPhoto(D_S, 0.0, WORDPRESS, CC0),
    "ridge": BuiltinPhoto(D_S, 0.68, ARCHIVES, CC0),
    "spices": BuiltinPhoto(D_S, 0.0, BUDGIE, CC0),
    "tea_gardens": BuiltinPhoto(D_S, 0.6, BUDGIE, CC0),
    "fig": BuiltinPhoto(STANDIN, 0.0, FREESPACE, CC_BY, True),
    "sunset": BuiltinPhoto(STANDIN, 0.66, AITZOL, CC_BY, True),
    "wine": BuiltinPhoto(STANDIN, 0.62, "Jakub Mede", CC_BY, True),
    "anhinga": BuiltinPhoto(STANDIN, 0.55, BUDGIE, CC0),
    "buttercup": BuiltinPhoto(STANDIN, 0.0, ARCHIVES, CC0),
    "cliff_palace": BuiltinPhoto(STANDIN, 0.72, ARCHIVES, CC0),
    "coral": BuiltinPhoto(STANDIN, 0.6, ARCHIVES, CC0),
    "friends": BuiltinPhoto(STANDIN, 0.0, AITZOL, CC_BY),
    "marsh": BuiltinPhoto(STANDIN, 0.75, ARCHIVES, CC0),
    "osprey": BuiltinPhoto(STANDIN, 0.0, BUDGIE, CC0),
    "periwinkle": BuiltinPhoto(STANDIN, 0.0, BUDGIE, CC0),
    "singapore": BuiltinPhoto(STANDIN, 0.6, BUDGIE, CC0),
    "staircase": BuiltinPhoto(STANDIN, 0.83, WORDPRESS, CC0),
    "trestle": BuiltinPhoto(STANDIN, 0.8, BUDGIE, CC0),
    "windows": BuiltinPhoto(STANDIN, 0.0, WORDPRESS, CC0),
}

# Environments of assets/environments, which light scenes. Those of Venice and of a studio are in one dataset with
# Blender's of the same places.
ENVIRONMENTS = {
    D_S: (
        "apartment",
        "badlands",
        "laboratory",
        "park",
        "piazza",
        "quay",
        "savanna",
        "studio_lamps",
        "woodland",
        "workshop",
    ),
    STANDIN: ("clouds", "footbridge", "hall", "lobby", "mall", "plaza", "warehouse"),
}
ENVIRONMENTS["mixed"] = ENVIRONMENTS[D_S] + ENVIRONMENTS[STANDIN]
ENVIRONMENTS_SOURCE = "Poly Haven, in @pmndrs/assets 1.7.0 (scaled)"


def photo_path(name: str) -> Path:
    """Returns the file of a built-in photograph."""
    return ASSETS / "backgrounds" / f"{name}.jpg"


def environment_path(name: str) -> Path:
    """Returns the file that one of `ENVIRONMENTS` has; it may be missing for other names."""
    return ASSETS / "environments" / f"{name}.exr"


def photo_names(dataset: str, places: str) -> tuple[str, ...]:
    """Returns the photographs of a dataset; `places` as in `SceneConfig`."""
    return tuple(name for name, one in PHOTOS.items() if one.dataset == dataset and (one.is_first or places == "all"))
