"""The groups of a run's settings that are about training alone: paths, trainer, callbacks, loggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Self, cast

from skintag.core.errors import ConfigError
from skintag.core.settings import LARGEST_SEED, checked_fields, number, settings_of
from skintag.core.vocabulary import FEATURES
from skintag.data.loading.settings import LoaderSettings

Switch = bool | Literal["auto"]


@dataclass(frozen=True)
class PathSettings:
    """Folders of data, runs and caches (configs/paths)."""

    raw: str
    """Raw dataset folders."""
    prepared: str
    """Prepared folders."""
    runs: str
    """Run folders."""
    cache: str
    """Embeddings and activations, kept by content."""

    @property
    def embeddings(self) -> Path:
        """Folder of the stores of embeddings."""
        return Path(self.cache) / "embeddings"

    @property
    def activations(self) -> Path:
        """Folder of the stores of activations."""
        return Path(self.cache) / "activations"


@dataclass(frozen=True)
class TrainerSettings:
    """How long and on what to train (configs/trainer)."""

    effective_batch_size: int = number(least=1)
    """Samples per optimizer step over all devices."""
    precision: str | int | None = None
    """As Lightning names it; None: `bf16-mixed` on a GPU that has bf16, else `32-true`."""
    max_epochs: int | None = number(least=-1, default=None)
    """Epochs at most; -1: without end."""
    min_epochs: int | None = number(least=0, default=None)
    """Epochs at least."""
    max_steps: int = number(least=-1, default=-1)
    """Optimizer steps at most; -1: as many as the epochs have."""
    accelerator: str = "auto"
    """`cpu`, `gpu`, `auto`, ..."""
    devices: int | str | tuple[int, ...] = "auto"
    """How many, or which."""
    num_nodes: int = number(least=1, default=1)
    """Machines."""
    strategy: str = "auto"
    """How they share the work, e.g. `ddp`."""
    gradient_clip_val: float | None = number(least=0, default=None)
    """Largest norm of the gradient."""
    log_every_n_steps: int = number(least=0, default=10)
    """Optimizer steps between two lines of the log."""
    val_check_interval: float | None = number(least=0, default=1.0)
    """Epochs (or, as a whole number, batches) between two validations."""
    limit_train_batches: float | None = number(least=0, default=1.0)
    """Share (or, as a whole number, count) of the training batches."""
    limit_val_batches: float | None = number(least=0, default=1.0)
    """Share (or, as a whole number, count) of the validation batches."""
    num_sanity_val_steps: int | None = number(least=-1, default=0)
    """Validation batches before training."""
    deterministic: bool | str | None = None
    """Whether to refuse algorithms that are not, or `warn` of them."""
    benchmark: bool | None = None
    """Let cuDNN look for the fastest algorithm."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else `lightning.Trainer` takes, given as `+trainer.<name>=<value>`."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From the group's values; raises ConfigError as `settings_of` does."""
        fields = set(cls.__dataclass_fields__) - {"more"}
        known = {name: value for name, value in values.items() if name in fields}
        more = {name: value for name, value in values.items() if name not in known}
        return settings_of(cls, {**known, "more": more}, "trainer")

    def arguments(self) -> dict[str, Any]:
        """What `lightning.Trainer` is given of them."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        devices = list(self.devices) if isinstance(self.devices, tuple) else self.devices
        del values["effective_batch_size"], values["more"]
        return {**values, "devices": devices, **self.more}


@dataclass(frozen=True)
class CallbackSettings:
    """What happens around training (configs/callbacks)."""

    patience: int | None = number(least=0, default=None)
    """Epochs without a better validation loss before training stops; None: never."""
    checkpoint_every_steps: int = number(least=1, default=100)
    """Optimizer steps between two writings of `last.ckpt`."""
    features: tuple[str, ...] = FEATURES
    """Embeddings to export for the probes."""
    progress_bar: Switch = "auto"
    """A moving bar; `auto`: on a terminal."""

    def __post_init__(self) -> None:
        if not self.features:
            raise ConfigError("callbacks.features is empty: expected finetuned, frozen or both")
        for name in self.features:
            if name not in FEATURES:
                known = ", ".join(FEATURES)
                raise ConfigError(f"callbacks.features={list(self.features)}: {name!r} is none of {known}")


@dataclass(frozen=True)
class WandbSettings:
    """Where a run goes in Weights & Biases (configs/logger/wandb.yaml)."""

    project: str = "skintag"
    """Project."""
    entity: str | None = None
    """User or team; None: the key's own."""
    group: str | None = None
    """None: the experiment and what the command says of it."""
    tags: tuple[str, ...] = ()
    """Of the run."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else `WandbLogger` takes, given as `+logger.wandb.<name>=<value>`."""


