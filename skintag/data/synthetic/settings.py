"""The knobs of the synthetic benchmark."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from skintag.core.errors import ConfigError, near_matches
from skintag.data.synthetic.layouts import LAYOUTS
from skintag.data.view.levels import as_names

DATASETS: Final = tuple(LAYOUTS)
"""The datasets that can be drawn."""
MIN_ROWS_PER_DATASET = 12
MAX_IMAGES = 100_000  # beyond it the archive numbers given to the two dermoscopic datasets would meet


@dataclass(frozen=True)
class SyntheticSettings:
    """What is drawn. Equal settings give the same files, byte for byte, whatever the number of workers."""

    images: int = 1600
    """Metadata rows over all datasets together (a few Fitzpatrick17k rows get no picture, as in reality)."""
    seed: int = 0
    """Everything random follows from it."""
    scale: float = 0.5
    """Picture size: 1.0 is 600 x 450 for HAM10000 and about 512 pixels for the others; 0.5 half of that."""
    datasets: tuple[str, ...] = DATASETS
    """Which raw folders are written."""
    shortcut: float = 0.5
    """Association of a ruler with (pre)malignant labels, in dermoscopic photographs only: the probability of
    a ruler given malignant minus that given benign. 1: on each malignant photograph and on no other."""
    dark_skin_contrast: float = 0.7
    """Factor on all optical effects of a lesion on Fitzpatrick V-VI; 1: as strong as on any other skin."""
    domain_gap: float = 1.0
    """How far the looks of the domains lie apart; 0: all datasets photographed in one neutral way."""
    label_noise: float = 0.02
    """Share of lesions that are drawn as one of the opposite malignancy than their label says."""
    signal: float = 1.0
    """How typical lesions look of their label. 0: the picture says nothing about it; 1: overlapping classes;
    at 2 most lesions are textbook cases."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "datasets", as_names(self.datasets))
        unknown = [name for name in self.datasets if name not in DATASETS]
        if unknown:
            raise ConfigError(f"datasets: no dataset {unknown[0]!r}; {near_matches(unknown[0], DATASETS)}")
        # one order and one type, so that lists from a YAML file compare equal
        object.__setattr__(self, "datasets", tuple(name for name in DATASETS if name in set(self.datasets)))
        if not self.datasets:
            raise ConfigError(f"datasets: none named; known: {', '.join(DATASETS)}")
        low = MIN_ROWS_PER_DATASET * len(self.datasets)
        if not low <= self.images <= MAX_IMAGES:
            raise ConfigError(
                f"images: between {low} and {MAX_IMAGES} for these datasets, found {self.images}"
            )
        bounds = {
            "scale": (0.1, 2.0), "shortcut": (0.0, 1.0), "dark_skin_contrast": (0.0, 2.0),
            "domain_gap": (0.0, 1.0), "label_noise": (0.0, 0.5), "signal": (0.0, 2.0),
        }  # fmt: skip
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name}: between {least} and {most}, found {getattr(self, name)}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: `datasets` as a list; 1 and 1.0 are one setting."""
        values = asdict(self) | {"datasets": list(self.datasets)}
        return {f.name: float(values[f.name]) if f.type == "float" else values[f.name] for f in fields(self)}
