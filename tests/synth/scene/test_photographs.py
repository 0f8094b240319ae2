"""Photographs of mixed datasets: three kinds of annotation, lists, grey and CMYK files, and what is refused."""

import itertools
import json
import types

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels as images
from openpose_tf.data.annotations.types import ReadRequest
from synth import render
from synth.dataset import writer
from synth.scene import photographs

WIDTH, HEIGHT = 96, 72
COCO_NAMES = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"] + [
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
]


def picture(path, mode="RGB", size=(WIDTH, HEIGHT)):
    rng = np.random.default_rng(3)
    channels = {"RGB": 3, "CMYK": 4, "L": None}[mode]
    shape = (size[1], size[0]) if channels is None else (size[1], size[0], channels)
    Image.fromarray(rng.integers(60, 200, shape).astype(np.uint8), mode).save(path)


def coco(folder, count=3, **changes):
    """Writes pictures p0.jpg ... and their annotation; returns the source."""
    (folder / "photos").mkdir(exist_ok=True)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person", "keypoints": COCO_NAMES}]}
    for k in range(count):
        picture(folder / "photos" / f"p{k}.jpg")
        content["images"].append({"id": k + 1, "file_name": f"p{k}.jpg", "width": WIDTH, "height": HEIGHT})
        points = [[20.5 + 2 * j + k, 10 + 3 * j, 2 - (j == 6)] for j in range(17)]
        person = {
            "id": k,
            "image_id": k + 1,
            "category_id": 1,
            "keypoints": list(itertools.chain(*points)),
            "iscrowd": 0,
        }
        content["annotations"].append(person | {"bbox": [18, 8, 40, 55], "area": 900.0 + k})
    crowd = {"id": 99, "image_id": 1, "category_id": 1, "iscrowd": 1, "bbox": [70, 10, 20, 30], "keypoints": []}
    content["annotations"].append(crowd | {"segmentation": [[70, 10, 90, 10, 90, 40, 70, 40]]})
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return ReadRequest(str(path), str(folder / "photos"), **changes)


def mat(folder, name="RELEASE", **changes):
    """Writes a release of two training images and one test image; returns the source."""
    (folder / "photos").mkdir(exist_ok=True)
    annolist = []
    for k in range(2):
        picture(folder / "photos" / f"m{k}.jpg")
        points = [{"x": 20.5 + j, "y": 10.0 + 3 * j, "id": j, "is_visible": 1} for j in range(16)]
        rect = {"x1": 20.0, "y1": 5.0, "x2": 30.0, "y2": 15.0, "scale": 0.3, "annopoints": {"point": points}}
        annolist.append({"image": {"name": f"m{k}.jpg"}, "annorect": rect | {"objpos": {"x": 28.0, "y": 33.0}}})
    annolist.append({"image": {"name": "test.jpg"}, "annorect": np.zeros(0)})
    single = np.empty(3, object)
    for k in range(3):
        single[k] = np.zeros(0)
    release = {"annolist": annolist, "img_train": np.array([1, 1, 0]), "single_person": single} | changes
    path = folder / "release.mat"
    scipy.io.savemat(path, {name: {key: value for key, value in release.items() if value is not None}})
    return str(path), str(folder / "photos")


def test_coco_photographs_with_crowds_and_lists(tmp_path):
    found = photographs.read_photographs("coco", coco(tmp_path)).images
    assert [one.image_id for one in found] == ["1", "2", "3"]
    assert not found[0].labelled_joints[9]
    ignore = images.read_ignore_mask(found[0])
    assert ignore[20, 80] and not ignore[20, 40] and images.read_ignore_mask(found[1]) is None
    (tmp_path / "some.txt").write_text("p2.jpg\n1\n")
    (tmp_path / "not.txt").write_text("1\n")
    lists = {"include_list": str(tmp_path / "some.txt"), "exclude_list": str(tmp_path / "not.txt")}
    assert [one.image_id for one in photographs.read_photographs("coco", coco(tmp_path, **lists)).images] == ["3"]


def test_mpii_photographs_by_the_list_of_the_real_records(tmp_path):
    annotations, folder = mat(tmp_path)
    (tmp_path / "train_images.txt").write_text("# to train on\nm1.jpg\n")
    listed = ReadRequest(annotations, folder, include_list=str(tmp_path / "train_images.txt"))
    (one,) = photographs.read_photographs("mpii", listed).images
    assert one.image_id == "m1" and one.people[0].scale == 0.3 and one.people[0].keypoints[0, 0] == 20.5
    (tmp_path / "validation.txt").write_text("m0.jpg\n")
    split = ReadRequest(annotations, folder, validation_list=str(tmp_path / "validation.txt"))
    assert [one.image_id for one in photographs.read_photographs("mpii", split).images] == ["m1"]
    with pytest.raises(UserError, match=r"needs --groups.* or --include_list=train_images.txt"):
        photographs.read_photographs("mpii", ReadRequest(annotations, folder))


