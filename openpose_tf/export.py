"""Writes a trained student as a SavedModel with the decoder inside; on request also as `.keras`, TFLite and weights.

python -m openpose_tf.export --model_dir=runs/student --output_dir=exported
python -m openpose_tf.export --checkpoint=runs/student/ckpt-5000 --output_dir=exported --tflite=student.tflite
python -m openpose_tf.export --checkpoint=runs/student/ckpt-4000,runs/student/ckpt-5000 --output_dir=mean
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.errors import MachineError, UserError

if TYPE_CHECKING:
    from openpose_tf.config import ModelConfig
    from openpose_tf.inference.saved_model import ServingConfig
    from openpose_tf.keras_api import keras


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What to export and where to.

    Attributes:
        output_dir: folder of the SavedModel.
        model_dir: folder of a run, whose latest checkpoint is taken; None if `checkpoint` is given.
        checkpoints: one checkpoint of a run, such as runs/student/ckpt-5000, several, whose mean weights are taken, or
            "builtin", the student that ships; empty if `model_dir` is given.
        keras: path of a `.keras` file of the network to write as well, or None.
        weights: path of an .npz file of the weights in half precision to write as well, or None; what
            --init_checkpoint takes, and the form of the student that ships.
        tflite: path of a TFLite file of network and decoder to write as well, or None.
        tflite_size: height and width in pixels of the TFLite model's input; None for the size of the training crops.
        test_side: longer side in pixels at which pictures are best shown to the network; None chooses by the training.
        max_people: people per picture.
        min_person_score: people with a lower score are left out; None: 0.2 (release), or what suits the student.
    """

    output_dir: str
    model_dir: str | None = None
    checkpoints: tuple[str, ...] = ()
    keras: str | None = None
    weights: str | None = None
    tflite: str | None = None
    tflite_size: tuple[int, int] | None = None
    test_side: int | None = None
    max_people: int = 32
    min_person_score: float | None = None


def export(options: ExportOptions) -> None:
    """Writes the files; each appears whole or not at all.

    Raises:
        UserError: there is no checkpoint, or the output folder holds something else.
        MachineError: the disk is full or failed.
    """
    _check(options)
    import tensorflow as tf

    from openpose_tf.inference import saved_model, student_file
    from openpose_tf.weights import checkpoints, weight_files

    if options.checkpoints == (weight_files.BUILTIN,):
        model, config, serving = student_file.read_student(weight_files.BUILTIN_PATH)
    elif options.checkpoints:
        model, config = _load_checkpoints(options.checkpoints)
        serving = saved_model.ServingConfig.for_model(config)
    else:
        model, config = checkpoints.load_student(str(options.model_dir))
        serving = saved_model.ServingConfig.for_model(config)
    serving = _changed(serving, options)
    server = saved_model.PoseServer(model, config, serving)
    try:
        save_folder(options.output_dir, server.save)
    except tf.errors.OpError as error:  # TensorFlow's own file system calls: disk full, folder gone
        raise MachineError(f"cannot write {options.output_dir}: {' '.join(str(error).split())[:200]}") from None
    logging.info("SavedModel with signatures serving_default and encoded: %s", options.output_dir)
    if options.keras:
        with files.atomic_path(options.keras) as temporary:
            model.save(temporary)
        logging.info("Keras network: %s", options.keras)
    if options.weights:
        student_file.write_student(options.weights, model, config, serving)
        logging.info("weights in half precision: %s", options.weights)
    if options.tflite:
        size = options.tflite_size or (config.input_size, config.input_size)
        files.write_bytes(options.tflite, server.to_tflite(*size))
        logging.info("TFLite network and decoder for pictures of %d x %d: %s", size[1], size[0], options.tflite)


def _changed(serving: "ServingConfig", options: ExportOptions) -> "ServingConfig":
    """Returns `serving` with what the options say."""
    decoder = dataclasses.replace(serving.decoder, max_people=options.max_people)
    if options.min_person_score is not None:
        decoder = dataclasses.replace(decoder, min_person_score=options.min_person_score)
    return dataclasses.replace(serving, decoder=decoder, test_side=options.test_side or serving.test_side)


