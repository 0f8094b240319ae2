"""`synth.stylize` on a small mixed dataset: same format out, resume, refusal to mix, wrong input."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.images import read_rgb
from openpose_tf.data.annotations.image_dataset import read_image_dataset
from openpose_tf.data.annotations.store import listing
from synth import style_sheet, stylize
from synth.dataset import writer
from synth.stylization import stylize_image
from synth.stylization.stylize_image import StyleJob, Tools
from synth.stylization.stylizers import STYLIZERS, StylizerKind, find_weights
from synth.stylize import StyleRun
from synth.workers.engine import EngineConfig
from tests.support.commands import run_command
from tests.support.datasets import contents, make_flat

HEIGHT, WIDTH = 72, 96


def person(instance_id, synthetic, x):
    keypoints = [[x + 2.0 * (i % 4), 10.0 + 3 * i, 1] for i in range(16)]
    return {
        "instance_id": instance_id,
        "is_synthetic": synthetic,
        "keypoints": keypoints,
        "head_box": [x, 5, x + 8, 15],
        "objpos": [x, 35],
        "scale": 0.3,
        "area": 400,
        "visible_ratio": 1.0,
        "cropped_ratio": 0.0,
        "min_distance": None,
        "nearest_person": None,
    }


@pytest.fixture
def mixed(tmp_path):
    """Three images: a usual one, one without a real person's mask, one whose synthetic person is hidden."""
    source, photos, masks = tmp_path / "D_M", tmp_path / "photos", tmp_path / "known"
    for folder in (photos, masks):
        folder.mkdir()
    writer.open_dataset(source, "mixed", 5, 3, {"samples": 16, "jpeg_quality": 95}, [])
    rng = np.random.default_rng(0)
    for index in range(3):
        photo = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
        photo[10:60, 60:85] = np.array([70, 90, 150]) + rng.integers(-20, 20, (50, 25, 3))  # the real person, bluish
        cv2.imwrite(str(photos / f"p{index}.png"), photo[:, :, ::-1])
        if index != 1:
            known = np.zeros((HEIGHT, WIDTH), np.uint8)
            known[10:60, 60:85] = 255
            cv2.imwrite(str(masks / f"p{index}.png"), known)
        image, ids = photo.copy(), np.zeros((HEIGHT, WIDTH), np.uint16)
        ids[10:60, 60:85] = 1
        if index != 2:
            image[8:64, 10:40] = np.array([180, 120, 80]) + rng.integers(-20, 20, (56, 30, 3))
            ids[8:64, 10:40] = 2
        row = {"background": {"path": str(photos / f"p{index}.png")}, "extra": {"kept": index}}
        people = [person(1, False, 70), person(2, True, 20)]
        writer.write_sample(source, f"{index:06d}", image, ids, None, row | {"people": people}, 95)
    return source


def read(path):
    return read_rgb(path, orientation="stored")


def job(source, **changes):
    tools = Tools(person_segmenter="groundtruth", groundtruth=source.parent / "known")
    return dataclasses.replace(StyleJob(source, source.parent / "D_Style", tools), **changes)


def run(style_job):
    this = StyleRun(style_job)
    assert stylize.stylize(this) == []
    return stylize.finish(this, [])


