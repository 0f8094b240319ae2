import dataclasses
import json

import numpy as np
import pytest

from synth.body import loading as body
from synth.poses import sources as poses
from synth.scene import backgrounds, person, placement, sampling
from synth.scene.config import SceneConfig
from tests.support.bodies.checks import box_intersects

CONFIG = SceneConfig(seed=3, width=128, height=128, people_mean=2.0)


@pytest.fixture(scope="module")
def sources():
    model = body.load_body("builtin")
    return sampling.Sources(
        model,
        poses.load_poses("builtin", model),
        backgrounds.builtin_list("synthetic"),
        ("forest", "studio"),
        ("forest",),
        0.5,
    )


def sample(sources, index, config=CONFIG):
    return sampling.sample_scene(config, sources, index, box_intersects)


def description(one):
    return json.dumps(sampling.describe_scene(one, [{} for _ in one.figures]))


def test_a_scene_depends_on_seed_and_index_alone(sources):
    first, other = sample(sources, 5), sample(sources, 6)
    assert description(sample(sources, 5)) == description(first)
    assert description(other) != description(first)
    assert first.render_seed != other.render_seed
    reseeded = dataclasses.replace(CONFIG, seed=4)
    assert description(sample(sources, 5, reseeded)) != description(first)


def test_the_two_datasets_have_different_scenes_for_one_seed():
    one = sampling.scene_seeds(CONFIG, 0)[0].generate_state(4)
    standin = dataclasses.replace(CONFIG, dataset="real_standin")
    assert (sampling.scene_seeds(standin, 0)[0].generate_state(4) != one).any()


def test_people_stand_on_the_ground_and_apart(sources):
    for index in range(2):
        one = sample(sources, index)
        for figure in one.figures:
            assert figure.mesh.low[2] == pytest.approx(0, abs=1e-4)
            assert 0.3 < figure.mesh.high[2] < 2.8
            assert np.linalg.norm(figure.joints[0, :2] - figure.placement.position_m) < 1e-6
        for i, a in enumerate(one.figures):
            assert all(placement.boxes_apart(a.mesh, b.mesh) for b in one.figures[:i])


def test_nobody_stands_above_the_ground_of_a_photograph(sources):
    photos = dataclasses.replace(sources, environment_share=0.0)
    cut = 0
    for index in range(12):
        one = sample(photos, index)
        assert one.background.kind == "photo"
        for figure in one.figures:
            pixel, _ = one.camera.project(np.array([*figure.placement.position_m, 0.0]))
            assert pixel[1] >= one.background.ground * one.camera.height - 1
            cut += one.background.ground > 0
    assert cut > 5  # photographs with a horizon were among them


def test_older_data_sets_keep_their_places_and_areas(sources):
    anywhere = dataclasses.replace(CONFIG, ground="anywhere")
    for index in range(3):
        one, other = sample(sources, index, anywhere), sample(sources, index)
        assert one.background.ground == 0.0
        assert one.camera == other.camera and one.placement.people_wanted == other.placement.people_wanted


def test_geometry_follows_from_the_plain_data(sources):
    figure = sample(sources, 1).figures[0]
    again = person.stand(sources.body, figure.spec).moved(figure.placement)
    assert (again.mesh.vertices == figure.mesh.vertices).all()
    assert (again.joints == figure.joints).all()


def test_the_number_of_people_is_poisson_with_a_least_number(sources, monkeypatch):
    monkeypatch.setattr(sampling, "sample_person", lambda rng, config, sources: (None, 0))
    monkeypatch.setattr(sampling, "stand", lambda body, spec: None)
    monkeypatch.setattr(sampling, "place", lambda rng, figure, *rest: (object(), 1))
    camera = sample(sources, 0).camera
    config = dataclasses.replace(CONFIG, people_mean=9.0)
    counts = []
    for index in range(800):
        seed = sampling.scene_seeds(config, index)[3]
        figures, placed = sampling.sample_people(seed, config, sources, camera, box_intersects)
        assert placed.people_wanted == len(figures) == placed.collisions
        counts.append(len(figures))
    assert min(counts) >= 2
    assert np.mean(counts) == pytest.approx(9, abs=0.4)
    assert np.var(counts) == pytest.approx(9, abs=1.8)


def test_an_environment_behind_is_the_light(sources):
    everywhere = dataclasses.replace(sources, environment_share=1.0)
    one = sample(everywhere, 0)
    assert one.background.kind == "environment"
    assert (one.light.environment, one.light.turn_rad) == (one.background.name, one.background.turn_rad)


def test_harmonics_hide_environments(sources):
    everywhere = dataclasses.replace(sources, environment_share=1.0)
    one = sample(everywhere, 0, dataclasses.replace(CONFIG, light="sh"))
    assert one.light.kind == "sh" and len(one.light.sh) == 9
    assert one.background.kind == "photo"


def test_a_description_names_no_folder_of_this_machine(sources):
    nowhere = dataclasses.replace(sources, environment_share=0.0)
    row = json.loads(description(sample(nowhere, 0)))
    assert "/" not in row["background"]["name"]
    assert row["camera"]["pitch_deg"] <= 45
    assert {"betas", "pose", "pose_source", "gender", "look", "position_m"} <= set(row["people"][0])
    assert np.array(row["people"][0]["pose"]).shape == (52, 3)