def _load_checkpoints(paths: Sequence[str]) -> "tuple[keras.Model, ModelConfig]":
    from openpose_tf.weights import checkpoints

    for path in paths:
        if not Path(f"{path}.index").is_file():
            raise UserError(f"{path} is no checkpoint: expected the name before .index, such as runs/student/ckpt-5000")
    return checkpoints.load_mean_checkpoint(paths)


def _check(options: ExportOptions) -> None:
    if bool(options.model_dir) == bool(options.checkpoints):
        raise UserError("give either --model_dir (its latest checkpoint is taken) or --checkpoint")
    if options.keras and not options.keras.endswith(".keras"):
        raise UserError(f"--keras={options.keras}: the name must end in .keras")
    if options.weights and not options.weights.endswith(".npz"):
        raise UserError(f"--weights={options.weights}: the name must end in .npz")
    output = Path(options.output_dir)
    if output.is_dir() and any(output.iterdir()) and not (output / "saved_model.pb").is_file():
        raise UserError(f"{output} holds something that is not a SavedModel: give a new folder as --output_dir")
    files.writable_dir(output.absolute().parent)


def save_folder(folder: str | os.PathLike[str], write: Callable[[Path], None]) -> None:
    """Calls `write(path)` for a temporary folder beside `folder`, which then takes the place of `folder`."""
    final = Path(folder).absolute()
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    replaced = final.with_name(f".{final.name}.{os.getpid()}.old")
    try:
        write(temporary)
        if final.exists():
            os.replace(final, replaced)
        try:
            os.replace(temporary, final)
        except OSError:
            if replaced.exists():
                os.replace(replaced, final)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("model_dir", None, "Folder of a run; its latest checkpoint is exported.")
    flags.DEFINE_list(
        "checkpoint",
        [],
        "One checkpoint, such as runs/student/ckpt-5000, several with commas (the mean of their weights is taken), or "
        "builtin (the student that ships), instead of --model_dir.",
    )
    flags.DEFINE_string(
        "output_dir", None, "Folder of the SavedModel; an older SavedModel there is replaced.", required=True
    )
    flags.DEFINE_string("keras", None, "Also write the network alone to this .keras file.")
    flags.DEFINE_string(
        "weights", None, "Also write the weights in half precision to this .npz file, which --init_checkpoint takes."
    )
    flags.DEFINE_string("tflite", None, "Also write network and decoder to this TFLite file.")
    flags.DEFINE_list("tflite_size", None, "Height,width in pixels of the TFLite input (default: the training crop's).")
    flags.DEFINE_integer(
        "test_side",
        None,
        "Longer side in pixels at which pictures are shown to the network (default: 1.5 training crops).",
        lower_bound=8,
    )
    flags.DEFINE_float(
        "min_person_score",
        None,
        "People with a lower score (mean of parts and limbs, 0 to 2) are left out; default 0.2 (release), for builtin "
        "its own.",
        lower_bound=0.0,
    )
    flags.DEFINE_integer("max_people", 32, "Largest number of people per picture.", lower_bound=1, upper_bound=480)


def main() -> None:
    """Exports as the flags say."""
    values = flags.FLAGS
    export(
        ExportOptions(
            output_dir=values.output_dir,
            model_dir=values.model_dir,
            checkpoints=tuple(values.checkpoint),
            keras=values.keras,
            weights=values.weights,
            tflite=values.tflite,
            tflite_size=_size(values.tflite_size),
            test_side=values.test_side,
            max_people=values.max_people,
            min_person_score=values.min_person_score,
        )
    )


def _size(values: Sequence[str] | None) -> tuple[int, int] | None:
    if values is None:
        return None
    try:
        height, width = (int(value) for value in values)
    except ValueError:
        raise UserError(f"--tflite_size={','.join(values)}: expected height,width such as 184,184") from None
    if min(height, width) < 8:
        raise UserError(f"--tflite_size={height},{width}: both must be at least 8 px")
    return height, width


if __name__ == "__main__":
    cli.run(main, define_flags)
