"""Product groups with a floor: cells with too few samples join their nearest neighbour."""

import dataclasses

import numpy as np

from teacher.groups.groupings import Grouping


def merge_small(grouping: Grouping, counts: np.ndarray, floor: int) -> Grouping:
    """Returns a grouping in which no group is smaller than `floor`, if there are that many samples at all.

    The smallest group joins the one whose cells are nearest (mean distance in bins over the axes; at equal distance
    the smaller one, then the first), until no group is too small. Against the paper's failure on D_M and D_Style,
    where very small groups were over-sampled (paper Sec. 5, "Adversarial teacher").

    Args:
        grouping: one group per cell.
        counts: [num_cells] samples per cell.
        floor: smallest size of a group.
    """
    if grouping.cell_groups:
        raise ValueError("the grouping is merged already")
    places = np.stack(np.unravel_index(np.arange(len(counts)), grouping.shape), -1).astype(np.float64)
    members: dict[int, list[int]] = {cell: [cell] for cell in range(len(counts))}
    sizes = {cell: int(count) for cell, count in enumerate(counts)}
    centres = {cell: places[cell] for cell in members}
    while len(members) > 1:
        smallest = min(members, key=lambda group: (sizes[group], group))
        if sizes[smallest] >= floor:
            break
        others = [group for group in members if group != smallest]
        distances = np.linalg.norm(np.stack([centres[group] for group in others]) - centres[smallest], axis=1)
        nearest = min(zip(distances.round(9), [sizes[group] for group in others], others))[2]
        members[nearest] += members.pop(smallest)
        sizes[nearest] += sizes.pop(smallest)
        centres[nearest] = places[members[nearest]].mean(0)
    cell_groups = np.zeros(len(counts), np.int64)
    for number, cells in enumerate(sorted(sorted(cells) for cells in members.values())):
        cell_groups[cells] = number
    return dataclasses.replace(grouping, cell_groups=tuple(cell_groups.tolist()))
