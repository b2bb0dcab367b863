"""Where a teacher comes from: a run folder, or a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from skintag.core.errors import ConfigError
from skintag.core.outputs import Outputs
from skintag.core.progress import track
from skintag.core.vocabulary import HEAD
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.view.seen import Seen
from skintag.data.view.view import View
from skintag.distillation.teacher import EmbeddingProbe, Kind, Teacher
from skintag.runs.folder import RunFolder
from skintag.runs.model import seen_of
from skintag.runs.settings import RunSettings
from skintag.runs.split_file import own_or

XGBOOST: Final = "xgboost_finetuned"
# the models of a run's predictions whose average a kind of teacher is
MODELS: Final[dict[Kind, tuple[str, ...]]] = {
    HEAD: (HEAD,),
    "xgboost": (XGBOOST,),
    "ensemble": (HEAD, XGBOOST),
}


class TeacherSource(Protocol):
    """What a student's run asks of where its teacher lies."""

    path: Path
    config: DictConfig | None
    choices: Mapping[str, str]

    def teacher(self) -> Teacher:
        """The teacher, on the processor."""

    def seen(self) -> Seen:
        """The images that the teacher has learned from, at any remove."""

    def scores(self, view: View, rows: NDArray[np.int64], settings: RunSettings, teacher: Teacher) -> Outputs:
        """What the teacher says of rows of the view, [n]; its malignant scores are float64."""


def teacher_source(path: str, kind: Kind) -> TeacherSource:
    """The run folder or bundle at `path`.

    Raises:
        ConfigError: there is neither.
    """
    place = Path(path)
    if place.suffix == ".zip" or (place / "bundle.json").is_file():
        return BundleTeacher(place, kind)
    if not (place / "checkpoints").is_dir():
        raise ConfigError(
            f"teacher={path}: expected a finished run folder (with checkpoints/) or a bundle (bundle.json or .zip), "
            f"found {'a folder with neither' if place.is_dir() else 'no such folder'}"
        )
    return RunTeacher(place, kind)


class RunTeacher:
    """The best checkpoint of a run, with its XGBoost probe where that is wanted."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path, self.kind = path.absolute(), kind
        self.run = RunFolder(path)
        self.config: DictConfig | None = with_absolute_paths(self.run)
        self.choices: Mapping[str, str] = self.run.choices
        self.models = MODELS[kind]

    def teacher(self) -> Teacher:
        """The teacher, on the processor."""
        probe: EmbeddingProbe | None = None
        if self.kind != HEAD:
            probes = self.run.probes()
            # where nothing in the backbone learned, its first embeddings are its last
            name = XGBOOST if XGBOOST in probes else "xgboost_frozen"
            if name not in probes or (name != XGBOOST and not self.run.module().backbone.fully_frozen):
                raise ConfigError(
                    f"distillation.teacher={self.kind}: {self.path} has no probe {XGBOOST}, only "
                    f"{', '.join(sorted(probes)) or 'none'}; train the teacher with probe=xgboost"
                )
            probe = probes[name][1]
            self.models = tuple(name if model == XGBOOST else model for model in MODELS[self.kind])
        return Teacher(self.run.module(), self.kind, probe)

    def seen(self) -> Seen:
        """The images that the teacher has learned from, at any remove. Raises as `skintag.runs.model.seen_of`."""
        return seen_of(self.run)

    def scores(self, view: View, rows: NDArray[np.int64], settings: RunSettings, teacher: Teacher) -> Outputs:
        """The scores in the run's own predictions where they are all there, else computed."""
        names = view.frame["image_id"].to_numpy()[rows]
        return _in_table(self.run.predictions.frame, self.models, names) or computed(
            view, rows, settings, teacher
        )


class BundleTeacher:
    """A bundle that holds the weights."""

    def __init__(self, path: Path, kind: Kind) -> None:
        from skintag.bundle import Bundle

        self.path, self.kind = path.absolute(), kind
        self.bundle = Bundle.load(path)
        self.config: DictConfig | None = None
        self.choices: Mapping[str, str] = {}

    def teacher(self) -> Teacher:
        """The teacher, on the processor."""
        probe: Any = None
        if self.kind != HEAD:
            probes = self.bundle.probes()
            if XGBOOST not in probes:
                raise ConfigError(
                    f"distillation.teacher={self.kind}: the bundle {self.path} has no {XGBOOST}"
                )
            probe = probes[XGBOOST]
        return Teacher(self.bundle.module(), self.kind, probe)

    def seen(self) -> Seen:
        """The images that the teacher has learned from, at any remove."""
        return self.bundle.seen

    def scores(self, view: View, rows: NDArray[np.int64], settings: RunSettings, teacher: Teacher) -> Outputs:
        """Computed from the images, of which a bundle keeps no scores."""
        return computed(view, rows, settings, teacher)


def _in_table(frame: pd.DataFrame, models: Sequence[str], names: NDArray[np.object_]) -> Outputs | None:
    """The average of the models' scores of the images [n]; None where one of them is missing."""
    columns = ["p_malignant", *(c for c in map(str, frame.columns) if c.startswith("p_condition_"))]
    found = []
    for model in models:
        rows = frame[frame["model"] == model].set_index("image_id")
        if not np.isin(names, rows.index).all():
            return None
        found.append(rows[columns].reindex(names).to_numpy(dtype=np.float64))
    values = np.mean(found, axis=0)
    conditions = values[:, 1:]
    known = ~np.isnan(conditions).all(axis=0)  # the extended taxonomy's column is null without it
    return Outputs(values[:, 0], conditions[:, known] if known.any() else None)


def computed(view: View, rows: NDArray[np.int64], settings: RunSettings, teacher: Teacher) -> Outputs:
    """The teacher on the images themselves, each at its size, without augmentation."""
    data = LesionDataModule(
        view=view,
        prepared=settings.data.prepared,
        image_size=teacher.image_size,
        augmentation=None,
        seed=settings.seed,
        loader=replace(settings.loader, mode="indexed"),
        padding=bool(teacher.network.backbone.settings.padding),
        interpolation=teacher.network.backbone.settings.interpolation or "bilinear",
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teacher.to(device)
    batches = data.predict_dataloader(rows)
    parts = [
        teacher(batch["image"].to(device)).arrays() for batch in track(batches, "teacher", total=len(batches))
    ]
    data.teardown("")
    said = Outputs.joined(parts)
    return Outputs(said.malignant.astype(np.float64), said.conditions)


def with_absolute_paths(run: RunFolder) -> DictConfig:
    """The run's configuration of its data, resolved, with paths that hold wherever the student is started."""
    config: DictConfig = OmegaConf.create(
        {
            name: OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
            for name in ("data", "labels", "split", "split_seed", "train_on", "balance")
            if name in run.config
            for node in [run.config[name]]
        }
    )
    config.fit = str(run.setting("loader.fit"))
    config.data.prepared = str(run.prepared.absolute())
    for name, place in config.data.sources.items():
        if place is not None:
            config.data.sources[name] = str(run.resolved(place).absolute())
    if OmegaConf.select(config, "split.path"):
        config.split.path = str(own_or(run.path, run.resolved(config.split.path)).absolute())
    if OmegaConf.select(config, "data.synthetic.out"):
        config.data.synthetic.out = str(run.resolved(config.data.synthetic.out).absolute())
    return config
