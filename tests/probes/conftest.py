"""Small embeddings that a probe can learn from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from skintag.probes.data import ProbeData

Draw = Callable[..., ProbeData]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """draw(n, seed): embeddings around a centre per condition, of which 0 and 2 are malignant."""

    def make(n: int, seed: int, noise: float = 0.7, conditions: tuple[int, ...] = (0, 2, 4, 7)) -> ProbeData:
        rng = np.random.default_rng(seed)
        centres = np.random.default_rng(99).standard_normal((10, 12))
        condition = rng.choice(conditions, n)
        embeddings = centres[condition] + noise * rng.standard_normal((n, 12))
        return ProbeData(
            embeddings.astype(np.float32),
            np.isin(condition, (0, 2)).astype(np.int64),
            condition.astype(np.int64),
            rng.uniform(0.5, 1.5, n).astype(np.float32),
        )

    return make


@pytest.fixture(scope="session")
def train(draw: Draw) -> ProbeData:
    return draw(300, 0)


@pytest.fixture(scope="session")
def val(draw: Draw) -> ProbeData:
    return draw(120, 1)


@pytest.fixture(scope="session")
def test(draw: Draw) -> ProbeData:
    return draw(200, 2)
