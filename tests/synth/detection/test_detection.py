"""Detectors and segmenters: TensorFlow.js loader, TF Object Detection API containers, known masks, the built-in one."""

import base64
import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import MachineError, UserError
from synth import fetch_models
from synth.detection import builtin, factory, groundtruth, model_files, tf_object_detection, tfjs_graph
from synth.detection import people as detect
from synth.detection.model_files import ModelFile
from synth.detection.people import People
from tests.support.checkout import ROOT


@pytest.fixture
def models_dir():
    folder = ROOT / "models"
    if not all(model_files.is_present(folder, file) for file in model_files.BUILTIN_FILES):
        pytest.skip("needs the built-in model files: make models")
    return folder


# --- TensorFlow.js graph models -------------------------------------------------------------------------------------


def float_attr(**more):
    return {"T": {"type": "DT_FLOAT"}, **more}


def conv_attr(fused=()):
    names = [base64.b64encode(name.encode()).decode() for name in fused]
    attr = float_attr(
        strides={"list": {"i": ["1", "1", "1", "1"]}}, padding={"s": "VkFMSUQ="}, data_format={"s": "TkhXQw=="}
    )
    if fused:
        attr["fused_ops"] = {"list": {"s": names}}
        attr["num_args"] = {"i": "1"}
    return attr