def test_mpii_masks_of_another_size_are_refused(tmp_path):
    annotations, folder = mat(tmp_path)
    (tmp_path / "train.txt").write_text("m0.jpg\nm1.jpg\n")
    (tmp_path / "masks").mkdir()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:20, :20] = 255
    cv2.imwrite(str(tmp_path / "masks" / "mask_m0.jpg"), mask)
    source = ReadRequest(annotations, folder, str(tmp_path / "masks"), include_list=f"{tmp_path}/train.txt")
    found = photographs.read_photographs("mpii", source).images
    assert images.read_ignore_mask(found[0])[5, 5] and found[1].ignore_mask_path is None
    cv2.imwrite(str(tmp_path / "masks" / "mask_m0.jpg"), mask[:50])
    with pytest.raises(UserError, match=r"mask_m0.jpg is 96x50, the annotation says 96x72"):
        photographs.read_photographs("mpii", source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"name": "ANNOTATIONS"}, "holds no variable RELEASE"), ({"single_person": None}, "no field single_person")],
)
def test_a_mat_of_another_version_is_refused(tmp_path, changes, message):
    annotations, folder = mat(tmp_path, **changes)
    (tmp_path / "train.txt").write_text("m0.jpg\n")
    with pytest.raises(UserError, match=message):
        photographs.read_photographs("mpii", ReadRequest(annotations, folder, include_list=str(tmp_path / "train.txt")))


def test_openpose_json_keeps_validation_people_out(tmp_path):
    (tmp_path / "photos").mkdir()
    rows = []
    for k in range(2):
        picture(tmp_path / "photos" / f"j{k}.jpg")
        row = {"img_paths": f"j{k}.jpg", "img_width": WIDTH, "img_height": HEIGHT, "objpos": [30, 30]}
        row |= {"scale_provided": 0.3, "joint_self": [[20 + j, 10 + 3 * j, 1] for j in range(16)], "isValidation": k}
        rows.append(row)
    (tmp_path / "list.json").write_text(json.dumps({"root": rows}))
    source = ReadRequest(str(tmp_path / "list.json"), str(tmp_path / "photos"))
    assert [one.image_id for one in photographs.read_photographs("openpose_json", source).images] == ["j0"]


def test_a_rendered_stand_in_takes_the_place_of_photographs(tmp_path):
    for kind in ("real_standin", "synthetic"):
        writer.open_dataset(tmp_path / kind, kind, 0, 1, {}, [])
        keypoints = [[20.0 + j, 10.0 + 3 * j, 1 + j % 3] for j in range(16)]
        person = {"instance_id": 1, "keypoints": keypoints, "objpos": [28, 33], "scale": 0.3, "is_synthetic": True}
        pixels, ids = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), int)
        writer.write_sample(tmp_path / kind, "000000", pixels, ids, None, {"people": [person]}, 95)
    source = ReadRequest(str(tmp_path / "real_standin"), None)
    (one,) = photographs.read_photographs("image_dataset", source).images
    assert not one.people[0].is_synthetic and one.people[0].keypoints.tolist() == keypoints
    run = render.run_of(
        flags_of(format="image_dataset", annotations=source.annotations, output_dir=str(tmp_path / "out"))
    )
    assert run.num_images == 5
    with pytest.raises(UserError, match="is a synthetic dataset"):
        photographs.read_photographs("image_dataset", ReadRequest(str(tmp_path / "synthetic"), None))


def test_missing_photographs_are_named_up_to_ten_and_counted(tmp_path):
    source = coco(tmp_path, count=13)
    for k in range(12):
        (tmp_path / "photos" / f"p{k}.jpg").unlink()
    with pytest.raises(UserError, match="12 of 13 images are missing") as error:
        photographs.read_photographs("coco", source)
    assert str(error.value).count(".jpg") == 10


def test_photographs_of_another_size_are_named_up_to_ten_and_counted(tmp_path):
    source = coco(tmp_path, count=12)
    for k in range(11):
        picture(tmp_path / "photos" / f"p{k}.jpg", size=(80, 72))
    with pytest.raises(UserError, match="11 images have another size") as error:
        photographs.read_photographs("coco", source)
    assert "p0.jpg is 80x72, the annotation says 96x72" in str(error.value)
    assert str(error.value).count("annotation says") == 10


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photographs_are_read_as_rgb(tmp_path, mode):
    source = coco(tmp_path, count=1)
    picture(tmp_path / "photos" / "p0.jpg", mode)
    (one,) = photographs.read_photographs("coco", source).images
    pixels = images.read_image(one)
    assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
    if mode == "L":
        assert (pixels == pixels[..., :1]).all()


