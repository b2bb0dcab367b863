"""Groups of the configuration that name a class of SkinTag's own, and what each of them has to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError
from skintag.core.io import read_json
from skintag.data.augment import Augmentation
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.evaluation.analyses.table import EvaluationSettings
from skintag.evaluation.decisions.selection import Selection
from skintag.models.objective import Objective
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.probes.base import Probe

BACKBONE: Final = "backbone.json"
"""Settings of a run's backbone, where its configuration leaves something to the model's own."""
_KINDS: Final[dict[str, type]] = {
    "labels": LabelPolicy, "balance": Balance, "augment": Augmentation, "backbone": BackboneSettings,
    "finetune": FinetuneSettings, "objective": Objective, "optimizer": OptimizerSettings,
    "evaluation": EvaluationSettings, "select": Selection, "probe": Probe,
}  # fmt: skip


def made(group: str, node: Any) -> Any:
    """What the configuration of a group names; ConfigError where it is of another group."""
    found = instantiate(node)
    fits = callable(getattr(found, "assign", None)) if group == "split" else isinstance(found, _KINDS[group])
    if not fits:
        raise ConfigError(
            f"{group} is a {type(found).__name__}: name a choice of the group, {group}=<choice>"
        )
    return found


def recorded_backbone(folder: Path) -> BackboneSettings | None:
    """The backbone as a run looked it up; None where its configuration says all. Raises ConfigError for other files."""
    path = folder / BACKBONE
    if not path.is_file():
        return None
    try:
        return BackboneSettings(**read_json(path))
    except (OSError, ValueError, TypeError, ConfigError) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
