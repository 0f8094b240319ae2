"""Rendering speed: CPU seconds per image and stage, quality, images per hour with one and two workers, memory.

    python tests/benchmarks/bench_render.py [--num_images=8] [--quality=standard] [--memory_images=100]

640x640, 9 people. Aims: at most 3.8 CPU seconds per image, of them 0.7 outside of Cycles; at least 36 dB against images
of 256 samples; two workers at least 1.9 times as fast as one; memory flat within 50 MB and under 1 GB. CPU seconds
depend less than images per hour on what else the machine does (on a full one they grow by half): compare what was
measured in one go, and run it on an idle machine.
"""

import collections
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from absl import flags

from openpose_tf.common import cli
from synth.rendering import rendered_image
from synth.rendering.job import Job, load_renderer, load_sources
from synth.rendering.renderers import DEFAULT_RENDERER, RENDERERS
from synth.rendering.synthetic_image import SyntheticImage
from synth.scene import backgrounds
from synth.scene.config import QUALITIES, RenderConfig, SceneConfig
from synth.workers import cpu_affinity, engine
from synth.workers.engine import EngineConfig

STAGES = ("sample", "build", "cycles", "read", "compose", "annotate", "write")
SCENES = 10
WARM_UP = 12  # scenes
LARGEST_S, LARGEST_PYTHON_S, LEAST_SPEED_UP, LARGEST_GROWTH_MB, LARGEST_MB = 3.8, 0.7, 1.9, 50, 1000
REFERENCE_SAMPLES, LEAST_DB = 256, 36.0


def define_flags() -> None:
    """Defines this benchmark's flags."""
    flags.DEFINE_integer("num_images", 8, "images per measurement", lower_bound=2)
    flags.DEFINE_integer("memory_images", 0, "images for the memory curve, 0 = none, else 20 or more", 0)
    flags.DEFINE_enum("quality", "standard", list(QUALITIES), "of the images")
    flags.DEFINE_integer("reference_images", 1, f"images compared with those of {REFERENCE_SAMPLES} samples", 0)
    flags.DEFINE_bool("workers", True, "also compare one and two Ray workers")
    flags.DEFINE_integer("image_size", 640, "width and height in px")
    flags.DEFINE_float("people", 9.0, "mean number of people")


def make_job(folder: str, size: int, people: float, samples: int = QUALITIES["standard"]) -> Job:
    """Returns the job that is measured."""
    photos = backgrounds.builtin_list("synthetic")
    environments = RENDERERS[DEFAULT_RENDERER].backgrounds["synthetic"]
    scenes = SceneConfig(seed=1, width=size, height=size, people_mean=people)
    share = backgrounds.ENVIRONMENT_SHARE["synthetic"]
    return Job(folder, scenes, RenderConfig(samples=samples), photos, environments, share)


def finished_image(job: Job, index: int) -> np.ndarray:
    """Returns image number `index`, [height, width, 3] uint8."""
    renderer = load_renderer(job.renderer, job.render)
    image = SyntheticImage.sample(job, load_sources(job), index, renderer.intersects)
    scene = image.scene
    frame = renderer.render(scene.figures, scene.camera, scene.light, scene.render_seed)
    return image.compose(frame, renderer.read_environment)


def print_quality(job: Job, num_images: int) -> None:
    """Prints the peak signal-to-noise ratio of whole images against those of many samples, dB."""
    found = []
    for samples in (job.render.samples, REFERENCE_SAMPLES):
        as_fine = dataclasses.replace(job, render=dataclasses.replace(job.render, samples=samples))
        found.append([finished_image(as_fine, index).astype(float) for index in range(num_images)])
    ratios = [10 * np.log10(255**2 / np.mean((one - fine) ** 2)) for one, fine in zip(*found)]
    print(f"\nquality of {job.render.samples} samples against {REFERENCE_SAMPLES}: {np.mean(ratios):.1f} dB, ", end="")
    print(f"least {min(ratios):.1f} of {num_images} images (aim at least {LEAST_DB:.0f})")


def warm_up(job: Job) -> None:
    """Samples other scenes, so that it is known how garments lie over each other."""
    intersects = load_renderer(job.renderer, job.render).intersects
    for index in range(WARM_UP):
        SyntheticImage.sample(job, load_sources(job), 2000 + index, intersects)


def print_stages(rows: Sequence[dict[str, float]]) -> None:
    """Prints mean CPU seconds by stage."""
    total: collections.Counter[str] = collections.Counter()
    for row in rows:
        total.update(row)
    mean = {name: value / len(rows) for name, value in total.items()}
    whole = sum(mean[stage] for stage in STAGES)
    python = whole - mean["cycles"]
    print(f"\nCPU seconds per image, one core, mean of {len(rows)} images of {mean['num_people']:.1f} people")
    for stage in STAGES:
        print(f"  {stage:10s} {mean[stage]:7.3f}  {mean[stage] / whole:5.1%}")
    print(f"  {'whole':10s} {whole:7.3f}  (aim {LARGEST_S})")
    print(f"  Python {python:.2f} s (aim {LARGEST_PYTHON_S}), Cycles {1 - python / whole:.1%}")
    print(f"  memory at most {max(row['peak_mb'] for row in rows):.0f} MB (aim under {LARGEST_MB})")


def images_per_hour(job: Job, num_images: int, workers: int) -> float:
    """Returns the pace of Ray workers after each has made its first image."""
    finished: list[float] = []
    warm_up = workers
    engine.run(
        rendered_image.render_image,
        job,
        range(num_images + warm_up),
        EngineConfig(num_workers=workers),
        lambda key, result: finished.append(time.monotonic()),
    )
    return 3600 * (len(finished) - warm_up) / (finished[-1] - finished[warm_up - 1])


def main() -> None:
    """Measures and prints."""
    given = flags.FLAGS
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(folder, given.image_size, given.people, QUALITIES[given.quality])
        if given.workers and (os.cpu_count() or 1) > 1:
            paces = [images_per_hour(job, given.num_images, workers) for workers in (1, 2)]
            print(f"\n1 worker {paces[0]:.0f} images/h, 2 workers {paces[1]:.0f} images/h:", end="")
            print(f" {paces[1] / paces[0]:.2f} times (aim at least {LEAST_SPEED_UP} times)")
        cpu_affinity.claim_core()
        rendered_image.render_image(job, 1000)  # loads Blender
        warm_up(job)
        print_stages([rendered_image.render_image(job, index) for index in range(given.num_images)])
        if given.reference_images:
            print_quality(job, given.reference_images)
        if given.memory_images:
            # The same ten scenes again and again, so that large and small scenes do not look like a trend.
            memory = [rendered_image.render_image(job, i % SCENES)["memory_mb"] for i in range(given.memory_images)]
            rounds = [statistics.mean(memory[i : i + SCENES]) for i in range(0, len(memory) - SCENES + 1, SCENES)]
            print("\nmean memory by round of 10 scenes, MB:", " ".join(f"{mean:.0f}" for mean in rounds))
            print(f"  most {max(memory):.0f} MB, growth after the first round {rounds[-1] - rounds[1]:+.0f} MB", end="")
            print(f" (aim at most {LARGEST_GROWTH_MB})")


if __name__ == "__main__":
    cli.run(main, define_flags)