@dataclass(frozen=True)
class LoggerSettings:
    """Where the training curves go (configs/logger)."""

    csv: bool = True
    """`csv/metrics.csv` in the run folder."""
    tensorboard: bool = True
    """`tensorboard/` in the run folder."""
    wandb: WandbSettings | None = None
    """Weights & Biases; offline without a key."""


@dataclass(frozen=True, kw_only=True)
class PlainSettings:
    """The part of a run's settings that is checked before a library is imported that takes seconds."""

    name: str
    """Name of the run's folder below `paths.runs`."""
    paths: PathSettings
    """Where things lie."""
    loader: LoaderSettings
    """How images get from the shards to the model."""
    trainer: TrainerSettings
    """How long and on what to train."""
    callbacks: CallbackSettings
    """When to stop, what to keep, what to export."""
    logger: LoggerSettings
    """Where the training curves go."""
    seed: int = number(least=0, most=LARGEST_SEED)
    """Every random choice of training is a function of it."""
    split_seed: int = number(least=0, most=LARGEST_SEED)
    """Of the split."""
    train_on: tuple[str, ...] | str | None = None
    """Datasets that train and val are restricted to; None: all."""
    compile: bool = False
    """torch.compile of the backbone."""
    fit: bool = True
    """Train; otherwise only score the initial weights and the probes."""
    robustness: Switch = False
    """Score distorted test images at the end; `auto`: unless in a sweep."""
    report: Switch = "auto"
    """Write the report at the end; `auto`: unless in a sweep."""
    resume: str | None = None
    """The run folder to go on with."""
    ckpt_path: str | None = None
    """The checkpoint to start from."""

    def __post_init__(self) -> None:
        if self.trainer.limit_val_batches == 0 and self.callbacks.patience is not None:
            raise ConfigError(
                "trainer.limit_val_batches=0 leaves no validation loss to be patient with: add callbacks.patience=null"
            )

    @staticmethod
    def check(values: Mapping[str, Any]) -> None:
        """Refuse what is wrong in a composed configuration, as far as can be told at once.

        Raises:
            ConfigError: names the key, the value and what would do.
        """
        made = {"logger": {"csv": False, "tensorboard": False}, **values}
        made |= {"logger": logger_values(made["logger"]), "name": str(made["name"])}
        own = [name for name in PlainSettings.__dataclass_fields__ if name in made and name != "trainer"]
        trainer = TrainerSettings.of(made["trainer"]) if "trainer" in made else None
        fields = checked_fields(PlainSettings, made, own)
        if trainer is not None and "callbacks" in fields:
            PlainSettings.__post_init__(cast(PlainSettings, SimpleNamespace(trainer=trainer, **fields)))
        for key in ("ckpt_path", "resume"):
            path = fields.get(key)
            if path and not Path(path).exists():
                raise ConfigError(f"{key}={path}: no such {'file' if key == 'ckpt_path' else 'folder'}")


def logger_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The group `logger` as LoggerSettings takes it: no W&B for false, one tag for a list, all else for WandbLogger."""
    made, wandb = dict(values), values.get("wandb")
    if isinstance(wandb, Mapping):
        own = set(WandbSettings.__dataclass_fields__) - {"more"}
        asked = {name: value for name, value in wandb.items() if name in own and value is not None}
        if isinstance(asked.get("tags"), str):
            asked["tags"] = [asked["tags"]]
        made["wandb"] = {**asked, "more": {name: value for name, value in wandb.items() if name not in own}}
    elif wandb is False:
        made["wandb"] = None
    return made


def values_of_run(values: Mapping[str, Any]) -> dict[str, Any]:
    """A finished run's configuration without what its figures do not hang on: logging, names, how long it trained."""
    trainer = {name: values["trainer"].get(name) for name in ("precision", "accelerator")}
    return {
        **values,
        "logger": {"csv": False, "tensorboard": False},
        "trainer": {"effective_batch_size": 1, **{k: v for k, v in trainer.items() if v is not None}},
        "callbacks": {},
        "robustness": False,
        "report": False,
    }
