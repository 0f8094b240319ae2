"""The method's numbers on this stack, for a comparison with those of the other.

python -m tests.support.programs.stack_numbers FILE.npz

No number comes from a generator of TensorFlow: weights and inputs are NumPy's.
"""

import sys

import cv2
import numpy as np
import tensorflow as tf

from eval.formats.mpii_inputs import read_groups
from eval.metrics.mpii_summary import match_groups, summarize
from openpose_tf.common.imaging import images
from openpose_tf.config import ModelConfig, TargetConfig
from openpose_tf.inference.decoder import PAPER, RELEASE, Decoder
from openpose_tf.inference.predictor import Predictor
from openpose_tf.keras_api import keras
from openpose_tf.labels import losses
from openpose_tf.labels.targets import draw_labels
from openpose_tf.network.openpose import build_openpose, preprocess
from openpose_tf.weights.bundled import BUILTIN
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.protocol import WindowLosses
from tests.support import mpii_vectors, pose_scenes
from tests.support.checkout import ROOT
from tests.support.training_batches import make_batch

NUM_WINDOWS = 20
PHOTOGRAPH = ROOT / "openpose_tf" / "assets" / "student_predictions.jpg"


def numpy_weights(model, seed):
    """Sets a model's weights to small numbers of NumPy."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.05, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def step():
    """Labels, losses and gradients of one training step."""
    model, batch = numpy_weights(build_openpose(ModelConfig(0.0625, 2, 64)), 1), make_batch(0)
    labels = draw_labels(batch, TargetConfig())
    with tf.GradientTape() as tape:
        branch = losses.branch_losses(model(preprocess(batch["images"])), labels)
        loss = tf.reduce_sum(losses.sample_losses(branch))
    gradients = tape.gradient(loss, model.trainable_variables)
    yield from ((f"label_{number}", label.numpy()) for number, label in enumerate(labels))
    yield "branch_losses", branch.numpy()
    yield "gradient_norms", np.array([float(tf.norm(g)) for g in gradients])
    yield "first_gradient", gradients[0].numpy()


def teacher():
    """Groups, probabilities and rewards of the paper's teacher over some windows."""
    layers = [keras.Input((3,)), keras.layers.Dense(5)]
    model, rng = numpy_weights(keras.Sequential(layers), 2), np.random.default_rng(3)
    config = AdversarialConfig(learning_rate=5e-3, seed=4)
    player, rows = AdversarialTeacher(model, np.ones(5, bool), config), []
    inputs = None
    for _ in range(NUM_WINDOWS):
        decision = player.draw(player.propose(inputs))
        loss = float(rng.uniform(0.5, 1.5))
        verdict = player.feedback(decision, WindowLosses(loss, loss, loss))
        rows.append([decision.group, bool(verdict.rewarded), *decision.probabilities])
        inputs = rng.uniform(0, 1, (4, 3)).astype(np.float32)
    yield "teacher", np.array(rows)


def decoders():
    """People of drawn maps in both modes."""
    for name, config, cells in (("paper", PAPER, 46), ("release", RELEASE, 120)):
        maps = pose_scenes.draw_maps(pose_scenes.crowd(3, cells), cells, cells, sigma=cells / 50, reach=cells / 46)
        keypoints, scores = Decoder(config=config)(*(tf.constant(values[None]) for values in maps))
        yield f"decoder_{name}", np.concatenate([keypoints.numpy().ravel(), scores.numpy().ravel()])


def evaluator():
    """AP of a vector of the official toolkit."""
    source = mpii_vectors.mat_input(mpii_vectors.CASES[0])
    result = summarize(match_groups(*read_groups(source, source)))
    yield "evaluator", np.array([np.nan if value is None else value for value in result["ap"]])


def predictions():
    """What the bundled student finds in a rendered image: confidence maps and PAFs."""
    picture = cv2.resize(images.read_rgb(PHOTOGRAPH, orientation="stored"), (320, 160), interpolation=cv2.INTER_AREA)
    maps, pafs = Predictor(BUILTIN).maps(picture[None])
    yield "student_maps", maps
    yield "student_pafs", pafs


def main(output):
    """Writes the numbers."""
    rows = dict(row for part in (step, teacher, decoders, evaluator, predictions) for row in part())
    np.savez_compressed(output, **rows)


if __name__ == "__main__":
    main(sys.argv[1])
