"""Shared by the tests of `skintag.data`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real raw datasets; the test is skipped where there is none."""
    named = os.environ.get("SKINTAG_REAL_DATA")
    if not named:
        pytest.skip("SKINTAG_REAL_DATA is not set: no real data here")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"SKINTAG_REAL_DATA names {folder}, which is no folder")
    return folder