def snapshot(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_output_is_the_same_dataset_with_other_looking_people(mixed):
    style_job = job(mixed)
    counts = run(style_job)
    before, after = read_image_dataset(mixed), read_image_dataset(style_job.output)
    assert [p.image_id for p in after] == ["000000", "000001", "000002"]
    for old, new in zip(before, after):
        assert (old.width, old.height) == (new.width, new.height)
        for a, b in zip(old.people, new.people):
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
            assert a.is_synthetic == b.is_synthetic
        name = new.image_id
        assert (mixed / "masks" / "0000" / f"{name}.png").read_bytes() == (
            style_job.output / "masks" / "0000" / f"{name}.png"
        ).read_bytes()
        row = listing.read(style_job.output, name)
        style = row.pop("style")
        assert row.pop("image") == f"images/0000/{name}." + ("png" if name == "000000" else "jpg")
        source_row = listing.read(mixed, name)
        del source_row["image"]
        assert row == source_row
        assert style["stylized"] == (name == "000000") and style["num_people"] == 1
    header = json.loads((style_job.output / "dataset.json").read_text())
    assert header["kind"] == "stylized" and header["seed"] == 5 and header["flags"]["stylizer"] == "mk"
    assert header["counts"] == counts
    assert counts["style"] == {
        "images_stylized": 1,
        "people_stylized": 1,
        "images_left": 2,
        "people_left": 2,
        "reasons": {"no real person in the photograph": 1, "no synthetic person is visible": 1},
    }


def test_the_synthetic_person_turns_bluish_and_no_other_pixel_changes(mixed):
    style_job = job(mixed)
    run(style_job)
    old, new = (read(next((d / "images" / "0000").glob("000000.*"))).astype(int) for d in (mixed, style_job.output))
    mask = cv2.imread(str(mixed / "masks" / "0000" / "000000.png"), cv2.IMREAD_UNCHANGED) == 2
    np.testing.assert_array_equal(old[~mask], new[~mask])
    assert (old[mask] != new[mask]).any(-1).mean() > 0.95
    before, after = old[mask].mean(0), new[mask].mean(0)
    assert after[2] - after[0] > before[2] - before[0] + 25
    for name in ("000001", "000002"):  # left as they were, to the byte
        assert (mixed / "images" / "0000" / f"{name}.jpg").read_bytes() == (
            style_job.output / "images" / "0000" / f"{name}.jpg"
        ).read_bytes()


def test_jpeg_pictures_are_encoded_anew_at_the_same_quality(mixed):
    style_job = job(mixed, image_format="jpg")
    run(style_job)
    old, new = (read(d / "images" / "0000" / "000000.jpg").astype(int) for d in (mixed, style_job.output))
    far = np.ones((HEIGHT, WIDTH), bool)
    far[:, :48] = False  # beyond the JPEG blocks that the person touches
    assert np.abs(old - new)[far].mean() < 1


def test_interrupted_run_goes_on_and_ends_the_same(mixed):
    style_job = job(mixed)
    run(style_job)
    whole = snapshot(style_job.output)
    (style_job.output / "images" / "0000" / "000000.png").unlink()
    (style_job.output / "images" / "0000" / ".000000.77.part.png").write_bytes(b"half")
    other = style_job.output / "images" / "0000" / "000001.jpg"
    kept = other.stat().st_mtime_ns
    run(style_job)
    assert snapshot(style_job.output) == whole
    assert other.stat().st_mtime_ns == kept


def test_a_flat_source_makes_the_same_dataset_and_a_flat_output_is_completed_as_it_is(mixed):
    run(job(mixed))
    flat = make_flat(mixed, mixed.parent / "flat")
    run(job(flat, output=mixed.parent / "from_flat"))
    assert contents(mixed.parent / "from_flat") == contents(mixed.parent / "D_Style")
    old = make_flat(mixed.parent / "from_flat", mixed.parent / "old")
    (old / "images/000000.png").unlink()
    run(job(flat, output=old))
    assert (old / "images/000000.png").exists() and not list(old.glob("*/0000"))
    assert {path.name for path in old.glob("annotations/*")} == {f"00000{k}.json" for k in range(3)}


def test_shards_make_the_same_dataset(mixed):
    one = job(mixed)
    run(one)
    parts = job(mixed, output=mixed.parent / "sharded")
    for index in range(2):
        assert stylize.stylize(StyleRun(parts, EngineConfig(shard_index=index, num_shards=2))) == []
    stylize.finish(StyleRun(parts), [])
    assert snapshot(parts.output) == snapshot(one.output)


def test_known_person_masks_are_asked_for_once_per_photograph(mixed, monkeypatch):
    for path in sorted((mixed / "annotations" / "0000").glob("*.json")):
        row = json.loads(path.read_text())
        row["background"]["path"] = str(mixed.parent / "photos" / "p0.png")
        path.write_text(json.dumps(row))
    asked = []
    real = stylize_image.load_segmenter

    class Spy:
        def __init__(self, tools):
            self.inner = real(tools)

        def segment(self, image, path):
            asked.append(path.name)
            return self.inner.segment(image, path)

    monkeypatch.setattr(stylize_image, "load_segmenter", Spy)
    run(job(mixed))
    assert asked == ["p0.png"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"config": stylize_image.StyleConfig(strength=0.2)}, "strength: 0.7, now 0.2"),
        ({"tools": Tools(smoother="none")}, "smoother: gif_masked, now none"),
    ],
)
def test_output_of_other_flags_is_refused(mixed, change, named):
    style_job = job(mixed)
    run(style_job)
    if "tools" in change:
        change = {"tools": dataclasses.replace(style_job.tools, smoother="none")}
    with pytest.raises(UserError, match=named):
        stylize.stylize(StyleRun(dataclasses.replace(style_job, **change)))


