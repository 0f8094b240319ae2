"""A student in bfloat16 is the same student, and only a CPU with units for it gets it by default."""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig, Precision
from openpose_tf.inference import precision
from openpose_tf.inference.predictor import Predictor
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose, preprocess
from tests.support import painted_network

CONFIG = ModelConfig(0.0625, 2, 64)
PICTURES = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 3), np.uint8)


def test_hidden_layers_compute_in_bfloat16_and_maps_stay_float32_and_close():
    model = build_openpose(CONFIG, seed=3)
    copy = precision.in_precision(model, CONFIG, Precision.BFLOAT16)
    assert keras.mixed_precision.global_policy().name == "float32"
    assert copy.get_layer("conv1_1").compute_dtype == "bfloat16"
    for ours, theirs in zip(copy(preprocess(PICTURES))[-1], model(preprocess(PICTURES))[-1], strict=True):
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, theirs, atol=0.1 * float(np.abs(theirs).max()))
    assert precision.in_precision(model, CONFIG, Precision.FLOAT32) is model


@pytest.mark.parametrize(
    ("flags", "limit", "expected"),
    [
        ("fpu avx2 avx512_bf16", None, Precision.BFLOAT16),
        ("fpu avx2 amx_bf16 amx_tile", "ALL", Precision.BFLOAT16),
        ("fpu avx2 amx_bf16", "AVX2", Precision.FLOAT32),
        ("fpu avx2 amx_bf16", "AVX512_CORE_BF16", Precision.BFLOAT16),
        ("fpu avx2 avx512f", None, Precision.FLOAT32),
    ],
)
def test_the_cpu_and_the_limit_of_onednn_decide(monkeypatch, tmp_path, flags, limit, expected):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\nprocessor : 1\n")
    monkeypatch.setattr(precision, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert precision.fastest() == expected
    monkeypatch.setattr(precision, "CPU_INFO", tmp_path / "none")
    assert precision.fastest() == Precision.FLOAT32


def test_a_savedmodel_keeps_its_precision(tmp_path):
    painted_network.save(tmp_path / "pose")
    with pytest.raises(UserError, match="computes as it was exported"):
        Predictor(tmp_path / "pose", precision=Precision.BFLOAT16)
