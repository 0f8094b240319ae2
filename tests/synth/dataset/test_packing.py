"""Image datasets in thousands: whatever is killed wherever, nothing is lost, and flat datasets say the same."""

import json
import os
import random
import signal
from pathlib import Path

import pytest

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.image_dataset import read_header
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.records import record_set
from openpose_tf.data.to_tfrecords import Options, run
from synth import card, to_coco
from synth.dataset import completeness, index, packing, writer
from synth.workers import processes
from tests.support.commands import finish_command, start_command, wait_until
from tests.support.datasets import annotations, contents, make_flat
from tests.support.image_sets import made_up
from tests.support.programs.make_images import make

PROGRAM = "tests.support.programs.make_images"


class Killed(BaseException):
    """A process that ends at once."""


@pytest.fixture
def threes(monkeypatch):
    monkeypatch.setattr(schema, "PER_FOLDER", 3)


def whole_files(folder: Path) -> None:
    """Asserts that every annotation can be read, and that its pictures are there."""
    for row in annotations(folder).values():
        assert all((folder / row[role]).stat().st_size for role in ("image", "mask"))


def pictures(folder: Path) -> int:
    """Returns the number of whole image files, without those that a killed process was writing."""
    return sum(path.name[0] != "." for path in folder.glob("images/*/*.jpg"))


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def make_loose(folder: Path, num_images: int) -> None:
    """Makes images whose annotations are not packed."""
    made_up.open_dataset(folder, num_images)
    for number in range(num_images):
        made_up.make_image(str(folder), number)


def killed_at(monkeypatch, operation: int, folder: Path) -> bool:
    """Makes a dataset until a number of renames and deletions have been done; returns whether it was killed."""
    left = operation

    def counted(real):
        def do(*args, **options):
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return real(*args, **options)

        return do

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(packing.Path, "unlink", counted(Path.unlink))
        try:
            make(folder, 7)
        except Killed:
            return True
    return False


def test_killed_at_any_rename_or_deletion_it_resumes_and_ends_the_same(tmp_path, monkeypatch, threes):
    make(tmp_path / "whole", 7)
    whole, names = contents(tmp_path / "whole"), files_of(tmp_path / "whole")
    assert sorted(name[:4] for name in names if name.startswith("annotations/"))
    operation = 0
    while killed_at(monkeypatch, operation, folder := tmp_path / f"killed{operation}"):
        if (folder / schema.HEADER).exists():
            whole_files(folder)
            before = completeness.complete(folder, range(7))
            assert before == {int(name) for name in listing.ids(folder)}
            assert pictures(folder) - len(before) in (0, 1)  # the picture in work
        make(folder, 7)
        assert contents(folder) == whole and files_of(folder) == names
        assert read_header(folder) == read_header(tmp_path / "whole")
        operation += 1
    assert operation > 60


def test_processes_killed_at_random_moments_leave_whole_files_and_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "PER_FOLDER", 5)
    chance = random.Random(3)
    flags = (60, 0, 1, 5)
    finish_command(start_command(PROGRAM, tmp_path / "whole", *flags))
    folder, known = tmp_path / "killed", set()
    for _ in range(6):
        process = start_command(PROGRAM, folder, *flags)
        wanted = len(known) + chance.randint(1, 9)
        wait_until(lambda wanted=wanted: pictures(folder) >= wanted, process)
        process.kill()
        finish_command(process, -signal.SIGKILL)
        whole_files(folder)
        found = set(listing.ids(folder))
        assert found >= known and pictures(folder) - len(found) in (0, 1)
        known = found
    finish_command(start_command(PROGRAM, folder, *flags))
    assert contents(folder) == contents(tmp_path / "whole")
    assert not list(folder.rglob("0*.json"))


def test_many_thousands_are_packed_in_processes_as_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "PER_FOLDER", 5)
    finish_command(start_command(PROGRAM, tmp_path / "one", 30, 0, 1, 5))
    make_loose(tmp_path / "many", 30)
    finish_command(start_command(PROGRAM, tmp_path / "many", 30, 0, 1, 5))
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert not list((tmp_path / "many").rglob("0*.json"))


