"""Tables of very many rows: fewer draws, and the same figures by blocks as in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from skintag.evaluation.analyses.assess import FEWEST, LARGE, AssessmentSettings
from skintag.evaluation.statistics import bootstrap, permutation
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.permutation import Permutations


def test_draws_adapt_to_large_tables_only() -> None:
    settings = AssessmentSettings()
    assert settings.for_rows(LARGE) is settings
    assert settings.for_rows(2 * LARGE).resamples == settings.resamples // 2
    assert settings.for_rows(10**7).permutations == FEWEST
    assert AssessmentSettings(resamples=100).for_rows(10**7).resamples == 100
    assert AssessmentSettings(adapt=False).for_rows(10**7).resamples == 2000


def test_exchanges_by_blocks_are_those_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    groups, strata, columns = rng.integers(0, 3, 50), rng.integers(0, 2, 50), rng.integers(0, 9, (50, 2))
    whole = Permutations.draw(groups, strata=strata, permutations=30, seed=1)
    sums = whole.sums(columns)
    monkeypatch.setattr(permutation, "_CELLS", 200)  # four exchanges at a time, labels in a byte
    parts = Permutations.draw(groups, strata=strata, permutations=30, seed=1)
    assert parts.labels.dtype == np.int8
    np.testing.assert_array_equal(parts.labels, whole.labels)
    np.testing.assert_array_equal(parts.sums(columns), sums)


def test_counts_in_a_byte_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Resamples.draw(np.arange(40), 20, seed=3)
    monkeypatch.setattr(bootstrap, "_NARROW", 10)
    narrow = Resamples.draw(np.arange(40), 20, seed=3)
    assert (whole.counts.dtype, narrow.counts.dtype) == (np.uint16, np.uint8)
    np.testing.assert_array_equal(narrow.counts, whole.counts)