@pytest.fixture
def tiny_graph_model(tmp_path):
    """conv (fused bias and relu6) -> depthwise (fused bias) -> matmul (fused bias and leaky relu); mixed storage."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(2, 2, 3, 4)).astype(np.float16)
    depthwise = rng.integers(0, 255, (2, 2, 4, 1)).astype(np.uint8)
    biases = {"b0": rng.normal(size=4), "b1": rng.normal(size=4), "b2": rng.normal(size=5)}
    matrix = rng.normal(size=(16, 5)).astype(np.float32)
    shape = np.array([-1, 16], np.int32)
    weights = [
        ("kernel", kernel, {"quantization": {"dtype": "float16"}}),
        ("depthwise", depthwise, {"quantization": {"dtype": "uint8", "scale": 0.01, "min": -1.0}}),
        *[(name, value.astype(np.float32), {}) for name, value in biases.items()],
        ("matrix", matrix, {}),
        ("shape", shape, {}),
    ]
    node = lambda name, op, inputs=(), **attr: {"name": name, "op": op, "input": list(inputs), "attr": attr}  # noqa: E731
    const = lambda name, dtype: node(name, "Const", dtype={"type": dtype})  # noqa: E731
    nodes = [
        node("x", "Placeholder", dtype={"type": "DT_FLOAT"}, shape={"shape": {"unknownRank": True}}),
        *[const(name, "DT_INT32" if name == "shape" else "DT_FLOAT") for name, _, _ in weights],
        node("conv", "_FusedConv2D", ["x", "kernel", "b0"], **conv_attr(["BiasAdd", "Relu6"])),
        node("dw", "FusedDepthwiseConv2dNative", ["conv", "depthwise", "b1"], **conv_attr(["BiasAdd"])),
        node("flat", "Reshape", ["dw", "shape"], **float_attr(Tshape={"type": "DT_INT32"})),
        node(
            "out",
            "_FusedMatMul",
            ["flat", "matrix", "b2"],
            **float_attr(
                transpose_a={"b": False},
                transpose_b={"b": False},
                leakyrelu_alpha={"f": 0.1},
                fused_ops={"list": {"s": ["Qmlhc0FkZA==", "TGVha3lSZWx1"]}},
            ),
        ),
    ]
    entries = [
        {"name": n, "shape": list(v.shape), "dtype": "int32" if n == "shape" else "float32"} | q for n, v, q in weights
    ]
    blob = b"".join(value.tobytes() for _, value, _ in weights)
    (tmp_path / "a.bin").write_bytes(blob[:37])
    (tmp_path / "b.bin").write_bytes(blob[37:])
    spec = {
        "modelTopology": {"node": nodes, "versions": {"producer": 1}, "library": {}},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": entries}],
        "signature": {"outputs": {"out": {"name": "out:0"}}},
    }
    (tmp_path / "model.json").write_text(json.dumps(spec))
    dequantised = depthwise.astype(np.float32) * 0.01 - 1
    return tmp_path / "model.json", kernel.astype(np.float32), dequantised, biases, matrix


def test_tfjs_graph_equals_plain_operations(tiny_graph_model):
    path, kernel, depthwise, biases, matrix = tiny_graph_model
    x = np.random.default_rng(1).normal(size=(1, 4, 4, 3)).astype(np.float32)
    y = tf.nn.relu6(tf.nn.conv2d(x, kernel, 1, "VALID") + biases["b0"].astype(np.float32))
    y = tf.nn.depthwise_conv2d(y, depthwise, [1, 1, 1, 1], "VALID") + biases["b1"].astype(np.float32)
    expected = tf.nn.leaky_relu(tf.reshape(y, [-1, 16]) @ matrix + biases["b2"].astype(np.float32), 0.1)
    model = tfjs_graph.load(path)
    assert model.inputs == ("x",) and model.outputs == ("out:0",)
    np.testing.assert_allclose(model.function(tf.constant(x))[0], expected, rtol=1e-5, atol=1e-5)


def test_tfjs_damaged_files_are_refused(tiny_graph_model):
    path = tiny_graph_model[0]
    shard = path.with_name("b.bin")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-3])
    with pytest.raises(UserError, match="damaged"):
        tfjs_graph.load(path)
    shard.write_bytes(whole + b"xxxx")
    with pytest.raises(UserError, match="expected"):
        tfjs_graph.load(path)
    shard.unlink()
    with pytest.raises(UserError, match=r"b\.bin is missing"):
        tfjs_graph.load(path)
    path.write_text("{}")
    with pytest.raises(UserError, match="modelTopology"):
        tfjs_graph.load(path)


# --- TF Object Detection API ----------------------------------------------------------------------------------------

BOXES = np.array([[[0.0, 0.0, 0.5, 0.5], [0.25, 0.5, 1.0, 1.0], [0.1, 0.1, 0.9, 0.9], [0, 0, 1, 1]]], np.float32)
CLASSES = np.array([[1, 1, 3, 1]], np.float32)
SCORES = np.array([[0.6, 0.9, 0.95, 0.99]], np.float32)
COUNT = np.array([3], np.float32)  # the fourth row is padding
MASKS = np.zeros((1, 4, 4, 4), np.float32)
MASKS[0, 0] = 1
MASKS[0, 1, :, :2] = 1  # left half of the second box


def detection_outputs(with_masks):
    outputs = {
        "detection_boxes": BOXES,
        "detection_classes": CLASSES,
        "detection_scores": SCORES,
        "num_detections": COUNT,
    }
    return outputs | ({"detection_masks": MASKS} if with_masks else {})


def save_as_saved_model(folder, with_masks=True):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8, name="input_tensor")])
        def serve(self, input_tensor):
            zero = tf.cast(tf.reduce_sum(tf.cast(input_tensor, tf.int32)) * 0, tf.float32)
            return {name: tf.constant(value) + zero for name, value in detection_outputs(with_masks).items()}

    model = Model()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    return folder


def save_as_frozen_graph(path, with_masks=True):
    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="image_tensor")
        zero = tf.cast(tf.reduce_sum(tf.cast(image, tf.int32)) * 0, tf.float32)
        for name, value in detection_outputs(with_masks).items():
            tf.add(tf.constant(value), zero, name=name)
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.mark.parametrize("container", ["saved_model", "frozen", "zoo_saved_model", "zoo_frozen"])
def test_tfod_containers_give_people_and_masks(tmp_path, container):
    source = tmp_path / "zoo"
    source.mkdir()
    if container == "saved_model":
        path = save_as_saved_model(source / "x")
    elif container == "zoo_saved_model":
        path = save_as_saved_model(source / "saved_model").parent
    elif container == "frozen":
        path = save_as_frozen_graph(source / "graph.pb")
    else:
        path = save_as_frozen_graph(source / "frozen_inference_graph.pb").parent
    network = factory.make_segmenter("tfod", tmp_path, path)
    image = np.zeros((8, 16, 3), np.uint8)
    people = network.segment(image, tmp_path / "photo.jpg")
    np.testing.assert_allclose(people.scores, [0.9, 0.6])  # best first; the car and the padding are out
    np.testing.assert_allclose(people.boxes, [[8, 2, 16, 8], [0, 0, 8, 4]])
    expected = np.zeros((2, 8, 16), bool)
    expected[0, 2:8, 8:12] = True
    expected[1, 0:4, 0:8] = True
    np.testing.assert_array_equal(people.masks, expected)
    detector = factory.make_detector("tfod", tmp_path, path)
    assert detect.person_score(detector, image, tiles=True) == pytest.approx(0.9)
    assert detector.identity.startswith("tfod-")


@pytest.mark.parametrize("input_type", [tf.uint8, tf.float32, tf.string])
def test_tfod_inputs_of_all_the_exporters_types(tmp_path, input_type):
    shape = [1] if input_type == tf.string else [1, None, None, 3]

    def outputs(value):  # the score is the brightness of the image that arrives
        image = tf.io.decode_image(value[0])[None] if input_type == tf.string else value
        return {
            "detection_boxes": tf.constant(BOXES[:, :1]),
            "detection_classes": tf.ones((1, 1)),
            "detection_scores": tf.reshape(tf.reduce_mean(tf.cast(image, tf.float32)) / 255, (1, 1)),
            "num_detections": tf.ones(1),
        }

    serve = tf.function(outputs, input_signature=[tf.TensorSpec(shape, input_type, name="input_tensor")])
    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": serve})
    graph = tf.Graph()
    with graph.as_default():
        name = "encoded_image_string_tensor" if input_type == tf.string else "image_tensor"
        for key, value in outputs(tf.compat.v1.placeholder(input_type, shape, name=name)).items():
            tf.identity(value, name=key)
    (tmp_path / "frozen.pb").write_bytes(graph.as_graph_def().SerializeToString())
    for path in (tmp_path / "saved", tmp_path / "frozen.pb"):
        found = factory.make_detector("tfod", tmp_path, path).detect(np.full((8, 16, 3), 102, np.uint8))
        np.testing.assert_allclose(found.scores, [0.4], atol=1e-6)


def test_tfod_inputs_that_are_no_images_are_refused(tmp_path):
    module = tf.Module()
    module.serve = tf.function(lambda value: {"n": value}, input_signature=[tf.TensorSpec([1], tf.int64, name="ids")])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    with pytest.raises(UserError, match=r"int64.*--input_type=image_tensor"):
        factory.make_detector("tfod", tmp_path, tmp_path / "saved")


def test_tfod_errors_name_what_is_missing(tmp_path):
    with pytest.raises(UserError, match="--tfod_model"):
        factory.make_detector("tfod", tmp_path)
    with pytest.raises(UserError, match="neither a SavedModel"):
        factory.make_detector("tfod", tmp_path, tmp_path / "nothing")
    boxes_only = save_as_frozen_graph(tmp_path / "boxes.pb", with_masks=False)
    assert factory.make_detector("tfod", tmp_path, boxes_only).detect(np.zeros((4, 4, 3), np.uint8)).masks is None
    with pytest.raises(UserError, match="no node detection_masks"):
        factory.make_segmenter("tfod", tmp_path, boxes_only)
    folder = save_as_saved_model(tmp_path / "boxes", with_masks=False)
    with pytest.raises(UserError, match="no output detection_masks"):
        factory.make_segmenter("tfod", tmp_path, folder).segment(np.zeros((4, 4, 3), np.uint8), tmp_path / "a.jpg")
    (tmp_path / "text.pb").write_text("this is no graph, whatever its name says")
    with pytest.raises(UserError, match="not a frozen TensorFlow graph"):
        factory.make_detector("tfod", tmp_path, tmp_path / "text.pb")


def test_box_relative_mask_is_pasted_at_sub_pixel_positions():
    target = np.zeros((10, 10), bool)
    ramp = np.tile(np.array([1.0, 1.0, 0.0, 0.0]), (4, 1))  # falls through 0.5 in the middle of the box
    tf_object_detection.paste_mask(
        target, np.array([1.5, 2.0, 7.5, 6.0]), ramp
    )  # middle at x = 4.5, the right edge of pixel 3 + 0.5
    assert target[2:6, 1:4].all() and not target[:, 5:].any() and not target[:2].any() and not target[6:].any()
    tf_object_detection.paste_mask(target, np.array([3.0, 3.0, 3.0, 3.0]), ramp)  # an empty box changes nothing
    beyond = np.zeros((4, 4), bool)
    tf_object_detection.paste_mask(beyond, np.array([2.5, 2.5, 4.0, 4.0]), np.ones((2, 2)))
    assert beyond.sum() == 4


# --- known masks ----------------------------------------------------------------------------------------------------


def coco_file(path, segmentations, category=1):
    annotations = [{"image_id": 7, "category_id": category, "segmentation": s} for s in segmentations]
    content = {"images": [{"id": 7, "file_name": "train/a.jpg"}], "annotations": annotations}
    path.write_text(json.dumps(content | {"categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}]}))
    return path


def test_coco_polygons_and_run_lengths(tmp_path):
    polygon = [[2, 1, 6, 1, 6, 5, 2, 5]]
    runs = {"size": [8, 10], "counts": [0, 16, 64]}  # the first two columns
    segmenter = factory.make_segmenter(
        "groundtruth", tmp_path, groundtruth=coco_file(tmp_path / "c.json", [polygon, runs])
    )
    image = np.zeros((8, 10, 3), np.uint8)
    people = segmenter.segment(image, tmp_path / "a.jpg")
    assert people.masks[0, 1:5, 2:6].all() and people.masks[0].sum() == 16
    assert people.masks[1, :, :2].all() and people.masks[1].sum() == 16
    np.testing.assert_array_equal(people.boxes, [[2, 1, 6, 5], [0, 0, 2, 8]])
    assert detect.union_mask(people, (8, 10)).sum() == 32
    nobody = segmenter.segment(image, tmp_path / "other.jpg")
    assert len(nobody.scores) == 0 and not detect.union_mask(nobody, (8, 10)).any()
    dogs = groundtruth.make_groundtruth_segmenter(coco_file(tmp_path / "d.json", [polygon], category=2))
    assert len(dogs.segment(image, tmp_path / "a.jpg").scores) == 0
    with pytest.raises(UserError, match=r"a\.jpg: a segmentation is made for 10x8 pixels, the image has 5x4"):
        segmenter.segment(np.zeros((4, 5, 3), np.uint8), tmp_path / "a.jpg")


def test_mask_folder(tmp_path):
    mask = np.zeros((6, 9), np.uint8)
    mask[2:4, 3:8] = 200
    cv2.imwrite(str(tmp_path / "a.png"), mask)
    segmenter = factory.make_segmenter("groundtruth", tmp_path, groundtruth=tmp_path)
    image = np.zeros((6, 9, 3), np.uint8)
    np.testing.assert_array_equal(segmenter.segment(image, tmp_path / "a.jpg").masks[0], mask > 0)
    assert len(segmenter.segment(image, tmp_path / "b.jpg").scores) == 0
    with pytest.raises(UserError, match="9x6 px"):
        segmenter.segment(image[:5], tmp_path / "a.jpg")


# --- small pieces ---------------------------------------------------------------------------------------------------


def test_suppression_keeps_the_better_of_two_overlapping_boxes():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 4]], np.float32)
    kept = detect.non_maximum_suppression(boxes, np.array([0.5, 0.8, 0.3, 0.2]), 0.55)
    np.testing.assert_array_equal(kept, [1, 2, 3])
    for max_overlap, number in ((90 / 110 - 0.001, 1), (90 / 110 + 0.001, 2)):  # intersection over union
        assert len(detect.non_maximum_suppression(boxes[:2], np.array([0.5, 0.8]), max_overlap)) == number
    assert len(detect.non_maximum_suppression(boxes[:0], np.zeros(0), 0.55)) == 0


def test_tiles_cover_the_image_and_overlap():
    image = np.arange(100 * 50 * 3, dtype=np.int64).reshape(100, 50, 3)
    tiles = detect.tile_views(image)
    assert [t.shape[:2] for t in tiles] == [(60, 30)] * 4
    assert set(np.unique(image)) == set(np.concatenate([t.ravel() for t in tiles]))


def test_person_score_is_the_best_of_all_views():
    class Stub:
        identity = "stub"

        def detect(self, image):
            scores = np.array([image[..., 0].max() / 255], np.float32) if image.any() else np.zeros(0, np.float32)
            return People(np.zeros((len(scores), 4)), scores)

    image = np.zeros((20, 20, 3), np.uint8)
    assert detect.person_score(Stub(), image, tiles=True) == 0
    image[3, 3] = 51
    assert detect.person_score(Stub(), image, tiles=False) == pytest.approx(0.2)


def test_crop_matrix_puts_the_box_in_the_middle():
    box = np.array([10.0, 20.0, 50.0, 100.0])
    matrix = builtin.crop_matrix(box, 1.25, 256)
    centre = matrix @ [29.5, 59.5, 1]  # box centre (30, 60) in edge coordinates
    np.testing.assert_allclose(centre, [127.5, 127.5])
    np.testing.assert_allclose(matrix[0, 0] * 80 * 1.25, 256)


# --- fetching -------------------------------------------------------------------------------------------------------


def npm_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_unpack_checks_sums(tmp_path):
    right = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of b"hello"
    archive = npm_archive(tmp_path / "p.tgz", {"package/a.bin": b"hello", "package/b.bin": b"changed"})
    good = ModelFile("a.bin", "p@1", "package/a.bin", right, "MIT")
    fetch_models.unpack(archive, [good], tmp_path / "out")
    assert (tmp_path / "out" / "a.bin").read_bytes() == b"hello" and model_files.is_present(tmp_path / "out", good)
    bad = ModelFile("b.bin", "p@1", "package/b.bin", right, "MIT")
    with pytest.raises(MachineError, match="another check sum"):
        fetch_models.unpack(archive, [bad], tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.bin"]
    absent = ModelFile("c.bin", "p@1", "package/c.bin", right, "MIT")
    with pytest.raises(MachineError, match="not in the package"):
        fetch_models.unpack(archive, [absent], tmp_path / "out")


def test_fetch_without_npm_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UserError, match=r"npm was not found.*@mediapipe/pose"):
        fetch_models.fetch(model_files.BUILTIN_FILES, tmp_path)


def test_fetch_when_npm_fails_shows_its_words(tmp_path, monkeypatch):
    fake = tmp_path / "npm"
    fake.write_text("#!/bin/sh\necho 'registry unreachable' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(MachineError, match="registry unreachable"):
        fetch_models.fetch(model_files.BUILTIN_FILES[:1], tmp_path)


def test_missing_and_wrong_model_files_are_named(tmp_path):
    with pytest.raises(UserError, match="make models"):
        model_files.require(tmp_path, "centernet.json")
    (tmp_path / "centernet.json").write_text("{}")
    with pytest.raises(UserError, match="check sum differs"):
        model_files.require(tmp_path, "centernet.json")


# --- the built-in networks (need `make models`) ---------------------------------------------------------------------


@pytest.mark.slow
def test_builtin_masks_agree_with_coco_polygons(shared_data, models_dir):
    folder = shared_data / "real" / "coco"
    truth = factory.make_segmenter(
        "groundtruth", models_dir, groundtruth=folder / "annotations" / "person_keypoints_smoke.json"
    )
    segmenter = factory.make_segmenter("builtin", models_dir)
    scores = []
    for name in ("000000000785.jpg", "000000196141.jpg", "000000197388.jpg"):
        path = folder / "images" / name
        image = cv2.imread(str(path))[:, :, ::-1].copy()
        shape = image.shape[:2]
        found = detect.union_mask(segmenter.segment(image, path), shape)
        known = detect.union_mask(truth.segment(image, path), shape)
        scores.append((found & known).sum() / (found | known).sum())
    print("IoU with COCO polygons", np.round(scores, 3))
    assert np.mean(scores) >= 0.85


def test_unusable_segmentations_are_the_persons_box(tmp_path):
    images = [{"id": "1", "file_name": "C:\\photos\\a.jpg"}]
    person = {"image_id": 1, "category_id": 1}
    people = [
        person | {"segmentation": [[]], "bbox": [2, 3, 4, 5]},
        person | {"segmentation": [[2, 3, 6, 8]], "bbox": [2, 3, 4, 5]},
        person | {"segmentation": [[2, 3, 6, 3, 6, 8, 2, 8], [1]], "bbox": [0, 0, 9, 9]},
        person | {"segmentation": [[]], "bbox": [0, 0, 0, 0]},
        person | {"image_id": 7, "segmentation": [[0, 0, 9, 0, 9, 9]]},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"images": images, "annotations": people}))
    segmenter = groundtruth.make_groundtruth_segmenter(tmp_path / "a.json")
    found = segmenter.segment(np.zeros((20, 10, 3), np.uint8), Path("a.jpg"))
    box = np.zeros((20, 10), bool)
    box[3:8, 2:6] = True
    assert len(found.masks) == 4 and not found.masks[3].any()
    for mask in found.masks[:3]:
        np.testing.assert_array_equal(mask, box)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([(1, "a.jpg"), ("001", "b.jpg")], r"images\[0\] and images\[1\] have the same id '001' \(a\.jpg and b\.jpg\)"),
        ([(1, "x/a.jpg"), (2, "y\\a.jpg")], "two images have the same file name without folder"),
    ],
)
def test_photographs_that_would_exchange_their_people_are_refused(tmp_path, images, message):
    rows = [{"id": number, "file_name": name} for number, name in images]
    (tmp_path / "a.json").write_text(json.dumps({"images": rows, "annotations": []}))
    with pytest.raises(UserError, match=message):
        groundtruth.make_groundtruth_segmenter(tmp_path / "a.json")


def test_annotations_of_unlisted_photographs_are_counted(tmp_path, caplog):
    people = [{"image_id": number, "bbox": [1, 2, 3, 4]} for number in ("007", 7, 8, None)]
    content = {"images": [{"id": "7", "file_name": "a.jpg"}], "annotations": people}
    (tmp_path / "a.json").write_text(json.dumps(content))
    segmenter = groundtruth.make_groundtruth_segmenter(tmp_path / "a.json")
    assert "2 annotations are of images that it does not list" in caplog.text
    assert len(segmenter.segment(np.zeros((9, 9, 3), np.uint8), Path("a.jpg")).masks) == 2


@pytest.mark.parametrize("images", [[{"id": 1}], [7]])
def test_annotations_without_what_is_needed_are_refused(tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps({"images": images, "annotations": []}))
    with pytest.raises(UserError, match=r"a\.json is not a COCO annotation file"):
        groundtruth.make_groundtruth_segmenter(tmp_path / "a.json")
