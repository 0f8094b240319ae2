"""The tree of a motion file's joints: who hangs from whom, and the joints of ours that only the tree can name."""

import itertools
from collections.abc import Sequence

from synth.poses.builder import SIDES
from synth.poses.joint_names import LIMBS


def ancestors(parents: Sequence[int], joint: int) -> list[int]:
    """Returns the joint and its ancestors, the root last."""
    out = [joint]
    while parents[out[-1]] >= 0:
        out.append(parents[out[-1]])
    return out


def meeting_point(parents: Sequence[int], a: int, b: int) -> int:
    """Returns the deepest joint from which both hang."""
    above = set(ancestors(parents, a))
    return next(j for j in ancestors(parents, b) if j in above)


def hangs_together(parents: Sequence[int], found: dict[str, int]) -> bool:
    """Returns whether the joints have one root, and every limb's joints follow each other down the tree."""
    if len({ancestors(parents, joint)[-1] for joint in found.values()}) > 1:  # a file may hold two people
        return False
    for side, limb in itertools.product(SIDES, LIMBS):
        chain = [found[f"{side}_{part}"] for part in limb if f"{side}_{part}" in found]
        if any(a == b or a not in ancestors(parents, b) for a, b in itertools.pairwise(chain)):
            return False
    return True


def complete(parents: Sequence[int], names: Sequence[str], found: dict[str, int]) -> dict[str, int]:
    """Returns the map with pelvis, spine, neck and the limbs' ends added where names did not say.

    Args:
        parents: [J] parent joint.
        names: [J] joint names; "" for end sites.
        found: our joint name -> joint; holds hips, knees, shoulders and elbows.
    """
    out = dict(found)
    out.setdefault("pelvis", meeting_point(parents, found["left_hip"], found["right_hip"]))
    roots = [found.get(f"{side}_collar", found[f"{side}_shoulder"]) for side in SIDES]
    chest = meeting_point(parents, *roots)
    taken = {found.get("neck"), found.get("head"), *ancestors(parents, out["pelvis"])}
    spine = [j for j in reversed(ancestors(parents, chest)) if j not in taken]
    for k in (1, 2, 3):  # our spine's three joints share those of the file, the last one being the chest
        if spine:
            out[f"spine{k}"] = spine[-(-k * len(spine) // 3) - 1]
    if "head" in out and "neck" not in out:
        above = [j for j in ancestors(parents, out["head"])[1:] if j not in ancestors(parents, chest)]
        out |= {"neck": above[-1]} if above else {}
    for side, limb in itertools.product(SIDES, LIMBS):
        for part, end in itertools.pairwise(limb):
            if f"{side}_{end}" not in out and f"{side}_{part}" in out:
                sites = [j for j, name in enumerate(names) if not name and parents[j] == out[f"{side}_{part}"]]
                out |= {f"{side}_{end}": sites[0]} if sites else {}
    return out
