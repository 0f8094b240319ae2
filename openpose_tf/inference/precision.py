"""The precision in which a student looks at images: bfloat16 where the CPU multiplies it in hardware."""

import os
from pathlib import Path

import tensorflow as tf

from openpose_tf.config import ModelConfig, Precision
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose

CPU_INFO = Path("/proc/cpuinfo")  # Linux
CPU_UNITS = {"amx_bf16", "avx512_bf16"}  # as /proc/cpuinfo names them
ONEDNN_LIMITS = (
    "BF16",
    "FP16",
    "AMX",
    "ALL",
    "DEFAULT",
)  # values of ONEDNN_MAX_CPU_ISA that leave the units on hold one


def fastest() -> Precision:
    """Returns bfloat16 on a CPU with units for it (measured: 5 times the images/s with AMX), else float32."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    is_limited = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or not any(part in limit for part in ONEDNN_LIMITS)
    if is_limited or tf.config.list_physical_devices("GPU"):
        return Precision.FLOAT32
    return Precision.BFLOAT16 if CPU_UNITS & _cpu_flags() else Precision.FLOAT32


def _cpu_flags() -> set[str]:
    """Returns what the first CPU can do; nothing where the system does not say."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def in_precision(model: keras.Model, config: ModelConfig, precision: Precision) -> keras.Model:
    """Returns a network with the weights of `model` whose hidden layers compute in `precision`; maps stay float32.

    Args:
        model: of `build_openpose`, float32.
        config: its configuration.
        precision: of the hidden layers.
    """
    if precision == Precision.FLOAT32:
        return model
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision.policy)
    try:
        copy = build_openpose(config)
    finally:
        keras.mixed_precision.set_global_policy(before)
    copy.set_weights(model.get_weights())
    return copy
