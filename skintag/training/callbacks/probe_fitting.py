"""Probes fitted on the exported embeddings: fitted on train, chosen on val, asked about val and test."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.core.outputs import Outputs
from skintag.probes.base import Probe
from skintag.probes.data import ProbeData
from skintag.training.callbacks.embedding_export import EmbeddingExport
from skintag.training.callbacks.fitted_before import FittedBefore


class ProbeFitting(pl.Callback):
    """Fit every probe on every exported feature and keep its probabilities for the val and test rows.

    Runs on one process, after EmbeddingExport. A probe that looks at no embeddings is fitted once.

    Args:
        probes: name -> the probe as it is before it is fitted.
        folder: where fitted probes are saved, one folder per feature.

    Raises:
        ConfigError: a probe goes by another name than its own, which its files and the table have.
    """

    def __init__(self, probes: Mapping[str, Probe], folder: Path) -> None:
        for name, probe in probes.items():
            if name != probe.name:
                raise ConfigError(f"probe.{name} is a probe named {probe.name!r}: write probe.{probe.name}")
        self.probes, self.folder = probes, folder
        self.outputs: dict[str, tuple[NDArray[np.int64], Outputs]] = {}  # model -> (rows, probabilities)
        self.seconds: dict[str, float] = {}
        self.records: dict[str, dict[str, Any]] = {}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or not self.probes:
            return
        callbacks, data = trainer.callbacks, trainer.datamodule  # type: ignore[attr-defined]
        export = next(c for c in callbacks if isinstance(c, EmbeddingExport))
        view = data.view
        split = view.frame["split"].to_numpy()
        scored = np.flatnonzero((split == "val") | (split == "test"))
        for feature, embeddings in sorted(export.for_probes().items(), reverse=True):
            train, val = (
                probe_data(view.frame, embeddings, view.rows(s), view.n_conditions) for s in ("train", "val")
            )
            for probe in self.probes.values():
                if probe.model_name(feature) not in self.outputs:
                    self._fit(probe.unfitted(), feature, train, val, embeddings, scored)

    def _fit(
        self,
        probe: Probe,
        feature: str,
        train: ProbeData,
        val: ProbeData,
        embeddings: NDArray[np.float32],
        scored: NDArray[np.int64],
    ) -> None:
        began, model = time.perf_counter(), probe.model_name(feature)
        place, fitted = probe.folder(self.folder, feature), FittedBefore(self.folder)
        key = fitted.key(probe, train, val)
        before = fitted.find(model, type(probe), place, key)
        if before is None:
            probe.fit(train, val)
            probe.save(place)
            fitted.add(model, probe, place, key)
        probe = before or probe
        self.outputs[model] = (scored, probe.predict(embeddings[scored]))
        self.seconds[model] = time.perf_counter() - began
        assert probe.record is not None
        self.records[model] = asdict(probe.record)
        how = "fitted before" if before else f"{self.seconds[model]:.1f} s"
        print(f"probe {model}: {how}", file=sys.stderr, flush=True)


def probe_data(
    frame: pd.DataFrame, embeddings: NDArray[np.float32], rows: NDArray[np.int64], n_conditions: int
) -> ProbeData:
    """The rows of the view's frame as a probe wants them."""
    part = frame.iloc[rows]
    return ProbeData(
        embeddings=embeddings[rows],
        target=part["target"].to_numpy(dtype=np.int64),
        condition=part["target_condition"].to_numpy(dtype=np.int64),
        # a probe draws no samples: what the sampler would repeat counts more instead
        weight=(part["weight"] * part["sampling_weight"]).to_numpy(dtype=np.float32),
        n_conditions=n_conditions,
    )
