"""Images and videos as users name them, and their damage."""

import struct

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


def test_a_folder_of_folders_is_the_pictures_within(tmp_path):
    """Such as images/ of an image dataset."""
    for number in (999, 1000):
        path = tmp_path / f"{number // 1000:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir()
        path.touch()
    assert [p.name for p in image_files.find_images(tmp_path)] == ["000999.jpg", "001000.jpg"]


def test_nothing_to_read(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
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
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(UserError, match="damaged, or not a video"):
        image_files.read_video_header(tmp_path / "a.mp4")
    with pytest.raises(UserError, match="damaged, or not a video"):
        list(image_files.read_video(tmp_path / "a.mp4"))
    with pytest.raises(UserError, match="does not exist"):
        image_files.read_video_header(tmp_path / "b.mp4")


def _turned(path, frames, rotation):
    """A film with a rotation in its header, as phones write it: the matrix of the track is another one."""
    height, width = frames[0].shape[:2]
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (width, height))
    for frame in frames:
        film.write(frame[..., ::-1].copy())
    film.release()
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(("rotation", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_films_are_turned_as_their_header_says(tmp_path, rotation, turns):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:16, :32], frame[32:, 32:] = (250, 250, 250), (200, 20, 20)
    _turned(tmp_path / "a.mp4", [frame] * 3, rotation)
    expected = np.rot90(frame, turns)
    header = image_files.read_video_header(tmp_path / "a.mp4")
    assert (header.height, header.width) == expected.shape[:2]
    for shown in image_files.read_video(tmp_path / "a.mp4"):
        assert shown.shape == expected.shape
        np.testing.assert_allclose(shown[4:-4:8, 4:-4:8], expected[4:-4:8, 4:-4:8], atol=60)


@pytest.mark.parametrize(
    ("promised", "read", "missing"),
    [(30, 15, 15), (30, 28, 0), (1000, 985, 0), (1000, 900, 100), (None, 5, 0), (9, 12, 0)],
)
def test_how_many_frames_are_missing(promised, read, missing):
    assert image_files.VideoHeader(64, 48, 25.0, promised).num_missing(read) == missing


def test_films_are_known_by_name_or_content(tmp_path):
    _write_film(tmp_path / "a.avi", [np.zeros((48, 64, 3), np.uint8)] * 2)
    _turned(tmp_path / "b.mp4", [np.zeros((48, 64, 3), np.uint8)] * 2, 90)
    for name in ("a.avi", "b.mp4"):
        (tmp_path / name[0]).write_bytes((tmp_path / name).read_bytes())
        assert image_files.is_video(tmp_path / name) and image_files.is_video(tmp_path / name[0])
    (tmp_path / "c").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    assert not image_files.is_video(tmp_path / "c") and not image_files.is_video(tmp_path / "none")


def test_brackets_of_folders_are_only_brackets(tmp_path):
    folder = tmp_path / "trip [2023]" / "day*1"
    folder.mkdir(parents=True)
    (folder / "a.jpg").touch()
    assert image_files.find_images(f"{folder}/*.jpg") == [folder / "a.jpg"]
    assert image_files.find_images(f"{folder}/[a-c].jpg") == [folder / "a.jpg"]
    assert image_files.find_images(f"{tmp_path}/**/*.jpg") == [folder / "a.jpg"]


def test_files_of_a_folder_that_are_not_images_are_named(tmp_path, caplog):
    for name in ("a.jpg", "b.mp4", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    image_files.find_images(tmp_path)
    assert "2 files are not images and are left out: b.mp4, notes.txt" in caplog.text