def test_a_file_that_is_no_picture_is_refused_at_the_start(tmp_path):
    source = coco(tmp_path, count=1)
    (tmp_path / "photos" / "p0.jpg").write_text("not a picture")
    with pytest.raises(UserError, match=r"p0\.jpg cannot be read"):
        photographs.read_photographs("coco", source)


class Given(dict):
    """Flags by name as absl holds them: attributes are values, items are flags."""

    def __getattr__(self, name):
        return self[name].value


def flags_of(**values):
    every = dict.fromkeys(("num_images", "people_mean", "camera", "masks", "include_list", "exclude_list", "quality"))
    every |= dict.fromkeys(("groups", "validation_list", "ray_address", "gpus_per_worker", "image_size"))
    every |= dict.fromkeys(("ground", "places"))
    every |= {"backgrounds": "builtin", "dataset": "mixed", "format": "coco", "annotations": None, "images": None}
    every |= {
        "variants": 5,
        "num_validation_groups": 343,
        "split_seed": 0,
        "orientation": "stored",
        "shard_index": 0,
        "num_shards": 1,
    }
    every |= {
        "seed": 2,
        "people_min": 2,
        "light": "hdri",
        "body": "builtin",
        "poses": "builtin",
        "pose_split": "train",
        "frame_step": 10,
        "joint_names": "",
        "shapes": "normal",
        "textures": "",
        "look": None,
        "photo_match": "none",
        "is_synthetic": False,
        "people_boxes": None,
        "unannotated": None,
    }
    every |= {
        "renderer": "cycles",
        "samples": 4,
        "device": "CPU",
        "denoise": True,
        "write_depth": False,
        "jpeg_quality": 95,
    }
    every |= {"num_workers": 0, "scenes_per_worker": 9}
    given = {name: types.SimpleNamespace(value=value, present=0) for name, value in every.items()}
    for name, value in values.items():
        given[name] = types.SimpleNamespace(value=value, present=1)
    return Given(given)


def test_five_variants_of_every_photograph_unless_told(tmp_path):
    source = coco(tmp_path)
    where = {"annotations": source.annotations, "images": source.images, "output_dir": str(tmp_path / "out")}
    run = render.run_of(flags_of(**where))
    assert run.num_images == 15 and run.job.photographs.count == 3
    assert run.job.scenes.people_mean == 4 and run.job.scenes.camera == "mixed" and run.job.scenes.people_min == 2
    assert render.run_of(flags_of(**where, variants=2)).num_images == 6
    assert render.run_of(flags_of(**where, num_images=4)).num_images == 4
    with pytest.raises(UserError, match="3 photographs with --variants=5 make 15"):
        render.run_of(flags_of(**where, num_images=16))
    with pytest.raises(UserError, match="image_size has no use"):
        render.run_of(flags_of(**where, image_size=320))
    identity = render.identity(run.job)
    assert "image_size" not in identity and identity["photographs"] == run.job.photographs.digest


def test_wrong_flags_are_told(tmp_path):
    out = {"output_dir": str(tmp_path / "out")}
    with pytest.raises(UserError, match="--annotations is needed"):
        render.run_of(flags_of(**out))
    with pytest.raises(UserError, match="needs --num_images"):
        render.run_of(flags_of(**out, dataset="synthetic"))
    with pytest.raises(UserError, match="belong to --dataset=mixed"):
        render.run_of(flags_of(**out, dataset="synthetic", annotations="a.json"))


def test_photographs_of_phones_keep_their_orientation_in_the_list(tmp_path):
    source = coco(tmp_path, count=2)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.zeros((WIDTH, HEIGHT, 3), np.uint8)
    stored[: WIDTH // 2, : HEIGHT // 2] = 200, 90, 20
    Image.fromarray(stored).save(tmp_path / "photos" / "p0.jpg", exif=exif, quality=98)
    turned, plain = photographs.read_photographs("coco", source).images
    assert (turned.orientation, plain.orientation) == ("upright", "stored")
    assert "orientation" not in photographs.to_row(plain)  # lists of older datasets stay the same
    again = photographs.from_row(json.loads(json.dumps(photographs.to_row(turned))))
    np.testing.assert_allclose(images.read_image(again)[8::16, 8::16], np.rot90(stored, 3)[8::16, 8::16], atol=20)


def test_half_a_photograph_is_left_out_and_may_be_removed(tmp_path):
    source = coco(tmp_path)
    where = {"annotations": source.annotations, "images": source.images, "output_dir": str(tmp_path / "out")}
    path = tmp_path / "photos" / "p1.jpg"
    path.write_bytes(path.read_bytes()[:900])
    run = render.run_of(flags_of(**where))
    assert [one.image_id for one in run.photographs] == ["1", "3"] and run.num_left_out == 1
    path.unlink()
    (tmp_path / "not.txt").write_text("p1.jpg\n")
    again = render.run_of(flags_of(**where, exclude_list=str(tmp_path / "not.txt")))
    assert render.identity(again.job) == render.identity(run.job) and again.num_left_out == 0
