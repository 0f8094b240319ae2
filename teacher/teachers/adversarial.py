"""The paper's teacher: a network that sees the hardest real image and learns which group is hard (Sec. 4.1)."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.keras_api import keras
from teacher.teachers import defaults, reward
from teacher.teachers.array_state import ArrayState
from teacher.teachers.array_teacher import draw_group
from teacher.teachers.protocol import Decision, Verdict, WindowLosses

MAX_PENALTIES = 100  # after this many choices of nearly empty groups in a row only the others are offered


@dataclasses.dataclass(frozen=True)
class AdversarialConfig:
    """Settings of the adversarial teacher; the defaults are the authors'.

    Attributes:
        step_size: α of Eq. 2.
        exploration: ε, probability of a uniform draw.
        history: H, number of past window losses that Eq. 1 compares with.
        rule: key of `reward.UPDATE_RULES`: `paper` (Eq. 2), `release` or `peng`.
        learning_rate: of the teacher's own Adam (β 0.8 and 0.999, as the student's).
        decay, decay_decisions: the rate is multiplied by `decay` after every `decay_decisions` decisions; 0 = never.
            The release couples the teacher to the student's schedule (0.33 each 20,000 steps = 1,000 decisions).
        microbatch: rows per gradient computation; the gradients of a decision's inputs are summed.
        seed: of the draws.
    """

    step_size: float = defaults.STEP_SIZE
    exploration: float = defaults.EXPLORATION
    history: int = defaults.HISTORY
    rule: str = "paper"
    learning_rate: float = defaults.LEARNING_RATE
    decay: float = 0.33
    decay_decisions: int = 0
    microbatch: int = 8
    seed: int = 0


class AdversarialTeacher:
    """Teacher of the paper; implements `teacher.teachers.protocol.Teacher`.

    Example:
        teacher = AdversarialTeacher(network.build_network(10), available=np.ones(10, bool))
        decision = teacher.draw(teacher.propose(None))    # first window: uniform
        ...                                               # the student trains on decision.group
        teacher.feedback(decision, outcome)               # Eq. 1, Eq. 2, one Adam step
        decision = teacher.draw(teacher.propose(hardest_images))

    Args:
        model: Keras model from inputs [K, ...] to logits [K, sum(heads)].
        available: [num_groups] bool; a group that is not available is punished when drawn, and another is drawn.
        config: settings.
        heads: sizes of the softmax heads. One head of num_groups by default. With several the groups are the cells
            of their product (last head fastest), each head learns its own part of the choice, as in Peng et al. 2018.
    """

    def __init__(
        self,
        model: keras.Model,
        available: np.ndarray,
        config: AdversarialConfig | None = None,
        heads: Sequence[int] = (),
    ) -> None:
        self._config = config or AdversarialConfig()
        self._available = np.asarray(available, bool)
        self._heads = tuple(heads) or (len(self._available),)
        if not self._available.any():
            raise ValueError("no group is available")
        if int(np.prod(self._heads)) != len(self._available):
            raise ValueError(f"heads {self._heads} do not make {len(self._available)} groups")
        self._update = reward.UPDATE_RULES[self._config.rule]
        self._model = model
        self._optimizer = keras.optimizers.Adam(self._config.learning_rate, beta_1=0.8, beta_2=0.999, epsilon=1e-8)
        self._optimizer.build(model.trainable_variables)
        self._history: collections.deque[float] = collections.deque(maxlen=self._config.history)
        self._decisions = 0
        self._inputs: np.ndarray | None = None
        batch = tf.TensorSpec(model.input_shape, model.inputs[0].dtype)
        target = tf.TensorSpec([sum(self._heads)], tf.float32)
        self._logits = tf.function(lambda inputs: model(inputs, training=False), input_signature=[batch])
        self._gradients = tf.function(self._loss_gradients, input_signature=[batch, target])

    @property
    def num_groups(self) -> int:
        """Number of groups to choose from."""
        return len(self._available)

    def propose(self, inputs: np.ndarray | None) -> np.ndarray:
        """Returns P̃ [num_groups] float64 for the first (hardest) row of `inputs`; uniform without inputs."""
        self._inputs = inputs
        if inputs is None:
            return np.full(self.num_groups, 1.0 / self.num_groups)
        logits = np.asarray(self._logits(tf.constant(inputs[:1])), np.float64)[0]
        joint = np.ones(())
        for part in np.split(logits, np.cumsum(self._heads)[:-1]):
            exponential = np.exp(part - part.max())
            joint = np.multiply.outer(joint, exponential / exponential.sum())
        return joint.reshape(-1)

    def draw(self, probabilities: np.ndarray) -> Decision:
        """Returns the next decision: with probability ε uniform, else from P̃ (a draw, not the maximum).

        While the drawn group is not available the teacher is punished for it, proposes and draws again (as released).
        Deviation: after `MAX_PENALTIES` such draws only the available groups are offered, so that it always ends.
        """
        index, config = self._decisions, self._config
        self._decisions += 1
        for attempt in range(MAX_PENALTIES if self._inputs is not None else 0):
            group, explored = draw_group(probabilities, config.exploration, config.seed, index, attempt)
            if self._available[group]:
                return Decision(index, group, probabilities, explored, penalties=attempt)
            self._train(probabilities, group, rewarded=False)
            probabilities = self.propose(self._inputs)
        penalties = 0 if self._inputs is None else MAX_PENALTIES
        usable = np.flatnonzero(self._available)
        share = probabilities[usable] + 1e-12
        position, explored = draw_group(share / share.sum(), config.exploration, config.seed, index, penalties)
        return Decision(index, int(usable[position]), probabilities, explored, penalties)

    def feedback(self, decision: Decision, outcome: WindowLosses) -> Verdict:
        """Trains on the inputs that led to the decision; the first window of a run only fills the history."""
        verdict = Verdict(reward.baseline(self._history), None)
        if self._inputs is not None:
            rewarded = reward.is_rewarded(outcome.loss, self._history)
            self._train(decision.probabilities, decision.group, rewarded)
            verdict = dataclasses.replace(verdict, rewarded=rewarded)
        self._history.append(outcome.loss)
        return verdict

    @property
    def state(self) -> Mapping[str, Any]:
        """Network, optimizer, loss history, number of decisions, and the inputs of the last decision."""
        return {
            "model": self._model,
            "optimizer": self._optimizer,
            "arrays": ArrayState(self._to_arrays, self._from_arrays),
        }

    def _to_arrays(self) -> dict[str, np.ndarray]:
        arrays = {"history": np.asarray(self._history, np.float64), "decisions": np.asarray(self._decisions)}
        return arrays if self._inputs is None else arrays | {"inputs": self._inputs}

    def _from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._history = collections.deque(arrays["history"].tolist(), maxlen=self._config.history)
        self._decisions, self._inputs = int(arrays["decisions"]), arrays.get("inputs")

    def _train(self, predicted: np.ndarray, group: int, rewarded: bool) -> None:
        """One Adam step towards the pseudo ground truth, the same for every row of the decision's inputs."""
        assert self._inputs is not None
        config = self._config
        target = tf.constant(self._pseudo_ground_truth(predicted, group, rewarded), tf.float32)
        sums: list[tf.Tensor] | None = None
        for start in range(0, len(self._inputs), config.microbatch):
            part = self._gradients(tf.constant(self._inputs[start : start + config.microbatch]), target)
            sums = part if sums is None else [total + new for total, new in zip(sums, part)]
        if config.decay_decisions:
            periods = (self._decisions - 1) // config.decay_decisions
            self._optimizer.learning_rate.assign(config.learning_rate * config.decay**periods)
        self._optimizer.apply_gradients(zip(sums or [], self._model.trainable_variables))

    def _pseudo_ground_truth(self, predicted: np.ndarray, group: int, rewarded: bool) -> np.ndarray:
        """Returns [sum(heads)] the targets of all heads; Eq. 2 is applied to each head's own part of the choice."""
        joint = predicted.reshape(self._heads)
        axes = range(len(self._heads))
        targets = []
        for axis, picked in enumerate(np.unravel_index(group, self._heads)):
            marginal = joint.sum(axis=tuple(other for other in axes if other != axis))
            targets.append(self._update(marginal, int(picked), rewarded, self._config.step_size))
        return np.concatenate(targets)

    def _loss_gradients(self, inputs: tf.Tensor, target: tf.Tensor) -> list[tf.Tensor]:
        """Gradients of the soft-label cross entropy (KL divergence but for a constant), summed over rows and heads."""
        with tf.GradientTape() as tape:
            logits = tf.split(self._model(inputs, training=True), self._heads, axis=1)
            labels = tf.split(target, self._heads)
            loss = tf.add_n([tf.reduce_sum(_cross_entropy(label, part)) for label, part in zip(labels, logits)])
        return tape.gradient(loss, self._model.trainable_variables)


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax_cross_entropy_with_logits(tf.broadcast_to(labels, tf.shape(logits)), logits)
