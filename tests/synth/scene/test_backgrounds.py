import os

import cv2
import numpy as np
import pytest
from PIL import Image

from openpose_tf.common.errors import UserError
from synth.scene import backgrounds, builtin_places
from synth.scene.backgrounds import Background
from synth.scene.camera import Camera
from synth.scene.ground import estimate_ground, ground_share

KINDS = ("synthetic", "real_standin")


def photo(width, height, seed=0):
    """Left half red, right half blue, with a green bar at the top."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (200, 30, 30)
    image[:, width // 2 :] = (30, 30, 200)
    image[: height // 10] = (30, 200, 30)
    return image


def save(path, image, **options):
    Image.fromarray(image).save(path, **options)
    return path


@pytest.mark.parametrize("dataset", KINDS)
def test_builtin_photos_are_there_and_large_enough(dataset):
    found = backgrounds.builtin_list(dataset)
    assert len(found.paths) >= 3
    assert min(min(size) for size in found.sizes) >= 512
    image = backgrounds.load_photo(Background("photo", found.paths[0]), 64, 64)
    assert image.shape == (64, 64, 3) and image.std() > 5


def test_every_builtin_photo_has_a_licence():
    folder = builtin_places.ASSETS / "backgrounds"
    text = (folder / "LICENSES.md").read_text()
    assert sorted(path.stem for path in folder.glob("*.jpg")) == sorted(builtin_places.PHOTOS)
    for name, one in builtin_places.PHOTOS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name}.jpg"))
        assert one.author in row and row.endswith(f"| {one.dataset} |")
        assert {"CC-BY-4.0": "CC BY 4.0", "CC0-1.0": "CC0 1.0"}[one.licence] in row


def test_every_environment_has_a_row_and_belongs_to_one_domain():
    folder = builtin_places.ASSETS / "environments"
    text = (folder / "LICENSES.md").read_text()
    synthetic, standin = (set(builtin_places.ENVIRONMENTS[name]) for name in ("synthetic", "real_standin"))
    assert not synthetic & standin and len(synthetic | standin) == 17
    assert {path.stem for path in folder.glob("*.exr")} == synthetic | standin
    assert synthetic | standin == set(builtin_places.ENVIRONMENTS["mixed"])
    for name in synthetic | standin:
        assert f"| {name}.exr |" in text


def test_the_first_places_are_those_of_older_data_sets():
    names = [[os.path.basename(path)[:-4] for path in backgrounds.builtin_list(kind, "first").paths] for kind in KINDS]
    assert names == [["aitzgorri", "brushes", "life", "picosdeeuropa", "seeding"], ["fig", "sunset", "wine"]]
    assert backgrounds.builtin_list("synthetic", "first").digest == "356ac4ecdd7bc7b0"


def grounded(seed, lowest_row, photos=None, size=(640, 640)):
    photos = photos or backgrounds.builtin_list("synthetic")
    return backgrounds.sample_background(np.random.default_rng(seed), photos, *size, (), 0.0, lowest_row)


@pytest.mark.parametrize("lowest_row", [0.5, 0.6, 0.75])
def test_a_crop_shows_the_ground_of_its_photograph_from_the_row_that_is_needed(lowest_row):
    for seed in range(200):
        found = grounded(seed, lowest_row)
        ground = ground_share(found.name)
        assert found.ground <= lowest_row + 1e-6
        assert found.ground == pytest.approx(max(0, (ground - found.crop[1]) / found.crop[3]))
        assert found.crop[1] >= 0 and found.crop[1] + found.crop[3] <= 1 + 1e-9


def test_a_photograph_with_too_little_ground_shows_what_it_has():
    path = builtin_places.photo_path("museum")  # ground below 0.82 of its height
    photos = backgrounds.BackgroundList((str(path),), ((768, 1024),))
    found = grounded(0, 0.1, photos)
    assert found.crop[1] + found.crop[3] == pytest.approx(1) and found.crop[3] == pytest.approx(0.7 * 0.75)
    assert found.ground == pytest.approx((0.82 - found.crop[1]) / found.crop[3])


def test_without_the_ground_a_background_is_drawn_as_before():
    photos = backgrounds.builtin_list("synthetic", "first")
    found = grounded(7, None, photos)
    rng = np.random.default_rng(7)  # the draws of data sets made before photographs had a ground
    rng.random(), rng.uniform(0, 1)
    number = int(rng.integers(len(photos.paths)))
    assert (found.name, found.ground) == (photos.paths[number], 0.0)
    width, height = photos.sizes[number]
    side = min(width, height) * rng.uniform(0.7, 1.0)
    x, y = rng.uniform(0.0, width - side), rng.uniform(0.0, height - side)
    assert found.crop == pytest.approx((x / width, y / height, side / width, side / height))


def landscape(sky_end, height=600, width=800):
    """A sky of one colour over noise that begins at a share of the height."""
    image = np.random.default_rng(0).integers(0, 120, (height, width, 3)).astype(np.uint8)
    image[: int(sky_end * height)] = (150, 190, 240)
    return image


@pytest.mark.parametrize(("sky_end", "ground"), [(0.7, 0.7), (0.62, 0.62), (0.3, 0.5), (0.97, 0.9), (0.0, 0.5)])
def test_the_estimated_ground_is_the_lower_half_or_what_is_below_the_sky(sky_end, ground):
    assert estimate_ground(landscape(sky_end)) == pytest.approx(ground, abs=0.03)


def test_a_pole_in_the_sky_does_not_raise_the_ground():
    image = landscape(0.7)
    image[100:, 390:410] = 20
    assert estimate_ground(image) == pytest.approx(0.7, abs=0.03)


def test_a_users_photograph_is_estimated_and_a_built_in_one_is_known(tmp_path):
    own = save(tmp_path / "museum.png", landscape(0.7))
    assert ground_share(str(own)) == pytest.approx(0.7, abs=0.03)
    assert ground_share(str(builtin_places.photo_path("museum"))) == builtin_places.PHOTOS["museum"].ground


def test_scan_keeps_good_ones_and_counts_the_others_by_reason(tmp_path):
    save(tmp_path / "a.jpg", photo(600, 520))
    save(tmp_path / "small.jpg", photo(600, 500))
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("ignored: no image suffix")
    found = backgrounds.scan(str(tmp_path))
    assert [os.path.basename(path) for path in found.paths] == ["a.jpg"]
    assert dict(found.dropped) == {"not a picture": 2, "smaller than 512 px": 1}


def test_scan_obeys_a_filter(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / name, photo(520, 520))
    found = backgrounds.scan(str(tmp_path), lambda path: path.endswith("b.jpg"))
    assert len(found.paths) == 1 and dict(found.dropped) == {"rejected by the filter": 1}


def test_scan_reads_a_list_relative_to_it_and_counts_missing_files(tmp_path):
    (tmp_path / "sub").mkdir()
    save(tmp_path / "sub" / "a.png", photo(520, 520))
    (tmp_path / "list.txt").write_text("# people-free\nsub/a.png\nsub/gone.png\n\n")
    found = backgrounds.scan(str(tmp_path / "list.txt"))
    assert len(found.paths) == 1 and dict(found.dropped) == {"missing": 1}


def test_photographs_that_do_not_decode_are_dropped_at_the_start_and_may_be_removed(tmp_path, caplog):
    save(tmp_path / "a.jpg", photo(600, 520))
    save(tmp_path / "half.jpg", photo(600, 520))
    save(tmp_path / "z.gif", photo(520, 520))
    (tmp_path / "half.jpg").write_bytes((tmp_path / "half.jpg").read_bytes()[:3000])
    found = backgrounds.scan(str(tmp_path))
    assert [os.path.basename(path) for path in found.paths] == ["a.jpg", "z.gif"]
    assert dict(found.dropped) == {"damaged": 1} and "half.jpg cannot be read (cut short)" in caplog.text
    (tmp_path / "half.jpg").unlink()
    assert backgrounds.scan(str(tmp_path)).digest == found.digest


def test_a_scan_of_more_than_179_megapixels_is_a_background(tmp_path):
    save(tmp_path / "scan.png", np.zeros((11_000, 17_000), np.uint8))
    found = backgrounds.scan(str(tmp_path))
    assert found.sizes == ((17_000, 11_000),) and not found.dropped


def test_nothing_usable_is_an_error_that_names_the_reasons(tmp_path):
    with pytest.raises(UserError, match="no image files"):
        backgrounds.scan(str(tmp_path))
    save(tmp_path / "a.jpg", photo(100, 100))
    with pytest.raises(UserError, match="1 smaller than 512 px"):
        backgrounds.scan(str(tmp_path))
    with pytest.raises(UserError, match="neither"):
        backgrounds.scan(str(tmp_path / "nowhere"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_read_permission_is_an_error(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    try:
        with pytest.raises(UserError):
            backgrounds.scan(str(tmp_path / "locked"))
    finally:
        locked.chmod(0o700)


def test_a_folder_that_may_not_be_read_is_an_error_for_everybody(tmp_path, monkeypatch):
    def refuse(self, pattern):
        raise PermissionError(13, "Permission denied", str(tmp_path / "locked"))

    monkeypatch.setattr("pathlib.Path.rglob", refuse)
    with pytest.raises(UserError, match="locked may not be read"):
        backgrounds.scan(str(tmp_path))


def decode(path):
    return backgrounds.load_photo(Background("photo", str(path)), 52, 52).astype(int)


def close(image, expected):
    return np.abs(image[26, [10, 40]] - expected).max() < 40


def test_cmyk_and_grey_and_16_bit_become_rgb(tmp_path):
    plain = photo(520, 520)
    Image.fromarray(plain).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert close(decode(tmp_path / "cmyk.jpg"), [[200, 30, 30], [30, 30, 200]])
    cv2.imwrite(str(tmp_path / "deep.png"), plain[:, :, ::-1].astype(np.uint16) * 257)
    assert close(decode(tmp_path / "deep.png"), [[200, 30, 30], [30, 30, 200]])
    Image.fromarray(plain).convert("L").save(tmp_path / "grey.png")
    grey = decode(tmp_path / "grey.png")
    assert grey.shape == (52, 52, 3) and np.ptp(grey, axis=2).max() == 0


def test_transparency_is_ignored(tmp_path):
    clear = np.dstack([photo(520, 520), np.full((520, 520), 0, np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert close(decode(tmp_path / "clear.png"), [[200, 30, 30], [30, 30, 200]])


def test_exif_rotation_is_obeyed_in_size_and_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    sideways = np.rot90(photo(520, 700), 1)  # stored lying down
    save(tmp_path / "a.jpg", np.ascontiguousarray(sideways), exif=exif, quality=95)
    found = backgrounds.scan(str(tmp_path))
    assert found.sizes == ((520, 700),)
    image = decode(tmp_path / "a.jpg")
    assert close(image, [[200, 30, 30], [30, 30, 200]])
    assert image[1, 26, 1] > 150  # the green bar is at the top


def test_a_damaged_photograph_is_named(tmp_path):
    path = save(tmp_path / "a.png", photo(520, 520))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"a\.png cannot be read"):
        decode(path)


def test_crops_are_inside_and_of_the_right_shape():
    random = np.random.default_rng(0)
    for size in ((600, 900), (900, 600), (512, 512)):
        for aspect in (1.0, 1.6, 0.5):
            for _ in range(50):
                x, y, w, h = backgrounds._sample_crop(random, size, aspect)
                assert x >= 0 and y >= 0 and x + w <= 1 + 1e-9 and y + h <= 1 + 1e-9
                assert (w * size[0]) / (h * size[1]) == pytest.approx(aspect)


def test_flip_mirrors():
    path = backgrounds.builtin_list("synthetic").paths[0]
    plain = backgrounds.load_photo(Background("photo", path), 40, 40)
    assert (backgrounds.load_photo(Background("photo", path, flip=True), 40, 40) == plain[:, ::-1]).all()


def test_lists_differ_by_digest(tmp_path):
    a, b = backgrounds.builtin_list("synthetic"), backgrounds.builtin_list("real_standin")
    assert a.digest != b.digest and a.digest == backgrounds.builtin_list("synthetic").digest


def test_the_zenith_of_an_environment_is_up():
    panorama = np.zeros((64, 128, 3), np.float32)
    panorama[:32] = 1.0  # the sky
    level = Camera(33, 33, 40.0, (0, 0, 1), 0.0, 1.0)
    view = backgrounds.view_environment(panorama, 0.3, level)
    assert view[2].min() > 0.95 and view[-3].max() < 0.05
    down = Camera(33, 33, 40.0, (0, 0, 1), 60.0, 1.0)
    assert backgrounds.view_environment(panorama, 0.3, down).max() < 0.05
