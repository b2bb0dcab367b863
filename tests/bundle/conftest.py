"""A bundle of the tiny run, built once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from skintag.bundle import Bundle
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.settings import BundleSettings


@pytest.fixture(scope="session")
def run_copy(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run, to be bundled."""
    return Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("bundles") / "run"))


@pytest.fixture(scope="session")
def bundle_folder(run_copy: Path) -> Path:
    """The bundle of its head, with its zip beside it; copy it before changing anything in it."""
    return build_bundle(run_copy, BundleSettings(model="head", zip=True))


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)
