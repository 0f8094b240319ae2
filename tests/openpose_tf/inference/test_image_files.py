"""Images and videos as users name them, and their damage."""

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.inference import image_files


def test_find_images(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", "inner/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [p.name for p in image_files.find_images(tmp_path)] == ["a.PNG", "b.jpg"]
    assert [p.name for p in image_files.find_images(f"{tmp_path}/**/*.jpg")] == ["b.jpg", "c.jpg"]
    assert [p.name for p in image_files.find_images(tmp_path / "b.jpg")] == ["b.jpg"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        image_files.find_images(tmp_path)
    with pytest.raises(UserError, match="no file is called"):
        image_files.find_images(tmp_path / "*.jpg")


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
