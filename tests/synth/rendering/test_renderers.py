"""The registry of renderers, and the flow of one image with a renderer that is not Blender."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.store import listing
from synth import render
from synth.rendering import rendered_image, renderers
from synth.rendering.job import Job, load_renderer
from synth.rendering.renderer import Frame
from synth.rendering.renderers import DEFAULT_RENDERER, RENDERERS
from synth.scene import backgrounds, builtin_places
from synth.scene.config import DATASETS, RenderConfig, SceneConfig
from tests.support.bodies.checks import box_intersects

GREY = 0.25  # linear light of every person


class PointRenderer:
    """Shows a person as the pixels of its vertices, in even grey; people with larger ids in front."""

    def __init__(self, config):
        self.config = config

    def render(self, figures, camera, light, seed, lap=lambda stage: None):
        ids, depth = np.zeros((camera.height, camera.width), np.int32), np.full((camera.height, camera.width), 1e4)
        for number, figure in enumerate(figures, 1):
            pixels, vertex_depth = camera.project(figure.mesh.vertices)
            x, y = np.rint(pixels).astype(int).T
            inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height) & (vertex_depth > 0)
            ids[y[inside], x[inside]], depth[y[inside], x[inside]] = number, vertex_depth[inside]
        alpha = (ids > 0).astype(np.float32)[..., None]
        lap("points")
        return Frame(np.repeat(alpha, 3, 2) * np.float32(GREY), alpha, ids, depth.astype(np.float32))

    def intersects(self, a, b):
        return box_intersects(a, b)

    def read_environment(self, name):
        return np.full((8, 16, 3), {"fog": 0.5}[name], np.float32)


@pytest.fixture
def points(monkeypatch):
    """A second renderer, registered as any other would be."""
    kind = renderers.RendererKind(
        make=PointRenderer,
        devices=("CPU", "ABACUS"),
        packages=("absl-py",),
        lights=dict.fromkeys(DATASETS, ("fog",)),
        backgrounds=dict.fromkeys(DATASETS, ("fog",)),
        environments_source="a test",
        environments_licence="none",
    )
    monkeypatch.setitem(RENDERERS, "points", kind)
    load_renderer.cache_clear()
    yield "points"
    load_renderer.cache_clear()


def job(folder, renderer, **changes):
    scenes = SceneConfig(width=64, height=64, people_mean=1.0, **changes)
    photos = backgrounds.builtin_list(scenes.dataset)
    return Job(str(folder), scenes, RenderConfig(samples=1), photos, ("fog",), 1.0, renderer=renderer)


def test_any_renderer_makes_a_dataset(points, tmp_path):
    run = render.RenderRun(job(tmp_path, points), render.EngineConfig(), 1)
    assert render.render(run) == []
    row = listing.read(tmp_path, "000000")
    ids = cv2.imread(str(tmp_path / row["mask"]), cv2.IMREAD_UNCHANGED)
    assert row["light"]["environment"] == "fog" and row["background"]["name"] == "fog"
    assert [person["area"] for person in row["people"]] == [
        int((ids == k + 1).sum()) for k in range(len(row["people"]))
    ]
    header = json.loads((tmp_path / "dataset.json").read_text())
    assert header["flags"]["renderer"] == "points"
    assert "absl-py" in header["versions"] and "bpy" not in header["versions"]
    assert {"part": "environment light", "source": "a test", "licence": "none"} in header["licences"]


def test_stages_of_the_renderer_are_measured(points, tmp_path):
    measured = rendered_image.render_image(job(tmp_path, points), 0)
    assert {"load", "sample", "points", "compose", "annotate", "write", "num_people", "peak_mb"} <= set(measured)


def test_a_dataset_of_one_renderer_is_not_continued_by_another(points, tmp_path):
    render.render(render.RenderRun(job(tmp_path, points), render.EngineConfig(), 1))
    other = dataclasses.replace(job(tmp_path, points), renderer=DEFAULT_RENDERER)
    with pytest.raises(UserError, match=r"made with other settings \(flags\.renderer: points, now none\)"):
        render.render(render.RenderRun(other, render.EngineConfig(), 1))


def test_a_device_may_be_that_of_any_renderer(points):
    assert renderers.devices().count("CPU") == 1 and {"ABACUS", "OPTIX"} <= set(renderers.devices())


def test_every_kind_of_dataset_has_its_image():
    assert set(rendered_image.KINDS) == set(DATASETS)


@pytest.mark.parametrize("name", RENDERERS)
def test_the_two_domains_share_no_light_and_no_background(name):
    lights, seen = RENDERERS[name].lights, RENDERERS[name].backgrounds
    assert set(lights) == set(DATASETS)
    photos = {kind: builtin_places.photo_names(kind, "all") for kind in ("synthetic", "real_standin")}
    everything = {kind: RENDERERS[name].all_lights(kind, "all") for kind in photos}
    for table in (lights, seen, photos, everything):
        assert not set(table["synthetic"]) & set(table["real_standin"])
    assert not set(seen["synthetic"]) & set(lights["real_standin"])
