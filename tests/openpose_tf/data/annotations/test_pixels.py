"""Pictures of annotated images: their orientation, and damage that is found at the start."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.types import AnnotatedImage, ReadResult

STORED = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def photograph(folder, name="a.png", tag=1, pixels_=STORED, **more) -> AnnotatedImage:
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(pixels_).save(folder / name, exif=exif)
    size = {"width": pixels_.shape[1], "height": pixels_.shape[0]} | more
    return AnnotatedImage(image_id=name, image_path=folder / name, people=(), **size)


@pytest.mark.parametrize("preferred", ["stored", "upright"])
@pytest.mark.parametrize("tag", [5, 6, 7, 8])
@pytest.mark.parametrize(("size", "is_turned"), [((40, 24), False), ((24, 40), True)])
def test_the_size_of_the_annotation_decides_the_orientation(tmp_path, preferred, tag, size, is_turned):
    one = photograph(tmp_path, tag=tag, width=size[0], height=size[1])
    found = pixels.settle(ReadResult([one]), preferred)
    expected = images.read_rgb(one.image_path, orientation="upright") if is_turned else STORED
    np.testing.assert_array_equal(pixels.read_image(found.images[0]), expected)
    assert found.notes == ({pixels.TURNED: 1} if is_turned else {})


@pytest.mark.parametrize(("tag", "side"), [(3, 40), (2, 40), (4, 40), (6, 24), (8, 24)])
def test_where_both_sizes_fit_the_stored_pixels_count_or_what_the_flag_says(tmp_path, tag, side):
    one = photograph(tmp_path, tag=tag, pixels_=STORED[:, :side].copy())
    as_stored = pixels.settle(ReadResult([one]), "stored")
    np.testing.assert_array_equal(pixels.read_image(as_stored.images[0]), STORED[:, :side])
    assert as_stored.notes == {pixels.DOUBTFUL: 1}
    turned = pixels.settle(ReadResult([one]), "upright")
    np.testing.assert_array_equal(
        pixels.read_image(turned.images[0]), images.read_rgb(one.image_path, orientation="upright")
    )
    assert turned.notes == {pixels.DOUBTFUL: 1, pixels.TURNED: 1}


def test_a_size_that_was_read_from_the_file_decides_nothing(tmp_path):
    one = photograph(tmp_path, tag=6, size_is_annotated=False)
    assert pixels.settle(ReadResult([one]), "stored").notes == {pixels.DOUBTFUL: 1}


def test_any_other_size_is_refused_by_name(tmp_path):
    one = photograph(tmp_path, tag=6, width=41)
    with pytest.raises(UserError, match=r"a\.png is 24x40 or 40x24, the annotation says 41x24"):
        pixels.settle(ReadResult([one]), "stored")


def test_damaged_pictures_are_left_out_and_named(tmp_path, caplog):
    whole = [photograph(tmp_path, name) for name in ("a.png", "c.jpg")]
    cut = photograph(tmp_path, "b.jpg")
    cut.image_path.write_bytes(cut.image_path.read_bytes()[:-100])
    found = pixels.settle(ReadResult([whole[0], cut, whole[1]], left_out={"dog": 2}), "stored")
    assert [image.image_id for image in found.images] == ["a.png", "c.jpg"]
    assert found.left_out == {"dog": 2, pixels.UNREADABLE: 1} and found.num_unreadable == 1
    assert {"b", "b.jpg"} <= found.left_out_images  # a list may still name it
    assert "b.jpg cannot be read (cut short)" in caplog.text
    with pytest.raises(UserError, match=r"none of the 1 images can be read, .*b\.jpg cannot be read \(cut short\)"):
        pixels.settle(ReadResult([cut]), "stored")


def test_a_mask_of_another_size_is_refused(tmp_path):
    mask = photograph(tmp_path, "mask.png", pixels_=STORED[:20])
    one = dataclasses.replace(photograph(tmp_path), ignore_mask_path=mask.image_path)
    with pytest.raises(UserError, match=r"mask\.png is 40x20, the annotation says 40x24"):
        pixels.settle(ReadResult([one]), "stored")