def test_output_of_another_source_is_refused(mixed):
    style_job = job(mixed)
    run(style_job)
    header = json.loads((mixed / "dataset.json").read_text())
    header["flags"]["samples"] = 64
    (mixed / "dataset.json").write_text(json.dumps(header))
    with pytest.raises(UserError, match=r"made with other settings \(flags\.input: "):
        stylize.stylize(StyleRun(style_job))


def test_other_kinds_of_dataset_are_refused(mixed):
    header = json.loads((mixed / "dataset.json").read_text())
    (mixed / "dataset.json").write_text(json.dumps(header | {"kind": "synthetic"}))
    with pytest.raises(UserError, match="is a synthetic dataset: only a mixed one"):
        stylize.stylize(StyleRun(job(mixed)))


def test_missing_photographs_are_listed_and_found_elsewhere(mixed):
    photos = mixed.parent / "photos"
    photos.rename(mixed.parent / "moved")
    with pytest.raises(UserError, match=r"3 of 3 photographs .*p0\.png.*--photos_dir"):
        stylize.stylize(StyleRun(job(mixed)))
    assert run(job(mixed, photos_dir=mixed.parent / "moved"))["style"]["images_stylized"] == 1


def test_half_a_photograph_is_named_at_the_start(mixed):
    path = mixed.parent / "photos" / "p1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"1 of 3 photographs cannot be read: .*p1\.png \(cut short\)"):
        run(job(mixed))


@pytest.mark.parametrize("orientation", [None, "stored", "upright"])
def test_the_photograph_is_read_as_its_annotation_was_made(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    row = {"background": {"orientation": orientation} if orientation else {}}
    shown = stylize_image.read_photo(row, tmp_path / "a.png")
    np.testing.assert_array_equal(shown, np.rot90(stored, 3) if orientation == "upright" else stored)


def test_image_without_photograph_behind_is_named(mixed):
    path = mixed / "annotations" / "0000" / "000001.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"background": {"kind": "environment", "name": "city"}}))
    with pytest.raises(UserError, match="image 000001 names no photograph"):
        stylize.stylize(StyleRun(job(mixed)))


def test_mask_of_another_size_is_named(mixed):
    cv2.imwrite(str(mixed / "masks" / "0000" / "000000.png"), np.zeros((5, 6), np.uint16))
    with pytest.raises(UserError, match=r"000000\.png is 6x5 px, its image 96x72"):
        stylize.stylize(StyleRun(job(mixed)))


def test_images_that_are_not_rendered_yet_are_left_for_later(mixed):
    annotation = mixed / "annotations" / "0000" / "000002.json"
    text = annotation.read_text()
    annotation.unlink()
    style_job = job(mixed)
    assert run(style_job)["images"] == 2
    annotation.write_text(text)
    assert run(style_job)["images"] == 3


def test_weights_that_are_missing_are_named(tmp_path):
    with pytest.raises(UserError, match=r"--stylizer=photowct needs --weights: photo_wct\.pth"):
        find_weights("photowct", None, tmp_path)
    with pytest.raises(UserError, match=r"--stylizer=pcakd needs --weights: .*sencoder.*put it into .*/pcakd/vgg;"):
        find_weights("pcakd", None, tmp_path)
    with pytest.raises(UserError, match="--weights=nowhere does not exist: give photo_wct"):
        find_weights("photowct", "nowhere", tmp_path)


def test_weights_come_by_flag_or_from_the_models_folder(tmp_path):
    for place in ("pcakd", "pcakd/vgg"):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "sencoder.index").touch()
        assert find_weights("pcakd", None, tmp_path) == folder  # vgg, where both are there
    assert find_weights("pcakd", str(tmp_path / "pcakd"), tmp_path) == tmp_path / "pcakd"
    assert find_weights("mk", None, tmp_path) is None
    with pytest.raises(UserError, match="--stylizer=mk takes no --weights"):
        find_weights("mk", str(tmp_path), tmp_path)


