"""The skeleton's tables agree with each other."""

import numpy as np

from openpose_tf import skeleton
from openpose_tf.skeleton import MPI, JointState
from tests.support.bodies.joints import parts_to_mpii


def test_limbs_form_a_tree_in_root_order():
    reached = {MPI.limbs[0][0]}
    for first, second in MPI.limbs:
        assert first in reached
        assert second not in reached
        reached.add(second)
    assert reached == set(range(MPI.num_parts))


def test_counts_are_those_of_the_published_network():
    assert (MPI.num_parts, MPI.num_limbs, MPI.num_confidence_maps, MPI.num_pafs) == (15, 14, 16, 28)


def test_flips_are_their_own_inverse_and_swap_names():
    assert [MPI.flip[k] for k in MPI.flip] == list(range(len(MPI.flip)))
    for k, name in enumerate(MPI.parts):
        mirrored = {"r_": "l_", "l_": "r_"}.get(name[:2], name[:2]) + name[2:]
        assert MPI.parts[MPI.flip[k]] == mirrored


def test_limbs_become_those_of_the_other_side():
    for limb, other in enumerate(MPI.flip_limbs):
        names, mirrored = ([MPI.parts[part] for part in MPI.limbs[k]] for k in (limb, other))
        assert mirrored == [{"r_": "l_", "l_": "r_"}.get(name[:2], name[:2]) + name[2:] for name in names]


def test_parts_carry_the_names_of_their_joints():
    for part, joint in enumerate(skeleton.PART_TO_MPII):
        expected = skeleton.MPII_JOINTS[joint].replace("upper_neck", "neck")
        assert MPI.parts[part] == expected


def test_centre_is_the_mean_of_thorax_and_pelvis_and_missing_with_either():
    joints = np.zeros((2, 16, 3))
    joints[:, :, :2] = np.arange(32).reshape(16, 2)
    joints[:, :, 2] = JointState.VISIBLE
    joints[0, 6, 2] = JointState.OCCLUDED_BY_OTHER
    joints[1, 7, 2] = JointState.MISSING
    parts = skeleton.mpii_to_parts(joints)
    np.testing.assert_allclose(parts[0, 14], [13, 14, JointState.OCCLUDED_BY_OTHER])
    assert parts[1, 14, 2] == JointState.MISSING


def test_parts_to_mpii_inverts_mpii_to_parts_where_they_map_one_to_one():
    joints = np.random.default_rng(0).uniform(0, 100, (3, 16, 3))
    joints[..., 2] = JointState.VISIBLE
    back = parts_to_mpii(skeleton.mpii_to_parts(joints))
    kept = list(skeleton.PART_TO_MPII)
    np.testing.assert_allclose(back[:, kept], joints[:, kept])
    assert not back[:, 7].any()
