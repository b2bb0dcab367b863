"""The logistic function and its inverse in numpy alone, so that what serves a bundle needs no scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def expit(x: ArrayLike) -> NDArray[np.float64]:
    """`1 / (1 + exp(-x))` of each number, float64; `scipy.special.expit` to the rounding
    of the processor's own exponential, which numpy chooses."""
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and its inverse 0, as it should be
        return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def logit(p: ArrayLike) -> NDArray[np.float64]:
    """`log(p / (1 - p))` of each number in [0, 1], float64; `scipy.special.logit` to rounding.

    Near one half `p / (1 - p)` has lost digits, so there it is `log1p(2p - 1) - log1p(1 - 2p)`.
    """
    share = np.asarray(p, dtype=np.float64)
    off = 2 * (share - 0.5)
    with np.errstate(divide="ignore"):
        near = np.log1p(off) - np.log1p(-off)
        return np.where((share >= 0.3) & (share <= 0.65), near, np.log(share / (1 - share)))
