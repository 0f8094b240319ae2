"""The states of keypoints, which come from the id and depth pictures, against ray casting on the dressed meshes."""

import numpy as np
import pytest

from openpose_tf.skeleton import JointState
from synth.body import loading
from synth.poses import sources as poses
from synth.rendering import groundtruth
from synth.scene import backgrounds, sampling
from synth.scene.config import RenderConfig, SceneConfig

LEAST_JOINTS, LEAST_AGREEMENT = 500, 0.98


def states_by_rays(caster, sampled, instance, figure):
    """States of the 16 joints of one person by casting a ray to each."""
    camera = sampled.camera
    pixels, depth = camera.project(figure.mpii_joints)
    states = []
    for joint in range(16):
        x, y = pixels[joint]
        if depth[joint] <= 0 or not (-0.5 <= x <= camera.width - 0.5 and -0.5 <= y <= camera.height - 0.5):
            states.append(JointState.TRUNCATED)
            continue
        person, before = caster.first_hit(np.array(camera.centre_m), figure.mpii_joints[joint])
        if person not in (0, instance):
            states.append(JointState.OCCLUDED_BY_OTHER if before > 0 else JointState.VISIBLE)
        else:
            # The limit counts along the optical axis.
            along_axis = depth[joint] / np.linalg.norm(figure.mpii_joints[joint] - camera.centre_m)
            hidden = person == instance and before * along_axis > groundtruth.OWN_DEPTH_M[joint]
            states.append(JointState.SELF_OCCLUDED if hidden else JointState.VISIBLE)
    return states


@pytest.mark.slow
@pytest.mark.blender
def test_buffers_agree_with_rays():
    from synth.rendering import blender
    from tests.support.bodies.ray_casting import RayCaster

    model = loading.load_body("builtin")
    photos = backgrounds.builtin_list("synthetic")
    sources = sampling.Sources(model, poses.load_poses("builtin", model), photos, ("forest",))
    config = SceneConfig(seed=11, people_mean=9.0)
    # Ids and depth are the same for any number of samples, so one is enough (see test_blender).
    renderer = blender.CyclesRenderer(RenderConfig(samples=1, denoise=False))
    ours, theirs = [], []
    index = 0
    while len(ours) < LEAST_JOINTS:
        sampled = sampling.sample_scene(config, sources, index, blender.intersects)
        frame = renderer.render(sampled.figures, sampled.camera, sampled.light, sampled.render_seed)
        caster = RayCaster(sampled.figures)
        rows = groundtruth.annotate_people(sampled.figures, sampled.camera, frame.ids, frame.depth)
        for instance, (figure, row) in enumerate(zip(sampled.figures, rows), 1):
            ours += [int(point[2]) for point in row["keypoints"]]
            theirs += states_by_rays(caster, sampled, instance, figure)
        index += 1
    agreement = float(np.mean(np.array(ours) == np.array(theirs)))
    print(f"{agreement:.2%} of {len(ours)} joints agree; shares {np.bincount(ours, minlength=5)[1:] / len(ours)}")
    assert agreement >= LEAST_AGREEMENT
    assert {JointState.VISIBLE, JointState.SELF_OCCLUDED, JointState.OCCLUDED_BY_OTHER} <= set(ours)
