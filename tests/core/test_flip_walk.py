"""A flipped bit of anything that a run stores is told, or changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.flip_walk import GOOD, walk


@pytest.mark.long
def test_no_flipped_bit_of_a_run_is_used(tmp_path: Path) -> None:
    counts = walk(tmp_path, flips=200, seed=1)
    assert sum(count.total() for count in counts.values()) == 200
    assert {name: dict(count) for name, count in counts.items() if set(count) - set(GOOD)} == {}
