"""The logistic function and its inverse give scipy's numbers, but for the rounding of the processor's exponential."""

from __future__ import annotations

import numpy as np
from scipy import special

from skintag.evaluation.decisions.logistic import expit, logit


def test_expit_is_scipy_s() -> None:
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 4, 20_000), [0.0, -0.0, 710.0, -710.0, -746.0, np.inf, -np.inf]])
    np.testing.assert_allclose(expit(x), special.expit(x), rtol=1e-15, atol=0)


def test_logit_is_scipy_s() -> None:
    draw = np.random.default_rng(0)
    ends = [0.0, 1.0, 0.5, 0.3, 0.65, np.nextafter(0.3, 0), np.nextafter(0.65, 1), np.finfo(float).tiny]
    p = np.concatenate([draw.random(20_000), special.expit(draw.normal(0, 6, 20_000)), ends])
    np.testing.assert_allclose(logit(p), special.logit(p), rtol=1e-15, atol=5e-16)
