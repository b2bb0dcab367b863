"""What a run is asked to do, as one frozen tree that is made where a command begins, or read back from a run.

Below the commands nothing knows of configuration files: every check is here, or in the settings themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from skintag.core.config import plain, resolved_where_possible
from skintag.core.errors import ConfigError
from skintag.core.settings import checked_fields
from skintag.core.stored import ask_for
from skintag.data.augment import Augmentation
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.prepared.opening import catalog_of, ensure_prepared
from skintag.data.prepared.settings import DataSettings
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.data.view.levels import GROUP_NAMES
from skintag.data.view.splits import Split
from skintag.data.view.view import View, build_view
from skintag.evaluation.analyses.table import EvaluationSettings
from skintag.evaluation.decisions.selection import Selection
from skintag.features.stored_inputs import CacheSettings
from skintag.models.backbone import Backbone
from skintag.models.head import HeadSettings
from skintag.models.lesion_module import LesionModule
from skintag.models.objective import Objective
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.models.towers.resolve import complete
from skintag.probes.base import Probe
from skintag.runs.groups import made
from skintag.runs.training_settings import (
    PlainSettings,
    TrainerSettings,
    logger_values,
    values_of_run,
)

# what `logger=null` and `probe=null` leave out
_WITHOUT: Final[dict[str, Any]] = {"logger": {"csv": False, "tensorboard": False}, "probe": {}}
# groups that name a class of SkinTag's own, and values that stand as they are
_TARGETS: Final = (
    "labels", "split", "balance", "augment", "backbone", "finetune", "objective", "optimizer", "evaluation", "select",
)  # fmt: skip
_OPTIONAL: Final = ("train_on", "compile", "fit", "robustness", "report", "resume", "ckpt_path")
_PLAIN: Final = (
    "name", "seed", "split_seed", "train_on", "compile", "fit", "robustness", "report", "resume", "ckpt_path",
    "paths", "data", "loader", "head", "cache", "callbacks", "logger",
)  # fmt: skip


@dataclass(frozen=True)
class RunSettings(PlainSettings):
    """A training run, or a student's, from its data to its report. See `RunSettings.of`."""

    data: DataSettings
    """Which sources."""
    labels: LabelPolicy
    """How diagnoses become targets."""
    split: Split
    """Who is in train, val and test."""
    balance: Balance
    """Weights of the train rows."""
    augment: Augmentation
    """What happens to training pictures."""
    backbone: BackboneSettings
    """Which tower."""
    finetune: FinetuneSettings
    """How much of it learns."""
    objective: Objective
    """The loss."""
    optimizer: OptimizerSettings
    """Learning rates and schedule."""
    probes: Mapping[str, Probe]
    """Name -> the probe as it is before it is fitted."""
    evaluation: EvaluationSettings
    """How scores become decisions."""
    select: Selection
    """What a search maximises."""
    head: HeadSettings
    """Layers between an embedding and the outputs."""
    cache: CacheSettings
    """Whether to train on stored activations."""
    values: Mapping[str, Any] = field(repr=False)
    """The composed configuration as plain values, for those who write it down."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.fit and not self.ckpt_path and not self.probes:
            raise ConfigError("fit=false without ckpt_path scores probes alone, and probe=null has none")

    @classmethod
    def of(cls, config: DictConfig) -> Self:
        """The tree of a composed `configs/train.yaml` or `configs/distill.yaml`, or of a run folder's.

        Raises:
            ConfigError: a value of the wrong kind or out of range, or values that do not go together; names the
                key, the value and what would do.
        """
        if unset := sorted(OmegaConf.missing_keys(config)):
            raise ConfigError(f"{', '.join(unset)} is not set: add {unset[0]}=<value>")
        settings = cls._of({**_WITHOUT, **plain(config)})
        ask_for(settings.loader.url)
        return replace(settings, backbone=complete(settings.backbone))

    @classmethod
    def of_run(cls, config: DictConfig, backbone: BackboneSettings | None = None) -> Self:
        """The tree of a finished run's configuration: what its view, data and model are made from.

        Where it logged and how long it trained is not looked at: an earlier version may have taken other values there.

        Args:
            config: of the run.
            backbone: as the run filled it up with its model's own configuration; None: it left nothing to that.
        """
        values = values_of_run({**_WITHOUT, **resolved_where_possible(config)})
        if backbone is not None:
            values = {**values, "backbone": {**asdict(backbone), "_target_": values["backbone"]["_target_"]}}
        return cls._of(values)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Self:
        for group in (*_TARGETS, *_PLAIN, "trainer"):
            if group not in values and group not in _OPTIONAL:
                raise ConfigError(
                    f"{group} is not set, and a run cannot be without it: leave {group}=null or ~{group} out, or "
                    f"add {group}=<choice> (--help lists them)"
                )
        values = {**values, "logger": logger_values(values["logger"]), "name": str(values["name"])}
        return cls(
            **checked_fields(cls, values, _PLAIN),
            **{group: made(group, values[group]) for group in _TARGETS},
            trainer=TrainerSettings.of(values["trainer"]),
            probes={name: made("probe", probe) for name, probe in (values["probe"] or {}).items()},
            values=values,
        )

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint to go on from: the resumed run's last one, or `ckpt_path`, or none.

        Raises:
            ConfigError: `ckpt_path` names no file.
        """
        if self.ckpt_path and not Path(self.ckpt_path).is_file():
            raise ConfigError(f"ckpt_path={self.ckpt_path}: no such file")
        if self.resume:
            return str(Path(self.resume) / "checkpoints" / "last.ckpt")
        return self.ckpt_path if self.fit else None

    # ---- what they make

    def catalog(self, prepared: Path) -> pd.DataFrame:
        """The prepared catalog's rows of the run's datasets. Raises ConfigError where one is not there."""
        return catalog_of(prepared, list(self.data.sources))

    def view(self, catalog: pd.DataFrame) -> View:
        """The run's view of a catalog. Raises as `build_view`."""
        return build_view(
            catalog,
            self.labels,
            self.split,
            self.balance,
            seed=self.split_seed,
            train_on=self.train_on,
        )

    def data_module(
        self,
        view: View | None = None,
        prepared: Path | None = None,
        *,
        augmented: bool = True,
        train_image_size: int | None = None,
    ) -> LesionDataModule:
        """The run's images, training ones augmented.

        Args:
            view: of the run; None: computed, from data that are prepared first where they are not there.
            prepared: the prepared folder, where it is not where the settings say.
            augmented: whether training images are; otherwise they are read by offset too, for a look at them.
            train_image_size: of training images where it is not the backbone's, pixels.
        """
        if view is None:
            prepared = prepared or ensure_prepared(self.data)
            view = self.view(self.catalog(prepared))
        return LesionDataModule(
            view=view,
            prepared=prepared or self.data.prepared,
            image_size=self.backbone.image_size,
            augmentation=self.augment if augmented else None,
            seed=self.seed,
            loader=self.loader if augmented else replace(self.loader, mode="indexed"),
            train_image_size=train_image_size,
            padding=bool(self.backbone.padding),
            interpolation=self.backbone.interpolation or "bilinear",
        )

    def module(self, view: View) -> LesionModule:
        """The LightningModule with its first weights loaded and locked, for the view's taxonomy and groups."""
        return LesionModule(**self.module_arguments(view))

    def module_arguments(self, view: View | LabelPolicy) -> dict[str, Any]:
        """What LesionModule, or a student's module, is made with for the taxonomy of a view, or of its labels."""
        return {
            "backbone": self.backbone,
            "finetune": self.finetune,
            "objective": self.objective.settings(),  # a fresh one: some learn
            "optimizer": self.optimizer,
            "head": self.head,
            "n_conditions": view.n_conditions,
            "n_groups": len(GROUP_NAMES),
            "seed": self.seed,
            "compile_backbone": self.compile,
        }

    def first_backbone(self) -> Backbone:
        """The backbone with the weights it has before training, locked as in training."""
        backbone = Backbone(self.backbone)
        backbone.lock(**asdict(self.finetune))
        return backbone