def test_an_image_packed_between_two_looks_is_found(tmp_path, monkeypatch, threes):
    """The listing looks for loose files first, for packs afterwards: what leaves the one is in the other."""
    make_loose(tmp_path, 3)
    real = listing._loose

    def packed_after(root, number):
        found = real(root, number)
        monkeypatch.setattr(listing, "_loose", real)
        packing.pack(tmp_path, 0)
        return found

    monkeypatch.setattr(listing, "_loose", packed_after)
    part = listing.part(tmp_path, 0)
    assert part.ids() == ["000000", "000001", "000002"]
    assert [name for name, _ in part.rows()] == part.ids()


def test_shards_at_the_same_time_make_the_dataset_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "PER_FOLDER", 10)
    finish_command(start_command(PROGRAM, tmp_path / "one", 90, 0, 1, 10))
    started = [start_command(PROGRAM, tmp_path / "many", 90, shard, 3, 10) for shard in range(3)]
    for process in started:
        finish_command(process)
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert read_header(tmp_path / "many") == read_header(tmp_path / "one")
    assert not list((tmp_path / "many").rglob("0*.json"))


def test_two_processes_that_pack_the_same_thousand_lose_nothing(tmp_path, monkeypatch, threes):
    """Each sees other images: one packs and deletes while the other is about to write its pack."""
    made_up.open_dataset(tmp_path, 3)
    for number in (0, 1):
        made_up.make_image(str(tmp_path), number)
    real = index.write_pack

    def overtaken(part):
        monkeypatch.setattr(index, "write_pack", real)
        made_up.make_image(str(tmp_path), 2)
        packing.pack(tmp_path, 0)  # of 0, 1, 2; the files of 0 and 1 are gone
        return real(part)

    monkeypatch.setattr(index, "write_pack", overtaken)
    packing.pack(tmp_path, 0)
    assert listing.ids(tmp_path) == ["000000", "000001", "000002"]
    packing.pack_all(tmp_path)
    assert [pack.count for pack in listing.part(tmp_path, 0).packs] == [3]
    make(tmp_path.parent / "other", 3)
    assert annotations(tmp_path) == annotations(tmp_path.parent / "other")


def test_a_picture_that_was_deleted_is_made_again(tmp_path, threes):
    make(tmp_path, 5)
    whole = contents(tmp_path)
    (tmp_path / "images/0000/000001.jpg").unlink()
    (tmp_path / "masks/0001/000004.png").unlink()
    assert completeness.missing(tmp_path, range(5)) == [1, 4]
    make(tmp_path, 5)
    assert contents(tmp_path) == whole


def test_extending_costs_what_is_new(tmp_path, monkeypatch, threes):
    make(tmp_path, 7)
    packed = {path: path.stat().st_mtime_ns for path in (tmp_path / schema.ANNOTATIONS).glob("000[01]-*.npz")}
    assert len(packed) == 2
    read = []
    real = schema.read_annotation
    monkeypatch.setattr(schema, "read_annotation", lambda path: read.append(path.stem) or real(path))
    make(tmp_path, 10)
    assert set(read) == {"000007", "000008", "000009"}
    assert {path: path.stat().st_mtime_ns for path in packed} == packed
    monkeypatch.undo()
    assert read_header(tmp_path)["counts"]["images"] == 10


def coco(folder: Path) -> dict:
    to_coco.write_coco(folder, folder.parent / "coco.json", "coco17", True)
    found = json.loads((folder.parent / "coco.json").read_text())
    names = [image.pop("file_name") for image in found["images"]]
    assert all((folder / "images" / name).exists() for name in names)
    return found | {"info": None, "names": [Path(name).name for name in names]}


