"""What the images of a dataset are made of, and under which licences."""

from collections.abc import Iterable

from synth.scene.builtin_places import CC0, ENVIRONMENTS_SOURCE, PHOTOS, photo_names
from synth.scene.config import SceneConfig


def licences(
    config: SceneConfig, builtin_backgrounds: bool, environments: tuple[str, str], has_own_lights: bool
) -> list[dict[str, str]]:
    """Returns part, source and licence of everything that shows in the images.

    Args:
        config: what the scenes are made of.
        builtin_backgrounds: the backgrounds are our own photographs and environments.
        environments: source and licence of the renderer's environments.
        has_own_lights: the environments of the package light scenes, too.
    """
    rows = [_row("environment light", *environments)] * (config.light == "hdri")
    rows += [_row("environment light", ENVIRONMENTS_SOURCE, CC0)] * (config.light == "hdri" and has_own_lights)
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
    photos = _photo_rows(photo_names(config.dataset, config.places)) if builtin_backgrounds else []
    return rows + (photos or [_row("backgrounds", "the user's photographs", "the licences of the photographs apply")])


def _photo_rows(names: Iterable[str]) -> list[dict[str, str]]:
    return [
        _row(f"background {name}.jpg (scaled, cropped)", PHOTOS[name].author, PHOTOS[name].licence) for name in names
    ]


def _row(part: str, source: str, licence: str) -> dict[str, str]:
    return {"part": part, "source": source, "licence": licence}
