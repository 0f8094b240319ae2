"""What all scenes of a run share, and what a worker loads once for it."""

import dataclasses
import functools
import resource
import time
from pathlib import Path

from openpose_tf.common.errors import UserError
from synth.body import loading
from synth.clothing import items, textures
from synth.poses import sources as poses
from synth.rendering.renderer import Renderer
from synth.rendering.renderers import DEFAULT_RENDERER, RENDERERS
from synth.scene.backgrounds import BackgroundList
from synth.scene.config import RenderConfig, SceneConfig
from synth.scene.photographs import PhotographList
from synth.scene.sampling import Sources
from synth.workers import malloc_limits


@dataclasses.dataclass(frozen=True)
class Job:
    """What all scenes of a run share; sent to every worker.

    Attributes:
        folder: the dataset.
        scenes: distribution of the scenes.
        render: how they become pixels.
        photos: usable background photographs.
        environments, environment_share: environments seen as background, and how often.
        photographs: the annotated photographs of a mixed dataset; None for the others.
        renderer: a key of RENDERERS.
    """

    folder: str
    scenes: SceneConfig
    render: RenderConfig
    photos: BackgroundList = dataclasses.field(default_factory=BackgroundList)
    environments: tuple[str, ...] = ()
    environment_share: float = 0.0
    photographs: PhotographList | None = None
    renderer: str = DEFAULT_RENDERER


@functools.lru_cache(maxsize=1)
def load_sources(job: Job) -> Sources:
    """Body, poses, textures and backgrounds, loaded once per process.

    Raises:
        UserError: the user's files do not hold what they should.
    """
    model = loading.load_body(job.scenes.body)
    library = None
    if job.scenes.textures:
        if model.kind != "smplh":
            raise UserError("--textures are images for SMPL+H bodies: give --body=PATH too, or leave --textures out")
        library = textures.load_textures(job.scenes.textures)
        model = library.fit(model)
    if job.scenes.look == "wardrobe" and model.kind == "cc0":
        items.check()
    source = poses.load_poses(job.scenes.poses, model, job.scenes.frame_step, joint_names=job.scenes.joint_names)
    return Sources(
        body=model,
        poses=source,
        photos=job.photos,
        lights=RENDERERS[job.renderer].all_lights(job.scenes.dataset, job.scenes.places),
        environments=job.environments,
        environment_share=job.environment_share,
        textures=library,
    )


@functools.lru_cache(maxsize=1)
def load_renderer(name: str, config: RenderConfig) -> Renderer:
    """Returns the process's renderer, made at the first call: Blender, for one, has one scene per process."""
    malloc_limits.keep_small()
    return RENDERERS[name].make(config)


def memory_use() -> dict[str, float]:
    """Returns this process's resident memory now and at most, `memory_mb` and `peak_mb`."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"memory_mb": pages * resource.getpagesize() / 2**20, "peak_mb": peak_mb}


class Clock:
    """CPU seconds of this process between laps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, stage: str) -> None:
        """Books the time since the last lap on a stage."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
