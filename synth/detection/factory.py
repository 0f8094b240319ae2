"""Makes the detector or segmenter that a flag names. TensorFlow is imported when one is made, not before.

detector = make_detector("builtin", Path("models"))
score = person_score(detector, image, tiles=False)   # >= 0.25: there is a person
"""

from pathlib import Path

from openpose_tf.common.errors import UserError
from synth.detection import model_files
from synth.detection.people import PersonDetector, PersonSegmenter

DETECTOR_KINDS = ("builtin", "tfod")
SEGMENTER_KINDS = ("builtin", "tfod", "groundtruth")


def make_detector(kind: str, models_dir: Path, tfod_model: Path | None = None) -> PersonDetector:
    """Returns a detector.

    Args:
        kind: one of DETECTOR_KINDS.
        models_dir: folder of the built-in files (`make models`).
        tfod_model: a user's network with the output names of the TF Object Detection API: SavedModel folder or
            frozen graph.
    """
    if kind == "tfod":
        from synth.detection.tf_object_detection import TfodDetector

        return TfodDetector(_require_tfod(tfod_model))
    model_files.require(models_dir, "centernet.bin")  # before TensorFlow takes its seconds to load
    from synth.detection.builtin import CenterNetDetector

    return CenterNetDetector(models_dir)


def make_segmenter(
    kind: str, models_dir: Path, tfod_model: Path | None = None, groundtruth: Path | None = None
) -> PersonSegmenter:
    """Returns a segmenter.

    Args:
        kind: one of SEGMENTER_KINDS.
        models_dir: see `make_detector`.
        tfod_model: see `make_detector`; the network must have masks (Mask R-CNN).
        groundtruth: COCO annotation JSON with segmentations, or a folder of mask images.
    """
    if kind == "groundtruth":
        from synth.detection.groundtruth import make_groundtruth_segmenter

        if groundtruth is None:
            raise UserError("--person_segmenter=groundtruth needs --groundtruth: a COCO JSON or a folder of masks")
        return make_groundtruth_segmenter(groundtruth)
    if kind == "tfod":
        from synth.detection.tf_object_detection import TfodDetector

        return TfodDetector(_require_tfod(tfod_model), masks_required=True)
    model_files.require(models_dir, "centernet.bin")
    from synth.detection.builtin import BuiltinSegmenter

    return BuiltinSegmenter(models_dir)


def _require_tfod(path: Path | None) -> Path:
    if path is None:
        raise UserError("the kind tfod needs --tfod_model: a SavedModel folder or a frozen graph (.pb)")
    return path
