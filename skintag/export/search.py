"""Which layers stay in float: as few as val asks for, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, near_matches
from skintag.core.progress import track
from skintag.evaluation.metrics.metrics import auroc
from skintag.export.settings import ExportSettings


@dataclass(frozen=True)
class Trial:
    """What a quantised model's scores have lost against those of the float model, on the same pictures."""

    auroc_difference: float
    """AUROC, quantised less float; nan where all pictures are of one class."""
    deviation: float
    """Mean difference of p_malignant; infinite where a score is not a number."""

    @classmethod
    def of(cls, target: NDArray[np.int64], reference: NDArray[Any], scores: NDArray[Any]) -> Trial:
        """From targets and both models' scores, each [n]."""
        if not np.isfinite(scores).all():
            return cls(np.nan, np.inf)
        difference = auroc(target, scores) - auroc(target, reference)
        return cls(difference, float(np.abs(scores - reference).mean()))

    def within(self, settings: ExportSettings) -> bool:
        """Whether this may be let pass."""
        moved = 0.0 if np.isnan(self.auroc_difference) else abs(self.auroc_difference)
        return moved <= settings.auroc_bound and self.deviation <= settings.deviation_bound


@dataclass(frozen=True)
class Choice:
    """What stays in float, and what that comes to."""

    float_layers: tuple[str, ...]
    """Units, worst first."""
    trial: Trial
    """With these in float."""


def choose(
    attempt: Callable[[Sequence[str]], Trial], units: Mapping[str, Sequence[str]], settings: ExportSettings
) -> Choice:
    """The units to leave in float: those that are given, or as few as the bounds ask for.

    Where everything quantised is out of bounds, each unit is quantised alone; then the one that alone does most
    harm is left in float, and the next, until the bounds hold. So n + k models are tried for k of n units, where
    trying every set would take 2^n. With all in float nothing is lost, so it always ends within the bounds.

    Args:
        attempt: what leaving units in float comes to.
        units: name -> nodes.
        settings: the bounds, or the layers to leave in float.

    Raises:
        ConfigError: a layer to leave in float that is not there.
    """
    if settings.float_layers is not None:
        given = _named(settings.float_layers, list(units))
        return Choice(given, attempt(given))
    trial = attempt(())
    if trial.within(settings):
        return Choice((), trial)
    everything = list(units)
    tried = track(everything, "layers alone in int8")
    harm = {unit: attempt([u for u in everything if u != unit]).deviation for unit in tried}
    ranked = sorted(everything, key=lambda unit: -harm[unit])
    for k in range(1, len(ranked) + 1):
        trial = attempt(ranked[:k])
        if trial.within(settings):
            return Choice(tuple(ranked[:k]), trial)
    return Choice(tuple(ranked), trial)


def _named(asked: Sequence[str], units: Sequence[str]) -> tuple[str, ...]:
    """The units with these names or below them."""
    found: list[str] = []
    for name in asked:
        below = [unit for unit in units if unit == name or unit.startswith(f"{name}.")]
        if not below:
            raise ConfigError(f"float_layers: no layer {name!r}; {near_matches(name, units)}")
        found += [unit for unit in below if unit not in found]
    return tuple(found)