def records(folder: Path) -> list[bytes]:
    output = folder.parent / f"{folder.name}_records"
    run(Options(output_dir=str(output), annotations=str(folder), format="image_dataset", name="ds", num_shards=2))
    found = record_set.load_records(output)
    return [found.read(k) for k in range(len(found))]


def test_flat_and_packed_datasets_say_the_same(tmp_path, threes):
    make(tmp_path / "packed", 8)
    packed, flat = tmp_path / "packed", make_flat(tmp_path / "packed", tmp_path / "flat")
    assert (flat / "annotations/000003.json").exists() and listing.ids(flat) == listing.ids(packed)
    assert coco(flat) == coco(packed)
    assert records(flat) == records(packed)
    found = [index.read(folder) for folder in (flat, packed)]
    assert found[0].summary() == found[1].summary()
    texts = [card.text({"kind": "synthetic", "seed": 0, "num_images": 8, "flags": {}}, one, "x") for one in found]
    assert texts[0] == texts[1]


def test_a_flat_dataset_is_extended_in_its_own_form(tmp_path, threes):
    make(tmp_path / "new", 5)
    flat = make_flat(tmp_path / "new", tmp_path / "flat")
    before = {path: path.stat().st_mtime_ns for path in flat.glob("annotations/*.json")}
    assert len(before) == 5
    make(flat, 8)
    assert sorted(path.name for path in (flat / "annotations").iterdir()) == [f"{k:06d}.json" for k in range(8)]
    assert all(path.stat().st_mtime_ns == made for path, made in before.items())
    assert read_header(flat)["schema"] == schema.FLAT_SCHEMA and read_header(flat)["counts"]["images"] == 8
    make(tmp_path / "new", 8)
    assert coco(flat) == coco(tmp_path / "new")
    (flat / "images/000006.jpg").unlink()
    assert completeness.missing(flat, range(8)) == [6]


def test_in_processes_as_in_one(tmp_path, monkeypatch):
    """Counts of annotations that are not packed, packing, and COCO, of six thousands with two images each."""
    for name, few in (("one", 99), ("many", 3)):
        monkeypatch.setattr(processes, "_FEW", few)
        folder = tmp_path / name / "set"
        made_up.open_dataset(folder, 6000)
        for number in range(0, 6000, 500):
            made_up.make_image(str(folder), number)
        assert len(listing.parts(folder)) == 6
        assert index.read(folder).counts["images"] == 12
        writer.close_dataset(folder, {})
        to_coco.write_coco(folder, folder / "coco.json", "mpii16", False)
    one, many = tmp_path / "one/set", tmp_path / "many/set"
    assert files_of(one) == files_of(many)
    assert all((one / name).read_bytes() == (many / name).read_bytes() for name in files_of(one))


def test_a_million_and_one_images_have_names(tmp_path):
    name = schema.image_name(1_000_000)
    assert schema.sample_paths(tmp_path, name)["image"] == tmp_path / "images/1000/1000000.jpg"
    made_up.open_dataset(tmp_path, 1_000_001)
    for number in (999_999, 1_000_000):
        made_up.make_image(str(tmp_path), number)
    assert listing.ids(tmp_path) == ["999999", "1000000"]
    packing.pack_all(tmp_path)
    assert listing.ids(tmp_path) == ["999999", "1000000"]
    assert writer.close_dataset(tmp_path, {}).summary()["images"] == 2


@pytest.mark.parametrize("role", schema.ROLES)
def test_what_a_killed_process_left_of_an_image_goes_before_it_is_made_again(tmp_path, threes, role):
    """Whichever of its files was being written; what is left of other images may be another process's."""
    make_loose(tmp_path, 4)
    paths = schema.sample_paths(tmp_path, "000004")
    paths[role].parent.mkdir(parents=True, exist_ok=True)
    own, other = (paths[role].with_name(f".{name}.7.part{paths[role].suffix}") for name in ("000004", "000005"))
    own.write_bytes(b"\x89PNG")
    other.write_bytes(b"\x89PNG")
    assert 4 in completeness.missing(tmp_path, range(5))
    assert not own.exists() and other.exists()
