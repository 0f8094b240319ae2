"""Formats that are not JSON: MATLAB, records, BVH, npz of weights, bodies and motion; check sums are made again."""

import contextlib
import functools
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import scipy.io
import tensorflow as tf

from eval.formats import mpii_toolkit
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mat_structure, mpii, mpii_groups
from openpose_tf.data.input import sampler
from openpose_tf.data.records import record_set, schema
from openpose_tf.skeleton import JointState
from openpose_tf.weights import weight_files
from synth.body import smplh
from synth.body.loading import load_body
from synth.poses import bvh, motion_files, retargeting
from tests.support.bodies.smplh_files import smplh_arrays
from tests.support.fuzzing.campaign import Target
from tests.support.fuzzing.mutations import Rng, mutate_bytes, mutate_value, mutate_words
from tests.support.small_records import write_records

# --- MATLAB ---------------------------------------------------------------------------------------------------------


@functools.cache
def _annolist() -> list[dict[str, Any]]:
    points = [{"x": 30.0 + 2 * k, "y": 20.0 + 3 * k, "id": k, "is_visible": 1} for k in (0, 1, 8, 9)]
    rect = {"x1": 45.0, "y1": 10.0, "x2": 55.0, "y2": 20.0, "scale": 0.3, "objpos": {"x": 50.0, "y": 40.0},
            "annopoints": {"point": points}}  # fmt: skip
    alone = rect | {"annopoints": {"point": [points[2]]}}
    rects = [rect, rect | {"scale": 0.4}], [alone], [{"scale": 1.5, "objpos": {"x": 3.0, "y": 4.0}}]
    return [{"image": {"name": f"{k}.jpg"}, "annorect": people, "vidx": k} for k, people in enumerate(rects)]


def _matlab(value: Any) -> Any:
    """Lists of objects as struct arrays, other lists as cells or numbers, None as []."""
    if isinstance(value, dict):
        return {_field(str(key)): _matlab(one) for key, one in value.items()} or np.zeros((0, 0))
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            structs = [_matlab(one) for one in value]
            names = list(dict.fromkeys(name for fields in structs if isinstance(fields, dict) for name in fields))
            if names:
                array = np.empty((1, len(value)), [(name, object) for name in names])
                for k, fields in enumerate(structs):
                    array[0, k] = tuple(
                        fields.get(name, np.zeros((0, 0))) if isinstance(fields, dict) else 0 for name in names
                    )
                return array
        if value and all(isinstance(one, (int, float)) and abs(one) < 1e300 for one in value):
            return np.array([value], np.float64)
        cell = np.empty((1, len(value)), object)
        for k, one in enumerate(value):
            cell[0, k] = _matlab(one)
        return cell
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**62 else float("inf")
    if isinstance(value, str):
        return value.encode("ascii", "replace").decode()
    return np.zeros((0, 0)) if value is None else value


def _field(key: str) -> str:
    """Returns a key as MATLAB's name of a field."""
    name = "".join(c for c in key if c.isalnum() or c == "_")[:31] or "x"
    return name if name[0].isalpha() else "f" + name


def _write_matlab(rng: Rng, folder: Path) -> None:
    """The same annolist as the release (release.mat) and as the toolkit's ground truth (groups.mat)."""
    single: list[Any] = [[1, 2], [1], []]
    content = {"annolist": _annolist(), "img_train": [1, 1, 0], "single_person": single}
    if rng.random() < 0.7:
        content = mutate_value(rng, content)
    release = _matlab(content)  # in which keys with and without a space are one
    variables = {
        "release.mat": {"RELEASE": release},
        "truth.mat": {"annolist_test": release.get("annolist", []) if isinstance(release, dict) else []},
    }
    variables["groups.mat"] = {"groups": _matlab(content.get("single_person"))}
    damage = rng.random() < 0.35  # of each file by itself, so that they no longer hold the same
    (folder / "same").unlink(missing_ok=True)
    if not damage:
        (folder / "same").touch()
    for name, value in variables.items():
        stream = io.BytesIO()
        try:
            scipy.io.savemat(stream, value)
        except (TypeError, ValueError, KeyError, OverflowError):  # what MATLAB cannot hold
            stream = io.BytesIO()
            scipy.io.savemat(stream, {next(iter(value)): np.zeros((0, 0))})
        data = stream.getvalue()
        (folder / name).write_bytes(data[:128] + mutate_bytes(rng, data[128:]) if damage else data)


def _opens_matlab(folder: Path) -> bool:
    try:
        mat_structure.check((folder / "release.mat").read_bytes())
    except ValueError:
        return False
    return True


