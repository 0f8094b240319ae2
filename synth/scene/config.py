"""What a user chooses about scenes and pictures, as frozen plain data."""

import dataclasses

DATASETS = ("synthetic", "real_standin", "mixed")
CAMERAS = ("paper", "release", "standin", "mixed")
LIGHTS = ("hdri", "sh")
DEFAULT_CAMERA = {"synthetic": "paper", "real_standin": "standin", "mixed": "mixed"}
DEFAULT_PEOPLE_MEAN = {"synthetic": 9.0, "real_standin": 9.0, "mixed": 4.0}  # paper Sec. 3.2 and 3.3
MIN_BACKGROUND_SIDE = 512  # px, shorter side (paper Sec. 3.1, "Background Images")


@dataclasses.dataclass(frozen=True)
class SceneConfig:
    """What is in a scene; with the scene's index it decides every sampled value.

    Attributes:
        dataset: `synthetic` (D_S), `real_standin` (a second rendered domain in place of real photographs) or
            `mixed` (D_M: before annotated photographs, of whose size the pictures are).
        seed: master seed.
        width, height: of the picture in pixels (paper: 640x640).
        people_mean: mean of the Poisson distribution of the number of people (paper: 9; D_M 4).
        people_min: least number of people (release: 2).
        camera: `paper` (pitch uniform in 0..45 degrees), `release` (geometry of the released code), `standin`,
            `mixed` (the release's fixed camera of D_M).
        light: `hdri` (environment and sun) or `sh` (spherical harmonics of the release).
        body: `builtin` or the path of SMPL+H model files.
        poses: `builtin` or a folder of motion files.
        frame_step: every n-th frame of a motion file is used.
        pose_split: `train`, `val` or `test` part of the motion sequences and textures.
        textures: folder of clothing textures for an SMPL+H body; empty = none.
        max_tries: placement tries per person before the person is given up and counted.
    """

    dataset: str = "synthetic"
    seed: int = 0
    width: int = 640
    height: int = 640
    people_mean: float = 9.0
    people_min: int = 2
    camera: str = "paper"
    light: str = "hdri"
    body: str = "builtin"
    poses: str = "builtin"
    frame_step: int = 10
    pose_split: str = "train"
    textures: str = ""
    max_tries: int = 12


@dataclasses.dataclass(frozen=True)
class RenderConfig:
    """How a scene becomes pixels; defaults as measured (BUILD_NOTES.md, "Scenes, rendering, ground truth").

    Attributes:
        samples: per pixel.
        device: what the renderer computes on.
        denoise: remove the noise of few samples.
        write_depth: also write depth/NAME.png (uint16 millimetres, 0 = background).
        jpeg_quality: of the pictures, 0..100.
    """

    samples: int = 16
    device: str = "CPU"
    denoise: bool = True
    write_depth: bool = False
    jpeg_quality: int = 95
