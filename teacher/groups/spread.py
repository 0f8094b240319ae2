"""How much the groups of a grouping differ in loss, and how many decisions a teacher needs to see it. NumPy only."""

import dataclasses

import numpy as np

MIN_SAMPLES = 2  # of a group that counts


@dataclasses.dataclass(frozen=True)
class Spread:
    """What losses of single samples say about a grouping of G groups.

    Samples are taken as independent. Crops of one image share what belongs to the image, such as the camera pitch:
    there groups differ less and take more decisions than this says.

    Attributes:
        counts: [G] int64, samples of each group.
        means: [G] float64, mean loss of each group; NaN without a sample.
        errors: [G] float64, standard errors of `means` over samples.
        explained: share of the variance of one loss (a sample in one augmentation) that lies between groups, 0 to 1;
            at most `sample_share`.
        between: standard deviation of the groups' true means, as the loss has it; what the errors add is taken off.
        noise: standard deviation of the mean loss of one window on one group.
    """

    counts: np.ndarray
    means: np.ndarray
    errors: np.ndarray
    explained: float
    between: float
    noise: float

    @property
    def decisions_to_rank(self) -> float:
        """Decisions, spread evenly, until the error of a group's mean is half of `between`; inf where nothing differs.

        A student that stands still is assumed: one that learns makes older windows worth less.
        """
        used = int((self.counts > 0).sum())
        return float("inf") if self.between == 0 else used * (2 * self.noise / self.between) ** 2


def measure(losses: np.ndarray, groups: np.ndarray, num_groups: int, window_samples: int) -> Spread:
    """Returns how much the groups differ.

    Args:
        losses: [N, P] float, loss of each sample in P random augmentations.
        groups: [N] int, group of each sample, -1 = in none.
        num_groups: G.
        window_samples: synthetic samples in one window (steps per decision x synthetic samples of a batch).

    Raises:
        ValueError: fewer than two groups have two samples or more.
    """
    own = [losses[groups == group] for group in range(num_groups)]
    counts = np.array([len(values) for values in own])
    usable = counts >= MIN_SAMPLES
    if usable.sum() < 2:
        raise ValueError("fewer than two groups have two samples")
    samples = [values.mean(1) for values in own]
    means = np.array([values.mean() if len(values) else np.nan for values in samples])
    variances = np.array([values.var(ddof=1) if len(values) > 1 else np.nan for values in samples])
    errors = np.sqrt(variances / np.maximum(counts, 1))
    noise = np.sqrt(np.mean([values.var() for values, there in zip(own, usable) if there]) / window_samples)
    between = float(np.var(means[usable], ddof=1) - np.mean(errors[usable] ** 2))
    used = [group for group in range(num_groups) if usable[group]]
    single = np.concatenate([own[group] for group in used])
    of_means = single.mean(1).var() / max(single.var(), 1e-300)  # variance of samples' means, of that of one loss
    return Spread(
        counts,
        means,
        errors,
        _omega_squared([samples[group] for group in used]) * float(of_means),
        float(np.sqrt(max(between, 0.0))),
        float(noise),
    )


def _omega_squared(samples: list[np.ndarray]) -> float:
    """Share of the samples' variance that lies between groups, without what chance puts there (omega squared)."""
    everything = np.concatenate(samples)
    total = ((everything - everything.mean()) ** 2).sum()
    within = sum(((values - values.mean()) ** 2).sum() for values in samples)
    mean_within = within / (len(everything) - len(samples))
    share = (total - within - (len(samples) - 1) * mean_within) / max(total + mean_within, 1e-300)
    return float(max(share, 0.0))


def sample_share(losses: np.ndarray) -> float:
    """Returns the share of the variance of one loss that is the sample's own and not its augmentation's, 0 to 1.

    No grouping can explain more of the loss of one draw. Intraclass correlation of one-way random effects
    (Shrout and Fleiss 1979, ICC(1)).

    Args:
        losses: [N, P] float, P >= 2 random augmentations.
    """
    passes = losses.shape[1]
    between = passes * losses.mean(1).var(ddof=1)
    within = losses.var(axis=1, ddof=1).mean()
    return float(max((between - within) / max(between + (passes - 1) * within, 1e-300), 0.0))
