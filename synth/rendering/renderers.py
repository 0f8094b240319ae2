"""The renderers by name. A new one is a module that fulfils `renderer.Renderer`, and a row here."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from synth.rendering.renderer import Renderer
from synth.scene.builtin_places import CC0, ENVIRONMENTS
from synth.scene.config import RenderConfig

DEFAULT_RENDERER = "cycles"


@dataclasses.dataclass(frozen=True)
class RendererKind:
    """What is known of a renderer without importing it.

    Attributes:
        make: returns the renderer; imports what it needs, so that other processes stay without it.
        devices: values of --device.
        packages: Python packages whose versions decide the pixels.
        lights: per dataset, the environments that light scenes, names that `Renderer.read_environment` takes.
        backgrounds: per dataset, those that may also be seen behind people.
        environments_source, environments_licence: where these environments come from.
        own_lights: per dataset, the environments of the package that --places=all adds to the lights; none for a
            renderer that cannot read them.
    """

    make: Callable[[RenderConfig], Renderer]
    devices: Sequence[str]
    packages: Sequence[str]
    lights: Mapping[str, tuple[str, ...]]
    backgrounds: Mapping[str, tuple[str, ...]]
    environments_source: str
    environments_licence: str
    own_lights: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def all_lights(self, dataset: str, places: str) -> tuple[str, ...]:
        """Returns the environments that light the scenes of a dataset; `places` as in `SceneConfig`."""
        return self.lights[dataset] + (self.own_lights.get(dataset, ()) if places == "all" else ())


def _make_cycles(config: RenderConfig) -> Renderer:
    from synth.rendering.blender import CyclesRenderer

    return CyclesRenderer(config)


RENDERERS: dict[str, RendererKind] = {
    "cycles": RendererKind(
        make=_make_cycles,
        devices=("CPU", "CUDA", "OPTIX", "HIP", "ONEAPI", "METAL"),
        packages=("bpy",),
        # 1024x512 px, part of Blender. The stand-in for real data has its own, so that a student never sees its light
        # while it trains on D_S. "night" is left out: too dark and noisy.
        lights={
            "synthetic": ("forest", "studio", "sunrise", "sunset"),
            "real_standin": ("city", "courtyard", "interior"),
            "mixed": ("city", "courtyard", "forest", "interior", "studio", "sunrise", "sunset"),
        },
        backgrounds={"synthetic": ("forest", "sunrise"), "real_standin": ("city", "courtyard")},
        environments_source="Greg Zaal / Poly Haven, inside the bpy package",
        environments_licence=CC0,
        own_lights=ENVIRONMENTS,
    ),
}


def devices() -> list[str]:
    """Returns what any renderer can compute on."""
    return list(dict.fromkeys(device for kind in RENDERERS.values() for device in kind.devices))
