"""Pictures as users have them: odd colour formats, orientations, damage."""

import struct

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.inference import image_files

# A CMYK JPEG needs an encoder that OpenCV lacks; Pillow comes with matplotlib.
Image = pytest.importorskip("PIL.Image")


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
    path.write_bytes(image_files.encode_image(_picture(), suffix))
    read = image_files.read_image(path)
    assert read.dtype == np.uint8
    tolerance = 80 if suffix in (".jpg", ".webp") else 0  # chroma is halved
    np.testing.assert_allclose(read[4:-4:5, 4:-4:5], _picture()[4:-4:5, 4:-4:5], atol=tolerance)


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "1", "LA"])
def test_colour_formats(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(_picture()).convert(mode).save(path, quality=95)
    read = image_files.read_image(path)
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
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "a.png"), _picture())
    cv2.imwrite(str(tmp_path / "g.png"), deep[..., 0])
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "g.png")[..., 1], _picture()[..., 0])


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation(tmp_path, orientation, turns):
    path = tmp_path / "a.jpg"
    picture = Image.fromarray(_picture())
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, quality=98, subsampling=0, exif=exif)
    np.testing.assert_allclose(image_files.read_image(path), np.rot90(_picture(), turns), atol=40)


def test_damage(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    jpeg, png = image_files.encode_image(noise, ".jpg"), image_files.encode_image(noise, ".png")
    for name, data, message in [
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"no picture at all", "no picture"),
        ("cut.jpg", jpeg[: len(jpeg) // 2], "cut short"),
        ("cut.png", png[: len(png) // 2], "cut short"),
        ("header.jpg", jpeg[:3], "no picture|cut short"),
        ("size.png", png[:16] + struct.pack(">II", 10**6, 10**6) + png[24:], "cannot be decoded|no picture"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(image_files.UnreadableImage, match=message) as caught:
            image_files.read_image(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(image_files.UnreadableImage, match="No such file"):
        image_files.read_image(tmp_path / "none.jpg")


def test_bytes_after_the_end_do_no_harm(tmp_path):
    data = image_files.encode_image(_picture(), ".jpg") + b"\0" * 100 + b"maker notes"
    assert image_files.decode_image(data, "a").shape == (24, 40, 3)


def test_list_images(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", "inner/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [p.name for p in image_files.list_images(tmp_path)] == ["a.PNG", "b.jpg"]
    assert [p.name for p in image_files.list_images(f"{tmp_path}/**/*.jpg")] == ["b.jpg", "c.jpg"]
    assert [p.name for p in image_files.list_images(tmp_path / "b.jpg")] == ["b.jpg"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        image_files.list_images(tmp_path)
    with pytest.raises(UserError, match="no file is called"):
        image_files.list_images(tmp_path / "*.jpg")


def _write_film(path, frames, size=(64, 48)):
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, size)
    for frame in frames:
        film.write(frame[..., ::-1].copy())
    film.release()


def test_film(tmp_path):
    frames = [np.full((48, 64, 3), [40 * i, 10, 200], np.uint8) for i in range(4)]
    _write_film(tmp_path / "a.avi", frames)
    header = image_files.read_video_header(tmp_path / "a.avi")
    assert (header.width, header.height, header.frames_per_s, header.num_frames) == (64, 48, 10.0, 4)
    read = list(image_files.read_video(tmp_path / "a.avi"))
    np.testing.assert_allclose(np.mean(read, (1, 2)), np.mean(frames, (1, 2)), atol=12)


def test_films_that_are_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film")
    with pytest.raises(UserError, match="damaged or no film"):
        image_files.read_video_header(tmp_path / "a.mp4")
    with pytest.raises(UserError, match="damaged or no film"):
        list(image_files.read_video(tmp_path / "a.mp4"))
    with pytest.raises(UserError, match="does not exist"):
        image_files.read_video_header(tmp_path / "b.mp4")
