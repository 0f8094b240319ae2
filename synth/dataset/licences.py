"""What the pictures of a dataset are made of, and under which licences."""

from collections.abc import Iterable

from synth.scene.backgrounds import BUILTIN_PHOTOS
from synth.scene.config import SceneConfig

CC0 = "CC0-1.0"
PHOTO_AUTHORS = {
    "aitzgorri": ("Aitzol Berasategi", "CC-BY-4.0"),
    "brushes": ('Trevor "Freespace"', "CC-BY-4.0"),
    "fig": ('Trevor "Freespace"', "CC-BY-4.0"),
    "life": ("Aitzol Berasategi", "CC-BY-4.0"),
    "picosdeeuropa": ("Aitzol Berasategi", "CC-BY-4.0"),
    "seeding": ("Clemens Engelhardt", CC0),
    "sunset": ("Aitzol Berasategi", "CC-BY-4.0"),
    "wine": ("Jakub Mede", "CC-BY-4.0"),
}


def licences(config: SceneConfig, builtin_backgrounds: bool, environments: tuple[str, str]) -> list[dict[str, str]]:
    """Returns part, source and licence of everything that shows in the pictures.

    Args:
        config: what the scenes are made of.
        builtin_backgrounds: the backgrounds are our own photographs and environments.
        environments: source and licence of the renderer's environments.
    """
    rows = [_row("environment light", *environments)] * (config.light == "hdri")
    if config.body == "builtin":
        rows.append(_row("bodies, clothes, hair", "MakeHuman / MPFB2 base mesh and targets", CC0))
        if config.look == "wardrobe":
            rows.append(_row("photographed skins, garments, hair", "MakeHuman system assets (released in 2020)", CC0))
    else:
        rows.append(_row("bodies", config.body, "the user's model files: their licence applies"))
    if config.textures:
        rows.append(_row("clothing textures", config.textures, "the user's textures: their licence applies"))
    if config.poses == "builtin":
        rows.append(_row("poses", "procedural, this project", "Apache-2.0"))
    else:
        rows.append(_row("poses", config.poses, "the user's motion files: their licence applies"))
    photos = _photo_rows(BUILTIN_PHOTOS[config.dataset]) if builtin_backgrounds else []
    return rows + (photos or [_row("backgrounds", "the user's photographs", "the licences of the photographs apply")])


def _photo_rows(names: Iterable[str]) -> list[dict[str, str]]:
    return [_row(f"background {name}.jpg (scaled, cropped)", *PHOTO_AUTHORS[name]) for name in names]


def _row(part: str, source: str, licence: str) -> dict[str, str]:
    return {"part": part, "source": source, "licence": licence}