def _read_matlab(folder: Path) -> None:
    """Release, groups and toolkit; joints of the release are those of the toolkit where both take the file."""
    truth = _or_refusal(lambda: mpii_toolkit.read_truth(folder / "truth.mat"))
    groups = _or_refusal(lambda: mpii_groups.read_groups(folder / "groups.mat"))
    _or_refusal(lambda: mpii_toolkit.read_predictions(folder / "truth.mat"))
    release = mpii.read_release(folder / "release.mat")
    if not isinstance(groups, UserError):
        _or_refusal(lambda: mpii_groups.select_release_groups(groups, release, train=True))
    if (folder / "same").exists() and not isinstance(truth, UserError) and len(truth) == len(release):
        for group, image in zip(truth, release):
            found = [person.keypoints for person in image.people]
            joints = np.array(found).reshape(-1, 16, 3)
            places = np.where(joints[..., 2:] != JointState.MISSING, joints[..., :2], np.nan)
            np.testing.assert_array_equal(places, group.xy)


def _or_refusal(read: Any) -> Any:
    try:
        return read()
    except UserError as error:
        return error


# --- records --------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _clean_records(folder: Path) -> tuple[record_set.RecordSet, bytes, dict[str, Any]]:
    """A sound set of one record in a folder, its payload, and the arrays of its index."""
    if not folder.is_dir():
        write_records(folder, 1, False, num_shards=1)
    records = record_set.load_records(folder)
    with np.load(folder / schema.INDEX_NAME) as file:
        return records, records.read(0), {name: file[name] for name in file.files}


def _write_record(rng: Rng, folder: Path) -> None:
    """A set of one record: its payload, or its index or manifest, is changed; CRCs and sizes fit again."""
    records, payload, index = _clean_records(folder / "clean")
    target = folder / "records"
    target.mkdir(exist_ok=True)
    part = int(rng.integers(4))
    if part == 0:
        payload = mutate_bytes(rng, payload)
    elif part < 3:
        payload = _mutated_example(rng, payload)
    shard = target / Path(records.shard_paths[0]).name
    with tf.io.TFRecordWriter(str(shard)) as writer:
        writer.write(payload)
    manifest = dict(records.manifest)
    manifest["shards"] = [manifest["shards"][0] | {"bytes": shard.stat().st_size}]
    arrays = index | {"length": np.array([len(payload) + 16])}
    data = _npz(arrays)
    if part == 3:
        choice = rng.random()
        manifest = mutate_value(rng, manifest) if choice < 0.5 else manifest
        data = _npz(_mutated_arrays(rng, arrays)) if choice >= 0.3 else data
    (target / schema.INDEX_NAME).write_bytes(data)
    (target / schema.MANIFEST_NAME).write_bytes(_json(manifest))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _mutated_example(rng: Rng, payload: bytes) -> bytes:
    """Fields of the tf.train.Example dropped, exchanged, shortened, or of another type."""
    example = tf.train.Example.FromString(payload)
    feature = example.features.feature
    for _ in range(int(rng.integers(1, 4))):
        names = sorted(feature)
        name, other = (names[int(k)] for k in rng.integers(0, len(names), 2))
        kind = int(rng.integers(5))
        if kind == 0:
            del feature[name]
        elif kind == 1:
            feature[name].CopyFrom(tf.train.Feature.FromString(feature[other].SerializeToString()))
        elif kind == 2:
            values = feature[name].float_list.value or feature[name].int64_list.value
            del values[int(rng.integers(0, len(values) + 1)) :]
        elif kind == 3 and feature[name].bytes_list.value:
            feature[name].bytes_list.value[0] = mutate_bytes(rng, feature[name].bytes_list.value[0])
        elif feature[name].float_list.value:
            values = feature[name].float_list.value
            values[int(rng.integers(len(values)))] = (np.nan, np.inf, -1e30, 0.0)[int(rng.integers(4))]
        elif feature[name].int64_list.value:
            values = feature[name].int64_list.value
            values[int(rng.integers(len(values)))] = (-1, 0, 2**62, 7)[int(rng.integers(4))]
    return bytes(example.SerializeToString())


def _opens_record(folder: Path) -> bool:
    shard = next((folder / "records").glob("*.tfrecord-*"))
    return shard.stat().st_size > schema.FRAME_HEADER_BYTES + schema.FRAME_FOOTER_BYTES  # the writer made its CRCs


@functools.cache
def _traced_read() -> Any:
    """`sampler.read_record` as a stream runs it: traced once."""
    signature = [tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)]
    return tf.function(sampler.read_record, input_signature=signature, autograph=False)


