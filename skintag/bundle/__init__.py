"""What is deployed: one folder, or one zip of it, that holds all that inference needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skintag.bundle.bundle import Bundle
    from skintag.bundle.prediction import Failure, Prediction

__all__ = ["Bundle", "Failure", "Prediction"]

_PLACES = {"Bundle": "bundle", "Failure": "prediction", "Prediction": "prediction"}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first asked for: `--help` should not wait for torch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
