"""The teacher's learning signal as pure functions: Eq. 1 (reward or penalty) and Eq. 2 (pseudo ground truth)."""

from collections.abc import Callable, Sequence

import numpy as np

from teacher.teachers.defaults import PENG_STEP_SIZE, STEP_SIZE

# A rule takes (predicted [G], picked group, rewarded, step size) and returns the pseudo ground truth [G].
UpdateRule = Callable[[np.ndarray, int, bool, float], np.ndarray]

PENG_REWARD, PENG_PENALTY, PENG_CAP = 0.2, 0.5, 2.0  # Peng et al. 2018, authors' code


def baseline(history: Sequence[float] | np.ndarray) -> float | None:
    """Returns the loss that Eq. 1 compares with: the mean of the stored values, None while there are none.

    Deviation: as printed the sum of Eq. 1 has H + 1 terms over H; this is the mean of up to H values, as released.
    """
    return float(np.mean(np.asarray(history, np.float64))) if len(history) else None


def is_rewarded(loss: float, history: Sequence[float] | np.ndarray) -> bool:
    """Returns whether the window's loss on synthetic data reaches the baseline (paper Eq. 1); True without history."""
    reference = baseline(history)
    return reference is None or loss >= reference


def paper_update(predicted: np.ndarray, group: int, rewarded: bool, step_size: float = STEP_SIZE) -> np.ndarray:
    """Returns the pseudo ground truth of Eq. 2: P_i = (1 ± α) P̃_i, P_j = P̃_j ∓ α P̃_i / (|g| - 1).

    Args:
        predicted: [num_groups] float, probabilities P̃ that sum to 1.
        group: index i of the picked group.
        rewarded: the sign δ.
        step_size: α, 0 to 1.

    Returns:
        [num_groups] float64 probabilities. Where the printed rule would make a tiny P_j negative, it is set to 0 and
        the rest is scaled to sum to 1.
    """
    predicted = np.asarray(predicted, np.float64)
    moved = (1.0 if rewarded else -1.0) * step_size * predicted[group]
    others = predicted - moved / max(len(predicted) - 1, 1)
    others[group] = predicted[group] + (moved if len(predicted) > 1 else 0.0)
    return _as_distribution(others)


def release_update(predicted: np.ndarray, group: int, rewarded: bool, step_size: float = STEP_SIZE) -> np.ndarray:
    """Returns the pseudo ground truth as released: the shares are divided by |g|, and a penalty leaves P_i alone.

    Same arguments and result as `paper_update`. After a penalty only the renormalisation lowers P_i, which makes it
    about ten times weaker than Eq. 2 from a uniform prediction over ten groups.
    """
    predicted = np.asarray(predicted, np.float64)
    moved = (1.0 if rewarded else -1.0) * step_size * predicted[group]
    changed = predicted - moved / len(predicted)
    changed[group] = predicted[group] + moved if rewarded else predicted[group]
    return _as_distribution(changed)


def peng_update(predicted: np.ndarray, group: int, rewarded: bool, step_size: float = PENG_STEP_SIZE) -> np.ndarray:
    """Returns the pseudo ground truth of Peng et al. 2018: +20 % or -50 % of P̃_i, no probability above 2/n.

    Same arguments and result as `paper_update`; `step_size` scales the two percentages (1 = as published). The mass
    above the cap is spread evenly over the groups below it until none is above.
    """
    share = PENG_REWARD if rewarded else PENG_PENALTY
    changed = paper_update(predicted, group, rewarded, min(share * step_size, 1.0))
    return capped(changed, PENG_CAP / len(changed))


def capped(probabilities: np.ndarray, cap: float) -> np.ndarray:
    """Returns [num_groups] float64 probabilities of at most `cap` (>= 1/num_groups); the excess goes to the others."""
    result = np.asarray(probabilities, np.float64).copy()
    cap = max(cap, 1.0 / len(result))
    for _ in range(len(result)):  # each round fills at least one more group up to the cap
        excess = np.maximum(result - cap, 0.0).sum()
        if excess <= 1e-15:
            break
        result = np.minimum(result, cap)
        below = result < cap
        result[below] += excess / below.sum()
    return result


def _as_distribution(values: np.ndarray) -> np.ndarray:
    values = np.maximum(values, 0.0)
    return values / values.sum()


STEP_SIZES = {"paper": STEP_SIZE, "release": STEP_SIZE, "peng": PENG_STEP_SIZE}  # α where the user gives none
UPDATE_RULES: dict[str, UpdateRule] = {"paper": paper_update, "release": release_update, "peng": peng_update}
