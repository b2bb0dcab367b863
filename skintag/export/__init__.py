"""A trained model as one file for another runtime, checked against the torch model on the run's own images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skintag.export.formats import FORMATS
from skintag.export.settings import ExportSettings

if TYPE_CHECKING:
    from skintag.export.deployed_model import DeployedModel
    from skintag.export.run import export_run

__all__ = ["FORMATS", "DeployedModel", "ExportSettings", "export_run"]


def __getattr__(name: str) -> Any:
    """`export_run` and `DeployedModel` import torch, which takes seconds: only where they are asked for."""
    if name == "export_run":
        from skintag.export.run import export_run

        return export_run
    if name == "DeployedModel":
        from skintag.export.deployed_model import DeployedModel

        return DeployedModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
