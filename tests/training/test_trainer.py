"""How a run's Trainer is built."""

from __future__ import annotations

import pytest

from skintag.core.errors import ConfigError
from skintag.training.trainer import accumulation


@pytest.mark.parametrize(("batch", "world", "steps"), [(64, 1, 1), (16, 1, 4), (8, 4, 2), (32, 2, 1)])
def test_gradients_accumulate_to_the_effective_batch(batch: int, world: int, steps: int) -> None:
    assert accumulation(64, batch, world) == steps


@pytest.mark.parametrize(("batch", "world"), [(48, 1), (64, 2), (100, 1)])
def test_effective_batch_that_cannot_be_reached_is_refused(batch: int, world: int) -> None:
    with pytest.raises(ConfigError, match="effective_batch_size"):
        accumulation(64, batch, world)
