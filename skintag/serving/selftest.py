"""What a bundle is asked before anybody else asks it: its own sample, whose answer is known, alone and in company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.bundle import Bundle
from skintag.bundle.sample import check_sample, sample_picture
from skintag.core.errors import DataError
from skintag.core.outputs import Outputs

_SAME: Final = 1e-3
"""Between one picture alone and among others: INT8 kernels may round otherwise."""


def self_test(bundle: Bundle, run: Callable[[NDArray[np.uint8]], Outputs]) -> None:
    """Ask what is known.

    Raises:
        DataError: it does not answer, answers otherwise than the bundle says it does, or otherwise in company.
    """
    check_sample(bundle)
    drawn = bundle.square(sample_picture())
    alone = float(run(drawn[None]).malignant[0])
    among = float(run(np.stack([255 - drawn, drawn, drawn[::-1]])).malignant[1])
    if not abs(alone - among) <= _SAME:
        raise DataError(
            bundle.manifest.name,
            expected=f"{alone:.6g} of a picture in a batch, as of it alone",
            found=f"{among:.6g}",
            fix="use the version of onnxruntime that the bundle was built with, or build it again",
        )
