"""SkinTag: experiments on skin-lesion triage under domain shift and skin-tone bias.

The public names below are imported when they are first asked for: `import skintag` costs nothing, and `Bundle`
needs neither torch nor pandas where the bundle's model is ONNX.

    import skintag

    settings = skintag.compose("experiment=multi_balanced", "profile=demo")
    data = settings.data_module()
    module = settings.module(data.view)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# onnxruntime's wheels send to their maker what they are used for, and keep a number of the machine on its disk, unless
# told before they are imported; nobody's lesions are their business
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from skintag.bundle.bundle import Bundle
    from skintag.commands.compose import compose
    from skintag.data.loading.datamodule import LesionDataModule
    from skintag.evaluation.analyses.assess import assess
    from skintag.evaluation.predictions.predictions import Predictions
    from skintag.models.lesion_module import LesionModule
    from skintag.runs.folder import RunFolder

__all__ = ["Bundle", "LesionDataModule", "LesionModule", "Predictions", "RunFolder", "assess", "compose"]

_PLACES = {
    "Bundle": "skintag.bundle.bundle",
    "LesionDataModule": "skintag.data.loading.datamodule",
    "LesionModule": "skintag.models.lesion_module",
    "Predictions": "skintag.evaluation.predictions.predictions",
    "RunFolder": "skintag.runs.folder",
    "assess": "skintag.evaluation.analyses.assess",
    "compose": "skintag.commands.compose",
}


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        from skintag.core.distributions import lacking

        if (error.name or "").partition(".")[0] == "skintag":
            raise
        raise ModuleNotFoundError(f"skintag.{name} {lacking(error)}", name=error.name) from error


def __dir__() -> list[str]:
    """The public names, for those who look around with the tabulator key."""
    return __all__
