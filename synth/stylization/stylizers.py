"""The stylizers by name. A new one is a module with a `pipeline.Stylizer`, and a row here."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from openpose_tf.common.errors import UserError
from synth.stylization import monge_kantorovich
from synth.stylization.pipeline import Stylizer


@dataclasses.dataclass(frozen=True)
class StylizerKind:
    """What is known of a stylizer without loading it.

    Attributes:
        make: returns the stylizer, of its weights where it has any; imports what it needs.
        summary: what it is, for --help.
        strength: default of --strength, 0..1.
        origin, licence: of the method or its weights.
        weights: what --weights must be; None for a stylizer without weights.
        usual_files: below --models_dir, files whose folder holds the weights where no --weights is given.
    """

    make: Callable[..., Stylizer]
    summary: str
    strength: float
    origin: str
    licence: str
    weights: str | None = None
    usual_files: tuple[str, ...] = ()


def _make_pcakd(folder: Path) -> Stylizer:
    from synth.stylization.pcakd import PcaKd

    return PcaKd.from_folder(folder)


def _make_photowct(path: Path) -> Stylizer:
    from synth.stylization.photowct import PhotoWCT

    return PhotoWCT.from_file(path)


STYLIZERS: dict[str, StylizerKind] = {
    "mk": StylizerKind(
        make=lambda: monge_kantorovich.transfer,
        summary="colour map",
        strength=0.7,
        origin="colour map, this project",
        licence="Apache-2.0",
    ),
    "pcakd": StylizerKind(
        make=_make_pcakd,
        summary="PCA-distilled PhotoWCT",
        strength=1.0,
        origin="weights of PCA-Knowledge-Distillation, (c) 2022 chiutaiyin",
        licence="MIT",
        weights="the folder with sencoder.* and sdecoder.* (`ckpts` of PCA-Knowledge-Distillation, VGG or MobileNet)",
        usual_files=("pcakd/vgg/sencoder.index", "pcakd/sencoder.index"),
    ),
    "photowct": StylizerKind(
        make=_make_photowct,
        summary="PhotoWCT, the paper's",
        strength=1.0,
        origin="the user's photo_wct.pth of FastPhotoStyle",
        licence="CC BY-NC-SA 4.0 (weights)",
        weights="photo_wct.pth of FastPhotoStyle (PhotoWCTModels/)",
    ),
}


def find_weights(name: str, given: Path | None, models_dir: Path) -> Path | None:
    """Returns the weights of a stylizer; None where it needs none.

    Args:
        name: a key of STYLIZERS.
        given: --weights.
        models_dir: --models_dir, where the usual files are looked for if no weights are given.

    Raises:
        UserError: weights are missing, or given to a stylizer without weights.
    """
    kind = STYLIZERS[name]
    if kind.weights is None:
        if given:
            raise UserError(f"--stylizer={name} takes no --weights: omit one of them")
        return None
    if given:
        if not Path(given).exists():
            raise UserError(f"--weights={given} does not exist: give {kind.weights}")
        return Path(given)
    for file in kind.usual_files:
        if (models_dir / file).is_file():
            return (models_dir / file).parent
    usual = f", or put it into {(models_dir / kind.usual_files[0]).parent}" if kind.usual_files else ""
    raise UserError(f"--stylizer={name} needs --weights: {kind.weights}{usual}; or use --stylizer=mk")


@functools.lru_cache(maxsize=1)
def load_stylizer(name: str, weights: Path | None) -> Stylizer:
    """Returns the stylizer, loaded once per process.

    Args:
        name: a key of STYLIZERS.
        weights: of `find_weights`.

    Raises:
        UserError: the weights are of another program.
    """
    return STYLIZERS[name].make(*() if weights is None else (weights,))
