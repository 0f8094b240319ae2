"""What a user's input or machine can cause is one line with a fix; our own bugs are not explained away."""

import errno
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.failures import Failure, describe

MACHINE = ["ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE", "ENOMEM", "EIO", "ESTALE", "ENODEV", "ETIMEDOUT", "EAGAIN"]
USER = ["ENAMETOOLONG", "EROFS", "ELOOP", "EILSEQ", "EACCES", "EPERM", "ENOENT", "EISDIR", "ENOTDIR", "EEXIST"]


@pytest.mark.parametrize("name", [*MACHINE, *USER])
def test_every_error_of_the_operating_system_names_the_file(name):
    number = getattr(errno, name)
    failure = describe(OSError(number, os.strerror(number), "out.png"))
    assert failure.message.startswith("out.png") and len(failure.message) > 12
    assert failure.is_user is (name in USER)


def test_errors_without_a_number_keep_their_text():
    assert describe(OSError("Unable to open file (truncated)")) == Failure("Unable to open file (truncated)")
    assert describe(ConnectionError()) == Failure("ConnectionError")
    assert "ended" in describe(BrokenPipeError(errno.EPIPE, "Broken pipe")).message


def test_a_full_memory_is_the_machines():
    with pytest.raises(MemoryError) as error:
        np.zeros((1 << 40, 1 << 20), np.uint8)
    assert "memory is full" in describe(error.value).message
    assert "memory is full" in describe(cv2.error("(-4:Insufficient memory) Failed to allocate")).message


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), "--batch_size"),
        (tf.errors.UnavailableError(None, None, "Socket closed"), "resumes"),
        (tf.errors.AbortedError(None, None, "Collective ops is aborted"), "resumes"),
        (tf.errors.UnknownError(None, None, "a.tfrecord; Input/output error"), "a.tfrecord"),
    ],
)
def test_tensorflows_errors_of_the_machine(error, word):
    failure = describe(error)
    assert word in failure.message and not failure.is_user and "\n" not in failure.message


def test_bugs_are_not_explained_away():
    for error in (ValueError("x"), KeyError("x"), tf.errors.InvalidArgumentError(None, None, "shapes"), cv2.error("x")):
        assert describe(error) is None


def test_rays_errors():
    ray = pytest.importorskip("ray")
    assert "Ray stopped (System error: lost)" in describe(ray.exceptions.RaySystemError(OSError("lost"))).message