def test_a_new_stylizer_is_one_row(mixed, monkeypatch):
    def red(content, style, content_mask, style_mask):
        return np.where(content_mask[..., None], np.float32([1, 0, 0]), content)

    kind = StylizerKind(make=lambda: red, summary="red", strength=1.0, origin="a test", licence="none")
    monkeypatch.setitem(STYLIZERS, "red", kind)
    style_job = job(mixed)
    style_job = dataclasses.replace(
        style_job, tools=dataclasses.replace(style_job.tools, stylizer="red", smoother="none")
    )
    style_job = dataclasses.replace(style_job, config=stylize_image.StyleConfig(strength=1.0))
    run(style_job)
    shown = read_rgb(style_job.output / "images" / "0000" / "000000.png", orientation="stored")
    assert shown[30, 25].tolist() == [255, 0, 0]
    header = json.loads((style_job.output / "dataset.json").read_text())
    assert {"part": "style transfer", "source": "a test", "licence": "none"} in header["licences"]


def test_command_line(mixed):
    output = mixed.parent / "D_Style"
    segmenter = ("--person_segmenter=groundtruth", f"--groundtruth={mixed.parent / 'known'}")
    done = run_command("synth.stylize", f"--input_dir={mixed}", f"--output_dir={output}", *segmenter)
    assert "1 images with 1 synthetic people stylized, 2 with 2 left" in done.stdout
    direct = job(mixed, output=mixed.parent / "direct")
    run(direct)
    assert snapshot(output) == snapshot(direct.output)
    run_command("synth.stylize", f"--input_dir={mixed.parent / 'nothing'}", f"--output_dir={output}", code=2)


@pytest.mark.slow
def test_ray_workers_make_the_same_dataset(mixed):
    here = job(mixed)
    run(here)
    flags = ("--person_segmenter=groundtruth", f"--groundtruth={mixed.parent / 'known'}", "--num_workers=2")
    run_command("synth.stylize", f"--input_dir={mixed}", f"--output_dir={mixed.parent / 'ray'}", *flags)
    assert snapshot(mixed.parent / "ray") == snapshot(here.output)


def test_sheet_shows_photograph_before_and_after(mixed, tmp_path):
    style_job = job(mixed)
    run(style_job)
    shown = style_sheet.sheet(style_job, num_images=2, seed=1, cell=96)
    again = style_sheet.sheet(style_job, num_images=2, seed=1, cell=96)
    np.testing.assert_array_equal(shown, again)
    assert shown.shape == (2 * (HEIGHT + 6) + 6, 3 * (96 + 6) + 6, 3)
    lit = style_sheet._lit_people(style_job, stylize_image.read_annotation(mixed, 0))
    photo = read(mixed.parent / "photos" / "p0.png")
    np.testing.assert_array_equal(lit[10:60, 60:85], photo[10:60, 60:85])
    np.testing.assert_array_equal(lit[:, :60], photo[:, :60] // 4)
    with pytest.raises(UserError, match=r"run python -m synth\.stylize first"):
        style_sheet.sheet(job(mixed, output=tmp_path), 2, 0, 96)
