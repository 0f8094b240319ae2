"""Image files: sizes and pixels equal OpenCV's in any colour format and orientation; damage is named."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images

STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def _picture(height=24, width=40):
    """Left half red, right half blue, with a green upper left corner."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = [220, 20, 20]
    image[:, width // 2 :] = [20, 20, 220]
    image[: height // 3, : width // 4] = [20, 200, 20]
    return image


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    images.write(path, _picture())
    read = images.read_rgb(path, orientation="upright")
    assert read.dtype == np.uint8
    tolerance = 80 if suffix in (".jpg", ".webp") else 0  # chroma is halved
    np.testing.assert_allclose(read[4:-4:5, 4:-4:5], _picture()[4:-4:5, 4:-4:5], atol=tolerance)


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "1", "LA"])
def test_colour_formats(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(_picture()).convert(mode).save(path, quality=95)
    read = images.read_rgb(path, orientation="upright")
    assert read.shape == (24, 40, 3)
    if mode in ("CMYK", "P", "RGBA"):
        assert read[20, 5, 0] > 150
        assert read[20, 5, 2] < 90
        assert read[20, 35, 2] > 150
    elif mode in ("L", "LA"):
        assert (read[..., 0] == read[..., 2]).all()


def test_sixteen_bits_are_shortened(tmp_path):
    deep = _picture().astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    np.testing.assert_array_equal(images.read_rgb(tmp_path / "a.png", orientation="stored"), _picture())
    cv2.imwrite(str(tmp_path / "g.png"), deep[..., 0])
    np.testing.assert_array_equal(images.read_rgb(tmp_path / "g.png", orientation="stored")[..., 1], _picture()[..., 0])


def _write_with_exif(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(_picture()).save(path, quality=98, exif=exif)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_an_argument_and_turns_as_opencv_does(tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    _write_with_exif(path, orientation)
    for named, mode in (("stored", STORED), ("upright", cv2.IMREAD_COLOR)):
        expected = cv2.imread(str(path), mode)[..., ::-1]
        np.testing.assert_array_equal(images.read_rgb(path, orientation=named), expected)
        assert images.image_size(path, orientation=named) == expected.shape[1::-1]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_sizes_of_turned_photographs_are_those_of_their_pixels(tmp_path, orientation, turns):
    for suffix in (".jpg", ".png", ".webp"):
        path = tmp_path / f"a{suffix}"
        _write_with_exif(path, orientation)
        upright = images.read_rgb(path, orientation="upright")
        np.testing.assert_allclose(upright[4:-4:5, 4:-4:5], np.rot90(_picture(), turns)[4:-4:5, 4:-4:5], atol=90)
        assert images.image_size(path, orientation="upright") == upright.shape[1::-1]
        assert images.image_size(path, orientation="stored") == (40, 24)


@pytest.mark.parametrize("orientation", ["stored", "upright"])
def test_tiff_files_are_always_turned(tmp_path, orientation):
    _write_with_exif(tmp_path / "a.tif", 6)
    turned = images.read_rgb(tmp_path / "a.tif", orientation=orientation)
    np.testing.assert_array_equal(turned, np.rot90(_picture(), 3))
    assert images.image_size(tmp_path / "a.tif", orientation=orientation) == (24, 40)


def test_damaged_exif_turns_nothing(tmp_path):
    _write_with_exif(tmp_path / "a.jpg", 6)
    data = (tmp_path / "a.jpg").read_bytes()
    start = data.index(b"Exif") + 6
    (tmp_path / "a.jpg").write_bytes(data[: start + 2] + b"\xff" * 6 + data[start + 8 :])
    assert images.read_rgb(tmp_path / "a.jpg", orientation="upright").shape == (24, 40, 3)
    assert images.image_size(tmp_path / "a.jpg", orientation="upright") == (40, 24)


@pytest.mark.parametrize("shape", [(7, 300, 3), (90, 120)])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_size_from_the_header(tmp_path, shape, suffix):
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), np.zeros(shape, np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if suffix == ".jpg" else [])
    assert images.image_size(path, orientation="stored") == shape[1::-1]
    assert images.read_rgb(path, orientation="stored").shape == (*shape[:2], 3)  # grey becomes three channels


def test_size_of_an_image_above_pillows_limit(tmp_path):
    """Only the header is there: 20,000 x 10,000 pixels."""
    images.write(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    data = (tmp_path / "a.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 20_000, 10_000) + data[24:29]
    data = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    (tmp_path / "a.png").write_bytes(data)
    assert images.image_size(tmp_path / "a.png", orientation="upright") == (20_000, 10_000)


def test_size_of_a_format_that_only_opencv_knows(tmp_path):
    cv2.imwrite(str(tmp_path / "a.hdr"), np.ones((5, 9, 3), np.float32))
    assert images.image_size(tmp_path / "a.hdr", orientation="stored") == (9, 5)


def test_size_of_a_broken_file(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x04")
    with pytest.raises(images.UnreadableImage, match=r"x\.jpg cannot be read"):
        images.image_size(tmp_path / "x.jpg", orientation="stored")
    with pytest.raises(images.UnreadableImage, match=r"none\.jpg cannot be read \(No such file"):
        images.image_size(tmp_path / "none.jpg", orientation="stored")


def test_real_photographs(shared_data):
    paths = sorted((shared_data / "real").glob("*/images/*.jpg"))[:40]
    assert paths
    for path in paths:
        pixels = images.read_rgb(path, orientation="stored")
        np.testing.assert_array_equal(pixels, cv2.imread(str(path), STORED)[..., ::-1])
        assert images.image_size(path, orientation="stored") == pixels.shape[1::-1]


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
# The start of a JPEG in the middle of other bytes, with markers of scans and ends: the video of a motion photo.
VIDEO = b"ftypmp42" + b"\xff\xda\x00\x08mdat\xff\xd9\xff\xda" + bytes(range(256)) * 40 + b"\xff\xda\xff"


def _jpeg(*options) -> bytes:
    return cv2.imencode(".jpg", NOISE, list(options))[1].tobytes()


@pytest.mark.parametrize(
    "options",
    [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)],
    ids=["baseline", "progressive", "restart markers"],
)
@pytest.mark.parametrize("tail", [b"", b"\0" * 900], ids=["cut", "filled up with zeros"])
def test_a_jpeg_without_its_end_is_refused(tmp_path, options, tail):
    data = _jpeg(*options)
    for share in (0.1, 0.4, 0.7, 0.99):
        (tmp_path / "a.jpg").write_bytes(data[: int(share * len(data))] + tail)
        with pytest.raises(images.UnreadableImage, match="cut short"):
            images.read_rgb(tmp_path / "a.jpg", orientation="stored")


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)])
def test_a_motion_photo_is_its_photograph(options):
    data = _jpeg(*options)
    expected = images.decode_rgb(data, "a", orientation="upright")
    for behind in (VIDEO, data + VIDEO, data[: len(data) // 2]):
        np.testing.assert_array_equal(images.decode_rgb(data + behind, "a", orientation="upright"), expected)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 1
    small = images.encode(NOISE[:16, :16], ".jpg")
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=exif, comment=small, quality=98)
    data = (tmp_path / "a.jpg").read_bytes()
    assert small in data and data.index(b"\xff\xd9") < len(data) // 2
    images.decode_rgb(data, "a", orientation="upright")
    with pytest.raises(images.UnreadableImage, match="cut short"):
        images.decode_rgb(data[: len(data) * 2 // 3], "a", orientation="upright")


def test_damaged_files_are_found_before_they_are_used(tmp_path):
    good = images.encode(NOISE, ".jpg")
    contents = {"a.jpg": good, "b.jpg": good[:3000], "c.png": b"", "d.jpg": b"text", "e.jpg": good + VIDEO}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    found = images.find_unreadable([*sorted(tmp_path.iterdir()), tmp_path / "none.jpg"])
    assert {path.name: problem for path, problem in found.items()} == {
        "b.jpg": "cut short",
        "c.png": "empty",
        "d.jpg": "damaged or not an image",
        "none.jpg": "No such file or directory",
    }


@pytest.mark.parametrize("suffix", [".gif", ".avif"])
def test_formats_that_opencv_lacks(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(_picture()).save(path)
    read = images.read_rgb(path, orientation="upright")
    np.testing.assert_allclose(read[4:-4:5, 4:-4:5], _picture()[4:-4:5, 4:-4:5], atol=80)
    assert images.image_size(path, orientation="stored") == (40, 24) and not images.find_unreadable([path])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert images.find_unreadable([path])[path].startswith("damaged")


def test_heic_is_named_as_what_it_is(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    with pytest.raises(images.UnreadableImage, match=r"a\.heic cannot be read \(HEIC.*\): convert it to JPEG"):
        images.read_rgb(tmp_path / "a.heic", orientation="upright")


@pytest.mark.parametrize("tag", range(1, 9))
def test_points_of_an_upright_photograph_are_points_of_its_stored_pixels(tmp_path, tag):
    stored = np.zeros((24, 40, 3), np.uint8)
    stored[5, 33] = 255
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    upright = images.read_rgb(tmp_path / "a.png", orientation="upright")
    (y,), (x,) = np.nonzero(upright[..., 0])
    point = images.stored_points(np.array([[x, y]]), upright.shape[1::-1], tag)
    np.testing.assert_array_equal(point, [[33, 5]])


def test_damage(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    jpeg, png = images.encode(noise, ".jpg"), images.encode(noise, ".png")
    for name, data, message in [
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"no picture at all", "not an image"),
        ("cut.jpg", jpeg[: len(jpeg) // 2], "cut short"),
        ("cut.png", png[: len(png) // 2], "cut short"),
        ("header.jpg", jpeg[:3], "not an image|cut short"),
        ("size.png", png[:16] + struct.pack(">II", 10**6, 10**6) + png[24:], "size.png cannot be read"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(images.UnreadableImage, match=message) as caught:
            images.read_rgb(tmp_path / name, orientation="upright")
        assert name in str(caught.value)
    with pytest.raises(images.UnreadableImage, match="No such file"):
        images.read_rgb(tmp_path / "none.jpg", orientation="upright")


def test_a_png_of_a_mask_holds_one_bit_per_pixel_and_every_decoder_reads_0_and_255():
    mask = np.random.default_rng(1).random((30, 41)) > 0.4
    data = images.encode(mask, ".png")
    assert data[24] == 1  # bit depth
    np.testing.assert_array_equal(images.decode_record_mask(data), mask * 255)
    np.testing.assert_array_equal(tf.io.decode_png(data, channels=1)[..., 0], mask * 255)


def test_encoded_bytes_are_opencvs(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (30, 41, 3), np.uint8)
    bgr, deep = np.ascontiguousarray(noise[..., ::-1]), noise[..., 0].astype(np.uint16) * 200
    quality = [cv2.IMWRITE_JPEG_QUALITY, 83]
    assert images.encode(noise, ".jpg") == cv2.imencode(".jpg", bgr)[1].tobytes()
    assert images.encode(noise, ".jpg", 83) == cv2.imencode(".jpg", bgr, quality)[1].tobytes()
    assert images.encode(noise, ".png") == cv2.imencode(".png", bgr)[1].tobytes()
    assert images.encode(deep, ".png") == cv2.imencode(".png", deep)[1].tobytes()
    images.write(tmp_path / "deep.png", deep)
    images.write(tmp_path / "no_suffix", noise)
    np.testing.assert_array_equal(images.read_unchanged(tmp_path / "deep.png"), deep)
    np.testing.assert_array_equal(images.read_rgb(tmp_path / "no_suffix", orientation="stored"), noise)


def test_records_are_decoded_as_by_opencv():
    data = images.encode(cv2.resize(_picture(), (160, 96)), ".jpg")
    for shrink, mode in ((1, cv2.IMREAD_COLOR), (2, cv2.IMREAD_REDUCED_COLOR_2), (8, cv2.IMREAD_REDUCED_COLOR_8)):
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
        np.testing.assert_array_equal(images.decode_record_bgr(data, shrink), expected)
        assert expected.shape[0] == 96 // shrink
    for damaged in (b"not an image", b"", data[:9]):
        assert images.decode_record_bgr(damaged) is images.decode_record_mask(damaged) is None


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match=r"a\.gif: images are written as \.jpg"):
        images.write(tmp_path / "a.gif", _picture())
    with pytest.raises(UserError, match=r"a\.jpg: 70000x1 pixels cannot be stored as \.jpg"):
        images.write(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_list_images(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", "inner/c.ppm", "folder.jpg/d.webp", "e.jfif", "f.JPE", "._b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for name, suffix in (("no_suffix", ".jpg"), ("odd.dat", ".png"), ("other", ".bmp"), ("w", ".webp"), ("t", ".tif")):
        (tmp_path / name).write_bytes(images.encode(_picture(), suffix))
    shown = ["a.PNG", "b.jpg", "e.jfif", "f.JPE", "no_suffix", "odd.dat", "other", "t", "w"]
    assert [p.name for p in images.list_images(tmp_path)] == shown
    deep = {p.name for p in images.list_images(tmp_path, recursive=True)}
    assert deep == {*shown, "d.webp", "c.ppm"}
    with pytest.raises(UserError, match="not a folder"):
        images.list_images(tmp_path / "none")


def test_a_list_of_paths(tmp_path):
    (tmp_path / "list.txt").write_text("# some photographs\na.jpg\n\n  /b/c.png  \n")
    assert [str(path) for path in images.read_list(tmp_path / "list.txt")] == [f"{tmp_path}/a.jpg", "/b/c.png"]
    (tmp_path / "list.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match="not a text file"):
        images.read_list(tmp_path / "list.txt")


def test_lists_of_windows_name_files_of_this_system(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("photos/a.jpg", "odd\\name.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_bytes("photos\\a.jpg\r\n.\\gone.jpg\r\nodd\\name.jpg\r\n".encode("utf-16"))
    expected = [tmp_path / "photos" / "a.jpg", tmp_path / ".\\gone.jpg", tmp_path / "odd\\name.jpg"]
    assert images.read_list(tmp_path / "list.txt") == expected
