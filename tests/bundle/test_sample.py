"""A bundle knows its own answer to a picture; who serves it sees whether it gives that here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from skintag.bundle import Bundle
from skintag.bundle.sample import ANSWER, PICTURE, check_sample, sample_picture
from skintag.core.errors import DataError
from tests.bundle.small import sign


def test_a_bundle_gives_the_answer_that_it_was_built_with(bundle: Bundle) -> None:
    apart = check_sample(bundle)
    assert apart is not None
    assert apart < 1e-5
    np.testing.assert_array_equal(np.load(bundle.folder / PICTURE), sample_picture())


@pytest.mark.parametrize("moved", [0.2, -0.2])
def test_another_answer_is_an_error(bundle_folder: Path, tmp_path: Path, moved: float) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    said = json.loads((folder / ANSWER).read_text())
    said["p_malignant"] += moved
    said["tolerance"] = 5  # a bundle may not excuse itself
    (folder / ANSWER).write_text(json.dumps(said))
    sign(folder)
    with pytest.raises(DataError, match=r"a probability 0\.2 away"):
        check_sample(Bundle.load(folder))


def test_a_bundle_without_a_sample_knows_no_answer(bundle_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    shutil.rmtree(folder / "sample")
    sign(folder)
    assert check_sample(Bundle.load(folder)) is None
