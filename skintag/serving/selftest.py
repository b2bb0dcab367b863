"""A bundle's own sample with its known answer, asked before anybody else is; and what can be asked without one."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError
from skintag.serving.network import Network

PICTURE: Final = "sample/picture.npy"
"""uint8 [S, S, 3] RGB, as the model is given it."""
ANSWER: Final = "sample/answer.json"
"""`p_malignant`, before calibration, and `tolerance`."""
_SAME: Final = 1e-3
"""Between one picture alone and among others: INT8 kernels may round otherwise."""


def self_test(bundle: Bundle, run: Network) -> None:
    """Ask the network what is known of it.

    Raises:
        DataError: it does not answer, answers otherwise than the bundle says it does, or otherwise in company.
    """
    side = bundle.preprocessing.image_size
    y, x = np.mgrid[:side, :side] / side
    spot = np.exp(-(((x - 0.5) ** 2 + (y - 0.5) ** 2) * 20))[..., None]
    drawn = (np.array([205, 165, 140]) * (1 - spot) + np.array([70, 45, 40]) * spot).astype(np.uint8)
    alone, _ = run(drawn[None])
    among, _ = run(np.stack([255 - drawn, drawn, drawn[::-1]]))
    _compare(
        bundle, "the same picture in a batch", float(alone.malignant[0]), float(among.malignant[1]), _SAME
    )
    if not (bundle.folder / ANSWER).is_file():
        return
    try:
        known = json.loads((bundle.folder / ANSWER).read_text(encoding="utf-8"))
        wanted, tolerance = float(known["p_malignant"]), float(known["tolerance"])
        picture = np.load(bundle.folder / PICTURE, allow_pickle=False)
        found, _ = run(np.asarray(picture, np.uint8).reshape(1, side, side, 3))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise DataError(bundle.folder / ANSWER, expected="a sample", found=said, fix=AGAIN) from error
    _compare(bundle, "the bundle's sample", wanted, float(found.malignant[0]), tolerance)


def _compare(bundle: Bundle, what: str, wanted: float, found: float, tolerance: float) -> None:
    if not abs(wanted - found) <= tolerance:
        raise DataError(
            bundle.manifest.name,
            expected=f"{wanted:.6g} of {what}, within {tolerance:g}",
            found=f"{found:.6g}",
            fix="use the version of onnxruntime that the bundle was built with, or build it again",
        )
