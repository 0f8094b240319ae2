"""Exports a trained student as a SavedModel with the decoder; also .keras, TFLite, weights.

python -m openpose_tf.export --model_dir=runs/student --output_dir=exported
python -m openpose_tf.export --checkpoint=runs/student/ckpt-5000 --output_dir=exported --tflite=student.tflite
python -m openpose_tf.export --checkpoint=runs/student/ckpt-4000,runs/student/ckpt-5000 --output_dir=mean
python -m openpose_tf.export --model_dir=runs/real --output_dir=exported --weights=student_real.npz
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags, logging

from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import MachineError, UserError

if TYPE_CHECKING:
    from openpose_tf.config import ModelConfig
    from openpose_tf.inference.saved_model import ServingConfig
    from openpose_tf.keras_api import keras


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What to export and where to."""

    output_dir: str = option(
        dataclasses.MISSING, "Folder of the SavedModel; an older SavedModel there is replaced.", required=True
    )
    model_dir: str | None = option(None, "Folder of a run; its latest checkpoint is exported.")
    checkpoints: tuple[str, ...] = option(
        (),
        "One checkpoint, such as runs/student/ckpt-5000, several with commas (the mean of their weights is taken), or "
        "a bundled student (builtin, builtin_real), instead of --model_dir.",
        name="checkpoint",
    )
    keras: str | None = option(None, "Also write the network alone to this .keras file.")
    weights: str | None = option(
        None, "Also write the weights in half precision to this .npz file, which --init_checkpoint takes."
    )
    card: str | None = option(
        None,
        "With --weights and a run of this project: also write that file's card, this .md file and its loss curves.",
    )
    tflite: str | None = option(None, "Also write network and decoder to this TFLite file.")
    tflite_size: tuple[int, ...] | None = option(
        None, "Height,width in pixels of the TFLite input (default: the training crop's)."
    )
    test_side: int | None = option(
        None, "Longer side in pixels at which images are shown to the network (default: 1.5 training crops).", low=8
    )
    person_height: int | None = option(
        None,
        "Height in pixels at which people are best shown: predict then chooses each image's size by the people in "
        "it (0.49 training crops did best on photographs); default: all images at --test_side.",
        low=8,
    )
    max_people: int = option(32, "Largest number of people per image.", low=1, high=480)
    min_person_score: float | None = option(
        None,
        "People with a lower score (mean of parts and limbs, 0 to 2) are left out; default 0.2 (release), for a "
        "bundled student its own.",
        low=0.0,
    )


def export(options: ExportOptions, system_flags: Collection[str] = ()) -> None:
    """Writes the files; each appears whole or not at all.

    Args:
        options: what to write.
        system_flags: names of flags that every command has, which a card does not tell.

    Raises:
        UserError: there is not a checkpoint, or the output folder holds something else.
        MachineError: the disk is full or failed.
    """
    _check(options)
    import tensorflow as tf

    from openpose_tf.inference import saved_model, student_file
    from openpose_tf.weights import bundled

    if len(options.checkpoints) == 1 and (path := bundled.find(options.checkpoints[0])):
        model, config, serving = student_file.read_student(path)
    else:
        model, config = _load(options)
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
    if options.card and options.weights:
        from openpose_tf.training import student_card

        source = options.model_dir or options.checkpoints[-1]
        student_card.write_card(options.card, options.weights, config, source, system_flags)
        logging.info("its card: %s", options.card)
    if options.tflite:
        height, width = options.tflite_size or (config.input_size, config.input_size)
        files.write_bytes(options.tflite, server.to_tflite(height, width))
        logging.info("TFLite network and decoder for images of %d x %d: %s", width, height, options.tflite)


def _changed(serving: "ServingConfig", options: ExportOptions) -> "ServingConfig":
    """Returns `serving` with what the options say."""
    decoder = dataclasses.replace(serving.decoder, max_people=options.max_people)
    if options.min_person_score is not None:
        decoder = dataclasses.replace(decoder, min_person_score=options.min_person_score)
    side, height = options.test_side or serving.test_side, options.person_height or serving.person_height
    return dataclasses.replace(serving, decoder=decoder, test_side=side, person_height=height)


def _load(options: ExportOptions) -> "tuple[keras.Model, ModelConfig]":
    from openpose_tf.weights import checkpoints

    if options.model_dir:
        return checkpoints.load_student(options.model_dir)
    for path in options.checkpoints:
        if not Path(f"{path}.index").is_file():
            raise UserError(
                f"{path} is not a checkpoint: expected the name before .index, such as runs/student/ckpt-5000"
            )
    return checkpoints.load_mean_checkpoint(options.checkpoints)


def _check(options: ExportOptions) -> None:
    if bool(options.model_dir) == bool(options.checkpoints):
        raise UserError("give either --model_dir (its latest checkpoint is taken) or --checkpoint")
    if options.keras and not options.keras.endswith(".keras"):
        raise UserError(f"--keras={options.keras}: the name must end in .keras")
    if options.weights and not options.weights.endswith(".npz"):
        raise UserError(f"--weights={options.weights}: the name must end in .npz")
    if options.card and (not options.weights or not options.card.endswith(".md")):
        raise UserError(f"--card={options.card}: the name must end in .md, and --weights name the file it is about")
    size = options.tflite_size
    if size is not None and (len(size) != 2 or min(size) < 8):
        text = ",".join(map(str, size))
        raise UserError(f"--tflite_size={text}: expected height,width such as 184,184, both at least 8 px")
    output = Path(options.output_dir)
    if output.is_dir() and any(output.iterdir()) and not (output / "saved_model.pb").is_file():
        raise UserError(f"{output} holds something that is not a SavedModel: give a new folder as --output_dir")
    files.writable_dir(output.absolute().parent)


def save_folder(folder: str | os.PathLike[str], write: Callable[[Path], None]) -> None:
    """Calls `write(path)` for a temporary folder beside `folder`, which then takes the place of `folder`."""
    final = Path(folder).absolute()
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    replaced = final.with_name(f".{final.name}.{os.getpid()}.old")
    level = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)  # TensorFlow names the temporary folder, and its own functions
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
        logging.set_verbosity(level)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(ExportOptions)


def main() -> None:
    """Exports as the flags say."""
    export(config_flags.build(ExportOptions, flags.FLAGS), flags.FLAGS)


if __name__ == "__main__":
    cli.run(main, define_flags)