def _read_record(folder: Path) -> None:
    """What opens a set, what reads its bytes and what checks a record."""
    records, traced = record_set.load_records(folder / "records"), _traced_read()
    payloads: list[tf.Tensor] = []

    def read(path: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
        payloads.append(traced(path, offset))
        return payloads[-1]

    with mock.patch.object(sampler, "read_record", read):
        for row in range(len(records)):
            problem = sampler.check_record(records, row)
            if problem is not None:
                raise UserError(problem)
            assert payloads[-1].numpy() == records.read(row)


# --- npz ------------------------------------------------------------------------------------------------------------


def _npz(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _mutated_arrays(rng: Rng, arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays dropped, exchanged, of another type or shape, with numbers that are none."""
    changed = dict(arrays)
    for _ in range(int(rng.integers(1, 4))):
        names = sorted(changed) or sorted(arrays)
        name, other = (names[int(k)] for k in rng.integers(0, len(names), 2))
        value = np.array(changed[name] if name in changed else arrays[name])
        kind = int(rng.integers(9))
        if kind == 0:
            changed.pop(name, None)
        elif kind == 1:
            changed[name] = changed.get(other, value)
        elif kind == 2:
            dtypes = (np.float16, np.int8, np.complex64, "U8", bool, object, "S4", np.uint64)
            with contextlib.suppress(ValueError, TypeError):  # what is no number
                changed[name] = value.astype(dtypes[int(rng.integers(len(dtypes)))])
        elif kind == 3:
            changed[name] = value.reshape(-1) if rng.random() < 0.5 else value[None]
        elif kind == 4:
            changed[name] = value[: int(rng.integers(0, len(value) + 1))] if value.ndim else np.zeros(0)
        elif kind == 5:
            changed[f"{name} copy"] = value
        elif kind == 6 and value.size:
            flat = value.reshape(-1).copy()
            with np.errstate(all="ignore"), contextlib.suppress(OverflowError):
                odd = np.array([np.nan, np.inf, -1, 1e30, 2.0**40])[int(rng.integers(5))]
                if flat.dtype.kind in "iufb":
                    flat[int(rng.integers(flat.size))] = odd if flat.dtype.kind == "f" else 99 + flat[0]
            changed[name] = flat.reshape(value.shape)
        elif kind == 7:
            changed[name] = np.array([{"a": 1}, None], dtype=object)
        else:
            changed[name] = np.array(3.0)
    return changed


def _damaged_npz(rng: Rng, arrays: dict[str, Any]) -> bytes:
    """Changed arrays; or the bytes of one member, whose CRC fits again; or those of the archive."""
    kind = rng.random()
    data = _npz(_mutated_arrays(rng, arrays) if kind < 0.7 else arrays)
    if kind < 0.7:
        return data
    if kind > 0.9:
        return mutate_bytes(rng, data)
    stream, names = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data)).namelist()
    hit = names[int(rng.integers(len(names)))]
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(stream, "w") as target:
        for name in names:
            member = source.read(name)
            front = int(rng.choice([128, len(member)]))
            member = mutate_bytes(rng, member[:front]) + member[front:] if name == hit else member
            target.writestr(name, member, zipfile.ZIP_DEFLATED if rng.random() < 0.3 else zipfile.ZIP_STORED)
    return stream.getvalue()


def _opens_npz(path: Path) -> bool:
    return zipfile.is_zipfile(path)


@functools.cache
def _weights() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {"conv1_1": (3, 3, 3, 4), "conv1_2": (3, 3, 4, 4), "Mconv1_stage2_L1": (7, 7, 4, 2)}
    kernels = {f"{name}/kernel": rng.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}
    return kernels | {f"{name}/bias": np.zeros(shape[-1], np.float16) for name, shape in shapes.items()}


def _write_weights(rng: Rng, folder: Path) -> None:
    (folder / "weights.npz").write_bytes(_damaged_npz(rng, _weights()))


def _read_weights(folder: Path) -> None:
    """Accepted weights are kernels and biases of real numbers."""
    for kinds in weight_files.read_weights(folder / "weights.npz").values():
        for kind, array in kinds.items():
            assert kind in weight_files.KINDS and np.isfinite(np.asarray(array, np.float64)).all()


FEW = 60  # vertices; the number of SMPL's is not what is tested


@functools.cache
def _body() -> dict[str, Any]:
    return smplh_arrays(FEW) | {"f": np.array([[0, 1, 2], [3, 4, 59]], np.uint32)}


def _write_body(rng: Rng, folder: Path) -> None:
    (folder / "male.npz").write_bytes(_damaged_npz(rng, _body()))


def _read_body(folder: Path) -> None:
    """An accepted body can be shaped and posed."""
    with mock.patch.object(smplh, "NUM_SMPL_VERTICES", FEW):
        body = load_body(str(folder / "male.npz"))
    pose = np.full((52, 3), 0.1)
    if body.hands is not None:
        pose = smplh.pose_from_theta(body, np.full(78, 0.1))
    vertices, joints = body.pose(*body.shape("male", np.ones(body.num_betas)), pose)
    assert np.isfinite(vertices).all() and np.isfinite(joints).all()


@functools.cache
def _sound_body() -> Any:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(smplh, "NUM_SMPL_VERTICES", FEW):
        (Path(folder) / "male.npz").write_bytes(_npz(_body()))
        return load_body(str(Path(folder) / "male.npz"))


def _write_motion(rng: Rng, folder: Path) -> None:
    width = (156, 78)[int(rng.integers(2))]
    rows = np.random.default_rng(0).normal(0, 0.2, (4, width))
    arrays = {"poses": rows, "betas": np.zeros(16), "gender": np.array("male"), "trans": np.zeros((4, 3))}
    (folder / "motion").mkdir(exist_ok=True)
    (folder / "motion" / "clip.npz").write_bytes(_damaged_npz(rng, arrays))


def _read_motion(folder: Path) -> None:
    """Header and content agree; each frame can be drawn."""
    motion_files._person.cache_clear()
    source = motion_files.MotionPoses.load(str(folder / "motion"), 1, _sound_body())
    source.check(with_shapes=True)
    (file,) = source.files
    for frame in range(file.num_frames):
        assert np.isfinite(source._frames(file, slice(frame, frame + 1))).all()


# --- BVH ------------------------------------------------------------------------------------------------------------


@functools.cache
def _bvh() -> str:
    def chain(*limbs: tuple[str, str]) -> str:
        text = "End Site { OFFSET 0 0 0 }"
        for name, offset in reversed(limbs):
            text = f"JOINT {name} {{\nOFFSET {offset}\nCHANNELS 3 Zrotation Yrotation Xrotation\n{text} }}\n"
        return text

    legs = [((f"{side}UpLeg", f"{9 * x} -5 0"), (f"{side}Leg", "0 -40 0"), (f"{side}Foot", "0 -40 0"),
             (f"{side}ToeBase", "0 -5 12")) for side, x in (("Left", 1), ("Right", -1))]  # fmt: skip
    arms = [((f"{side}Shoulder", "0 0 0"), (f"{side}Arm", f"{16 * x} 30 0"), (f"{side}ForeArm", f"{20 * x} -20 0"),
             (f"{side}Hand", f"{18 * x} -18 0")) for side, x in (("Left", 1), ("Right", -1))]  # fmt: skip
    text = (
        "HIERARCHY\nROOT Hips {\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation\n"
    )
    text += (
        "".join(chain(*limb) for limb in (*legs, *arms)) + chain(("Neck", "0 50 0"), ("Head", "0 10 0")) + "}\nMOTION\n"
    )
    count = 6 + 3 * sum(len(limb) for limb in (*legs, *arms)) + 6
    rows = np.random.default_rng(0).normal(0, 10, (3, count)).round(2)
    lines = "\n".join(" ".join(map(str, row)) for row in rows)
    return text + f"Frames: 3\nFrame Time: 0.0083\n{lines}\n"


def _write_bvh(rng: Rng, folder: Path) -> None:
    text = mutate_words(rng, _bvh())
    data = text.encode(errors="replace")
    (folder / "clip.bvh").write_bytes(mutate_bytes(rng, data) if rng.random() < 0.2 else data)


def _read_bvh(folder: Path) -> None:
    """As many frames as are counted, all of them finite."""
    path, body = folder / "clip.bvh", _sound_body()
    rest = body.models["male"].j_template.astype(np.float64)
    count = bvh.count_frames(path)
    skeleton = retargeting.find_skeleton(path, bvh.read(path, None), rest, {})
    poses = retargeting.to_poses(skeleton, bvh.read(path, slice(None)), rest)
    assert len(poses) == count, f"{count} frames counted, {len(poses)} read"
    assert np.isfinite(poses).all()


TARGETS = (
    Target("MPII .mat", _write_matlab, _opens_matlab, _read_matlab),
    Target("record", _write_record, _opens_record, _read_record),
    Target("BVH", _write_bvh, lambda folder: (folder / "clip.bvh").read_bytes().startswith(b"HIERARCHY"), _read_bvh),
    Target("npz weights", _write_weights, lambda folder: _opens_npz(folder / "weights.npz"), _read_weights),
    Target("npz body", _write_body, lambda folder: _opens_npz(folder / "male.npz"), _read_body),
    Target("npz motion", _write_motion, lambda folder: _opens_npz(folder / "motion" / "clip.npz"), _read_motion),
)
