"""What an export can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skintag.core.errors import ConfigError, near_matches

CALIBRATIONS: Final = ("minmax", "percentile", "entropy")


@dataclass(frozen=True)
class ExportSettings:
    """How models are quantised, checked and timed; nothing here is ever fitted on test rows."""

    images: int | None = None
    """At most so many val and so many test images to compare on, drawn by name; None: all."""
    batch_size: int = 32
    """Images that go through a model at a time in the comparison."""
    calibration: tuple[str, ...] = ("minmax", "percentile")
    """Ways to find the ranges of activations; where there are several, val chooses. Entropy is the slowest."""
    calibration_images: int = 256
    """Val images that ranges are found on, as many malignant ones as others where there are enough."""
    percentile: float = 99.99
    """Share of an activation's values, in per cent, that its range holds under `percentile`."""
    auroc_bound: float = 0.0025
    """Largest difference of AUROC on val, int8 against float, that is let pass: half of what is promised."""
    deviation_bound: float = 0.03
    """Largest mean difference of p_malignant on val that is let pass."""
    search_images: int = 1000
    """Val images on which layers are searched that have to stay in float."""
    float_layers: tuple[str, ...] | None = None
    """Layers (or what they begin with) to leave in float; None: as few as the bounds ask for."""
    repeats: int = 100
    """Timed runs of one image; the table has their median."""
    seed: int = 0
    """Of the draws."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "calibration", tuple(self.calibration))
        if self.float_layers is not None:
            object.__setattr__(self, "float_layers", tuple(self.float_layers))
        for name in ("batch_size", "calibration_images", "search_images", "repeats"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: expected at least 1")
        if self.images is not None and self.images < 1:
            raise ConfigError(f"images={self.images}: expected at least 1, or null for all")
        if not self.calibration:
            raise ConfigError(f"calibration is empty: name at least one of {', '.join(CALIBRATIONS)}")
        for method in self.calibration:
            if method not in CALIBRATIONS:
                raise ConfigError(f"calibration: no method {method!r}; {near_matches(method, CALIBRATIONS)}")
        if not 50 < self.percentile <= 100:
            raise ConfigError(f"percentile={self.percentile}: expected more than 50 and at most 100")
