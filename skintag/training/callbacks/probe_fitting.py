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

from skintag.probes.base import Probe
from skintag.probes.data import ProbeData, ProbeOutput
from skintag.training.callbacks.embedding_export import EmbeddingExport


class ProbeFitting(pl.Callback):
    """Fit every probe on every exported feature and keep its probabilities for the val and test rows.

    Runs on one process, after EmbeddingExport. A probe that looks at no feature (`majority`) is fitted once.

    Args:
        probes: name -> the probe as it is before it is fitted.
        folder: where fitted probes are saved, one folder per feature.
    """

    def __init__(self, probes: Mapping[str, Probe], folder: Path) -> None:
        self.probes, self.folder = probes, folder
        self.outputs: dict[str, tuple[NDArray[np.int64], ProbeOutput]] = {}  # model -> (rows, probabilities)
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
            for name in self.probes:
                if name == "majority":
                    if "majority" not in self.outputs:
                        self._fit("majority", name, train, val, embeddings, scored, self.folder)
                else:
                    folder = self.folder / feature
                    self._fit(f"{name}_{feature}", name, train, val, embeddings, scored, folder)

    def _fit(
        self,
        model: str,
        name: str,
        train: ProbeData,
        val: ProbeData,
        embeddings: NDArray[np.float32],
        scored: NDArray[np.int64],
        folder: Path,
    ) -> None:
        began = time.perf_counter()
        probe = self.probes[name].unfitted()
        probe.fit(train, val)
        probe.save(folder)
        self.outputs[model] = (scored, probe.predict(embeddings[scored]))
        self.seconds[model] = time.perf_counter() - began
        assert probe.record is not None
        self.records[model] = asdict(probe.record)
        print(f"probe {model}: {self.seconds[model]:.1f} s", file=sys.stderr, flush=True)


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
