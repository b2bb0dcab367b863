"""What an augmentation cannot use is refused when it is built or called, with the key and what would do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.data.augment import Augmentation
from skintag.data.augment.basic import Rotation
from skintag.data.augment.condition import albumentation
from skintag.data.augment.field_light import Lighting

Image = NDArray[np.uint8]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ],
)
def test_other_arrays_than_rgb_bytes_are_refused(image: Image) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 3\]"):
        Augmentation()(image, "clinical", 0)


def test_unknown_domain_is_refused_with_a_near_match() -> None:
    with pytest.raises(ValueError, match="did you mean 'dermoscopic'"):
        Augmentation()(np.zeros((8, 8, 3), np.uint8), "dermoscopy", 0)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="max_degrees"):
        Rotation(p=1.0, degrees=(-5, 5), max_degrees=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="var_limit"):
        albumentation("GaussNoise", var_limit=(10, 50))
    with pytest.raises(ConfigError, match="quality_lower"):
        albumentation("ImageCompression", quality_lower=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert albumentation("GaussNoise", std_range=(0.1, 0.1)).std_range == (0.1, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": 1.5, "stops": (0, 0), "gamma": (1, 1)}, "probability"),
        ({"p": float("nan"), "stops": (0, 0), "gamma": (1, 1)}, "probability"),
        ({"p": 1.0, "stops": (1, -1), "gamma": (1, 1)}, "Lighting.stops"),
        ({"p": 1.0, "stops": (0, 9), "gamma": (1, 1)}, "Lighting.stops"),
        ({"p": 1.0, "stops": (0, 0, 0), "gamma": (1, 1)}, "Lighting.stops"),
        ({"p": 1.0, "stops": 0.5, "gamma": (1, 1)}, "Lighting.stops"),
        ({"p": 1.0, "stops": (0, 0), "gamma": (1, float("nan"))}, "Lighting.gamma"),
    ],
)
def test_impossible_severities_are_refused_with_the_key(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Lighting(**arguments)  # type: ignore[arg-type]


def test_something_else_than_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"augment\.noise"):
        Augmentation(noise=0.3)  # type: ignore[arg-type]
