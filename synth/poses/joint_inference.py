"""Which joint of a motion file is which of ours where names are unknown: from the shape of the tree and a pose.

A person's tree has two pairs of mirrored chains. The pair nearer to the root is the legs. Which joints of a chain are
hip, knee and ankle, or shoulder, elbow and wrist, is read off the lengths between them; which side is left, off the way
the feet point, or the knees where there are no feet.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from synth.poses.builder import SIDES
from synth.poses.joint_names import side_of
from synth.poses.joint_trees import ancestors

# Thigh and shank of the chain from pelvis to toe tip: 0.72 to 0.81 in CMU's, Bandai-Namco's and LAFAN1's skeletons.
_LEG_SHARE = 0.77
# Upper arm 0.186, forearm 0.146, thigh 0.245, shank 0.246 of the height (Drillis and Contini's segments of the body).
_ARM_RATIOS = (0.186 / 0.2455, 0.146 / 0.2455)
_SKIP_COST = 0.15  # for a joint between two that are chosen: most skeletons have none
_MIRROR_TOLERANCE = 0.1  # of a chain's length
_LEAST_REACH = 0.25  # of the longest chain; leaves out hands, feet, eyes
_LEAST_BONE = 0.01  # of the chain; joints nearer than this to their parent are at the same place
_LEAST_VOLUME = 0.05  # of a cube's; flatter, left and right cannot be distinguished

Chain = list[int]


def infer(parents: Sequence[int], names: Sequence[str], poses: np.ndarray) -> dict[str, int]:
    """Returns our joint name -> joint; empty if the tree is not a person's, or its sides are ambiguous.

    Args:
        parents: [J] parent joint.
        names: [J] joint names; "" for end sites. Only the side that they may tell is used.
        poses: [N, J, 3] joint positions.
    """
    return _Tree(parents, names, poses).label()


class _Tree:
    """A tree of joints in some poses."""

    def __init__(self, parents: Sequence[int], names: Sequence[str], poses: np.ndarray) -> None:
        self.parents, self.names, self.poses = parents, names, poses
        self.lengths = np.array([self._distance(j, max(p, 0)) for j, p in enumerate(parents)])
        self.chains: list[Chain] = [[j] for j in range(len(parents))]  # to the farthest leaf
        for j in range(len(parents) - 1, 0, -1):  # parents come first, so children are done
            longer = [parents[j], *self.chains[j]]
            if parents[j] >= 0 and self._reach(longer) > self._reach(self.chains[parents[j]]):
                self.chains[parents[j]] = longer

    def label(self) -> dict[str, int]:
        """Returns our joint name -> joint, or nothing."""
        pairs = self._mirrored_chains()
        chosen = next((two for two in itertools.combinations(pairs, 2) if not self._overlap(*two)), None)
        if chosen is None:
            return {}
        legs, arms = self._legs_first(*chosen)
        half = _LEG_SHARE / 2 * float(np.mean([self._reach(chain) for chain in legs]))
        thighs = [self._fit(chain, (half, half)) for chain in legs]
        half = float(
            np.mean([self._distance(j, k) for leg in thighs for j, k in itertools.pairwise(leg[:3])] or [half])
        )
        uppers = [self._fit(chain, (_ARM_RATIOS[0] * half, _ARM_RATIOS[1] * half)) for chain in arms]
        if not all(thighs) or not all(uppers):
            return {}
        chest = self.parents[arms[0][0]]
        side = self._side_of_first(self.parents[legs[0][0]], chest, thighs)
        across = side * (self.poses[:, thighs[0][0]] - self.poses[:, thighs[1][0]])
        if side < 0:
            legs, thighs = legs[::-1], thighs[::-1]
        if ((self.poses[:, uppers[0][0]] - self.poses[:, uppers[1][0]]) * across).sum() < 0:
            arms, uppers = arms[::-1], uppers[::-1]
        found = self._head(chest, arms) if side else {}
        for name, leg, chain, arm in zip(SIDES if side else (), thighs, arms, uppers):
            found |= dict(zip((f"{name}_{part}" for part in ("hip", "knee", "ankle", "foot")), leg))
            found |= dict(zip((f"{name}_{part}" for part in ("shoulder", "elbow", "wrist")), arm))
            found |= {f"{name}_collar": chain[0]} if chain[0] != arm[0] else {}
        return found

    def _distance(self, a: int, b: int) -> float:
        return float(np.linalg.norm(self.poses[:, a] - self.poses[:, b], axis=1).mean())

    def _reach(self, chain: Chain) -> float:
        return float(self.lengths[chain].sum())

    def _mirrored_chains(self) -> list[tuple[Chain, Chain]]:
        """Returns pairs of chains that hang from the same joint and have the same bones, the longest first."""
        pairs = []
        for a, b in itertools.combinations(self.chains[1:], 2):
            if self.parents[a[0]] == self.parents[b[0]] and len(a) == len(b):
                difference = float(np.abs(self.lengths[a] - self.lengths[b]).max())
                if difference <= _MIRROR_TOLERANCE * self._reach(a):
                    pairs.append((a, b))
        pairs.sort(key=lambda pair: -self._reach(pair[0]))
        return [pair for pair in pairs if self._reach(pair[0]) > _LEAST_REACH * self._reach(pairs[0][0])]

    def _overlap(self, *pairs: tuple[Chain, Chain]) -> bool:
        """Returns whether a chain hangs from another one."""
        tops = [chain[0] for pair in pairs for chain in pair]
        below = (a in ancestors(self.parents, b)[1:] for a, b in itertools.permutations(tops, 2))
        return len(set(tops)) < 4 or any(below)

    def _legs_first(self, longer: tuple[Chain, Chain], shorter: tuple[Chain, Chain]) -> tuple[tuple, tuple]:
        """Returns (legs, arms): the arms' trunk hangs from the legs' joint; else the legs are longer."""
        top, other = self.parents[longer[0][0]], self.parents[shorter[0][0]]
        return (shorter, longer) if top != other and other in ancestors(self.parents, top) else (longer, shorter)

    def _fit(self, chain: Chain, lengths: tuple[float, float]) -> Chain:
        """Returns the three joints whose distances fit best, and the next one if there is; nothing for short chains."""
        apart = [j for j in chain if self.lengths[j] > _LEAST_BONE * self._reach(chain)]

        def cost(triple: tuple[int, ...]) -> float:
            bones = [self._distance(apart[a], apart[b]) for a, b in itertools.pairwise(triple)]
            errors = np.log(np.maximum(bones, 1e-9) / np.array(lengths)) ** 2
            return float(errors.sum()) + _SKIP_COST * (triple[2] - triple[0] - 2)

        best = min(itertools.combinations(range(len(apart)), 3), key=cost, default=())
        return [apart[k] for k in (*best, best[-1] + 1) if k < len(apart)] if best else []

    def _side_of_first(self, pelvis: int, chest: int, legs: list[Chain]) -> int:
        """Returns 1 if the first leg is the left one, -1 if the right, 0 if neither names nor poses tell."""
        named = [side_of(self.names[leg[0]])[0] for leg in legs]
        if set(named) == set(SIDES):
            return 1 if named[0] == "left" else -1
        up = self.poses[:, chest] - self.poses[:, pelvis]
        across = self.poses[:, legs[0][0]] - self.poses[:, legs[1][0]]
        toes = sum(self.poses[:, leg[3]] - self.poses[:, leg[2]] for leg in legs if len(leg) > 3)
        knees = sum(2 * self.poses[:, leg[1]] - self.poses[:, leg[0]] - self.poses[:, leg[2]] for leg in legs)
        for front in (toes, knees):
            volume = np.linalg.det(np.stack([across, up, front + 0 * up], 1))
            sizes = np.linalg.norm([across, up, front + 0 * up], axis=2).prod(0)
            mean = volume.sum() / max(sizes.sum(), 1e-30)
            if abs(mean) > _LEAST_VOLUME:
                return int(np.sign(mean))
        return 0

    def _head(self, chest: int, arms: tuple[Chain, Chain]) -> dict[str, int]:
        """Returns neck and head: the longest chain from the chest that is not an arm."""
        rest = [c for c in self.chains[1:] if self.parents[c[0]] == chest and c[0] not in (arms[0][0], arms[1][0])]
        joints = [j for j in max(rest, key=self._reach, default=[]) if self.names[j]]
        return dict(zip(("head", "neck"), (joints[-1], joints[0]) if len(joints) > 1 else joints))
