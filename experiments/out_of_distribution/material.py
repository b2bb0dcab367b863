"""Embeddings of a run: of its own train, val and test images, and of what it should know for strange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from non_skin import REPORT, Picture, draw_families
from numpy.typing import NDArray

from skintag.data.catalog.catalog import read_catalog
from skintag.data.images.files import encode_jpeg
from skintag.evaluation.statistics.bootstrap import cluster_names

if TYPE_CHECKING:
    from skintag.runs.folder import RunFolder

Embeddings = NDArray[np.float32]
UNDIAGNOSED = "undiagnosed rows of"
_QUALITY = 95
_BATCH = 64


@dataclass(frozen=True)
class Strangers:
    """Embeddings of one family of images."""

    embeddings: Embeddings
    """[n, D]"""
    clusters: tuple[str, ...]
    """[n] what belongs together."""
    role: str
    """`development` or `report`."""


@dataclass(frozen=True)
class Material:
    """What references of one run are made of and tested on."""

    train: Embeddings
    """[n, D]"""
    labels: NDArray[np.int64]
    """[n] conditions."""
    val: Embeddings
    """[m, D]"""
    domains: NDArray[np.object_]
    """[m] domain of each val image."""
    test: Embeddings
    """[k, D], of the datasets that the run learned from."""
    frame: pd.DataFrame
    """k rows: the test images' `dataset`, `domain`, `fst_group`, `group_id`."""
    strangers: dict[str, Strangers]
    """By name."""
    missing: str
    """What could not be had, in words; empty if nothing."""


def gather(run: RunFolder, each: int) -> Material:
    """All embeddings of one run; what the run's cache holds is not computed again."""
    view = run.view.frame
    own = view["dataset"].isin(view.loc[view["split"] == "train", "dataset"].unique())
    parts = {split: view[own & (view["split"] == split)] for split in ("train", "val", "test")}
    made = {split: run.embeddings(part["image_id"].tolist()) for split, part in parts.items()}
    strangers = {}
    sizes = parts["train"][["width", "height"]].to_numpy(dtype=np.int64)
    for name, family in draw_families(sizes, each).items():
        strangers[name] = Strangers(_embedded(run, family.pictures), family.sources, family.role)
    for dataset, rows in view[~own & (view["split"] == "test")].groupby("dataset"):
        strangers[f"unseen dataset {dataset}"] = _of_rows(run, rows)
    missing = []
    for dataset, rows in _undiagnosed(run):
        there = rows[rows["status"] == "ok"]
        if len(there):
            strangers[f"{UNDIAGNOSED} {dataset}"] = _of_rows(run, there)
        if len(there) < len(rows):
            missing.append(
                f"{len(rows) - len(there):,} of {len(rows):,} undiagnosed rows of {dataset}: no image"
            )
    labels = parts["train"]["target_condition"].to_numpy(dtype=np.int64)
    domains = parts["val"]["domain"].to_numpy(dtype=object)
    frame = parts["test"].reset_index(drop=True)
    return Material(
        made["train"], labels, made["val"], domains, made["test"], frame, strangers, "; ".join(missing)
    )


def _undiagnosed(run: RunFolder) -> list[tuple[str, pd.DataFrame]]:
    catalog = read_catalog(run.prepared / "catalog.parquet")
    chosen = catalog["malignancy"].isna() & catalog["dataset"].isin(run.view.frame["dataset"].unique())
    return [(str(name), rows) for name, rows in catalog[chosen].groupby("dataset")]


def _of_rows(run: RunFolder, rows: pd.DataFrame) -> Strangers:
    return Strangers(run.embeddings(rows["image_id"].tolist()), tuple(cluster_names(rows)), REPORT)


def _embedded(run: RunFolder, pictures: tuple[Picture, ...]) -> Embeddings:
    """Pictures through the run's own pipeline, JPEG and all, and its fine-tuned backbone."""
    import torch

    from skintag.runs.embeddings import trainer_of

    backbone, out = run.module().backbone, []
    with trainer_of(run) as trainer, torch.inference_mode():
        device = trainer.strategy.root_device
        backbone.to(device)
        for start in range(0, len(pictures), _BATCH):
            part = pictures[start : start + _BATCH]
            batch = run.data.pipeline([encode_jpeg(p, _QUALITY) for p in part], [""] * len(part))
            with trainer.precision_plugin.forward_context():
                out.append(backbone(batch.to(device)).float().cpu().numpy())
        backbone.cpu()
    return np.concatenate(out)
