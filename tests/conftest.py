"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

from tests.support.checkout import SHARED_DATA

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs, toolkit vectors and small weights beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data, which is not part of the project")
    return SHARED_DATA
