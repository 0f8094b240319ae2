"""What a user chooses about scenes and images, as frozen plain data."""

import dataclasses

from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.name_splits import SPLITS

DATASETS = ("synthetic", "real_standin", "mixed")
CAMERAS = ("paper", "release", "standin", "mixed")
LIGHTS = ("hdri", "sh")
SHAPES = ("normal", "clip")
LOOKS = ("wardrobe", "painted")
GROUNDS = ("photograph", "anywhere")
PLACES = ("all", "first")
QUALITIES = {"draft": 2, "standard": 6, "high": 16}  # samples per pixel
PHOTO_MATCHES = ("light", "colour", "blur", "noise", "shadow")  # what --photo_match=all adds to the people of D_M
DEFAULT_CAMERA = {"synthetic": "paper", "real_standin": "standin", "mixed": "mixed"}
DEFAULT_LOOK = {"builtin": "wardrobe"}  # by body; painted for all others
DEFAULT_PEOPLE_MEAN = {"synthetic": 9.0, "real_standin": 9.0, "mixed": 4.0}  # paper Sec. 3.2 and 3.3
MIN_BACKGROUND_SIDE = 512  # px, shorter side (paper Sec. 3.1, "Background Images")


@dataclasses.dataclass(frozen=True)
class SceneConfig:
    """What is in a scene; with the scene's index it decides every sampled value.

    Attributes:
        dataset: `mixed` images are of the size of their photographs.
        width, height: of the image in pixels (paper: 640x640).
        camera: `paper` (pitch uniform in 0..45 degrees), `release` (geometry of the released code), `standin`,
            `mixed` (the release's fixed camera of D_M).
        pose_split: of the motion sequences and the textures.
        look: `painted` is procedural cloth on the body's proxy meshes.
        max_tries: placement tries per person before the person is given up and counted.
    """

    dataset: str = option(
        "synthetic",
        "synthetic = D_S; real_standin = a second rendered domain in place of photographs; mixed = D_M, before "
        "annotated photographs at their own size",
        choices=DATASETS,
    )
    seed: int = option(0, "master seed; scene i depends on (seed, i) only", low=0)
    width: int = 640
    height: int = 640
    people_mean: float = option(
        9.0, "mean of the Poisson number of people; default 9, for mixed 4 (paper)", low=0.0, derived=True
    )
    people_min: int = option(2, "least number of people (release: 2)", low=0)
    camera: str = option(
        "paper",
        "camera distribution; default paper for synthetic, else the dataset's own",
        choices=CAMERAS,
        derived=True,
    )
    light: str = option("hdri", "environment images with a sun, or the release's spherical harmonics", choices=LIGHTS)
    body: str = option("builtin", "builtin, or the path of SMPL+H model files")
    poses: str = option("builtin", "builtin, or a folder of AMASS .npz / BVH motion files")
    joint_names: str = option(
        "",
        'JSON file of our joint names and those of BVH files, {"left_hip": "Thigh.L"}, for skeletons of unknown naming '
        '(docs/reference/datasets.md, "Motion files")',
    )
    frame_step: int = option(10, "every n-th frame of the motion files (release: 10 or 20)", low=1)
    shapes: str = option(
        "normal",
        "normal: betas drawn from N(0, 1), cut at 2.5; clip: those of the person whose motion --poses holds, and the "
        "gender where --body has it (paper Sec. 3.1: poses and shapes of MoSh)",
        choices=SHAPES,
    )
    pose_split: str = option("train", "which part of the motion sequences to use", choices=tuple(SPLITS))
    textures: str = option("", "folder of SURREAL-style clothing textures for an SMPL+H --body")
    photo_match: str = option(
        "none",
        "mixed: what fits the people to their photograph besides alpha: none (paper), all, or several of "
        f"{', '.join(PHOTO_MATCHES)}; light, colour and blur need --light=hdri",
    )
    look: str = option(
        "wardrobe",
        "wardrobe = photographed skins, garments, hair on the built-in body (its default); painted = procedural cloth, "
        "as in data sets made before there was this flag (default with an SMPL+H --body)",
        choices=LOOKS,
        derived=True,
    )
    ground: str = option(
        "photograph",
        "photograph = people stand where a background photograph has its ground, known for the built-in ones, else "
        "estimated; anywhere = wherever the camera sees its own ground, as in data sets made before there was this "
        "flag; not for mixed. Default: what the data set has, else photograph",
        choices=GROUNDS,
        derived=True,
    )
    places: str = option(
        "all",
        "all = every built-in photograph and environment; first = those of data sets made before there was this flag. "
        "Default: what the data set has, else all",
        choices=PLACES,
        derived=True,
    )
    max_tries: int = 12

    @property
    def photo_matches(self) -> frozenset[str]:
        """The members of `PHOTO_MATCHES` that `photo_match` names.

        Raises:
            UserError: it names something else, or what this light does not have.
        """
        if self.photo_match in ("none", "all"):
            return frozenset(PHOTO_MATCHES if self.photo_match == "all" else ())
        names = frozenset(name.strip() for name in self.photo_match.split(","))
        if not names <= set(PHOTO_MATCHES):
            unknown = ", ".join(sorted(names - set(PHOTO_MATCHES))) or "nothing"
            raise UserError(f"--photo_match names {unknown}: use none, all, or some of {', '.join(PHOTO_MATCHES)}")
        if self.light == "sh" and names - {"noise", "shadow"}:
            raise UserError(f"--photo_match={self.photo_match}: light, colour and blur need --light=hdri")
        return names


@dataclasses.dataclass(frozen=True)
class RenderConfig:
    """How a scene becomes pixels; defaults as measured (docs/measurements/2026-11-23-rendering.md).

    Attributes:
        device: what the renderer computes on.
    """

    samples: int = option(
        QUALITIES["standard"],
        "samples per pixel; default: what the data set has, else those of --quality",
        low=1,
        derived=True,
    )
    device: str = "CPU"
    denoise: bool = option(True, "denoise with OpenImageDenoise")
    write_depth: bool = option(False, "also write depth/ (uint16 millimetres)")
    jpeg_quality: int = option(95, "of the images", low=1, high=100)
