"""Embeddings of a finished run's images, looked up or computed, and nearest neighbours among them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Final

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from skintag.core.errors import DataError, near_matches
from skintag.core.io import read_json
from skintag.core.vocabulary import FEATURES
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.view.view import View
from skintag.features.embeddings import EmbeddingKey, EmbeddingStore
from skintag.features.extraction import arithmetic_of, best_precision, chunks_with, extract, preprocessing_of
from skintag.models.lesion_module import LesionModule
from skintag.runs.files import RunFiles
from skintag.runs.model import frozen_backbone_of, recorded, recorded_features

_MATMUL: Final = "high"  # what a run sets before it computes anything
_QUERIES: Final = 1024  # images whose neighbours are looked for at a time


def embeddings_of(
    run: RunFiles,
    data: LesionDataModule,
    module: Callable[[], LesionModule],
    image_ids: Sequence[str],
    feature: str,
) -> NDArray[np.float32]:
    """Embeddings of images, see `RunFolder.embeddings`.

    Args:
        run: the run.
        data: its images.
        module: gives its trained model, where something has to be computed.
        image_ids: [n].
        feature: one of FEATURES.
    """
    if feature not in FEATURES:
        raise DataError(
            "feature",
            expected=f"one of {', '.join(FEATURES)}",
            found=repr(feature),
            fix=near_matches(feature, FEATURES),
        )
    feature = feature if feature in recorded_features(run) else recorded_features(run)[0]
    positions = data.store.positions(np.asarray(image_ids, dtype=object))
    stored = _stored(run, feature, data.store.sha256[positions])
    return _computed(run, data, module(), feature, positions) if stored is None else stored


def neighbours_of(
    view: View,
    embeddings: Callable[[Sequence[str]], NDArray[np.float32]],
    image_ids: Sequence[str],
    k: int = 5,
) -> pd.DataFrame:
    """The k training images nearest to each image, by the cosine of their fine-tuned embeddings.

    Args:
        view: of the run.
        embeddings: of its images, float32 [n, D].
        image_ids: [n] images of the run's data, in any split; an image is no neighbour of its own.
        k: how many of each; fewer where there are fewer training images.

    Returns:
        `image_id`, `neighbour`, `rank` (1 is nearest), `similarity` (-1..1), and the neighbour's `dataset`,
        `target`, `condition` and `fst_group`: n * k rows, in the order of `image_ids` and rank.
    """
    frame = view.frame.iloc[view.rows("train")]
    names = frame["image_id"].to_numpy(dtype=object)
    wanted = np.asarray(image_ids, dtype=object)
    both = _unit(embeddings(np.concatenate([wanted, names]).tolist()))
    queries, known = both[: len(wanted)], both[len(wanted) :]
    rows, similarities = [], []
    for start in range(0, len(wanted), _QUERIES):
        cosine = queries[start : start + _QUERIES] @ known.T  # [q, n_train]
        cosine[wanted[start : start + _QUERIES, None] == names] = -np.inf
        nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
        rows.append(nearest)
        similarities.append(np.take_along_axis(cosine, nearest, axis=1))
    if not rows:
        rows, similarities = [np.empty((0, 0), np.int64)], [np.empty((0, 0), np.float32)]
    return _neighbour_table(frame, wanted, np.concatenate(rows), np.concatenate(similarities))


def _neighbour_table(
    frame: pd.DataFrame,
    image_ids: NDArray[np.object_],
    nearest: NDArray[np.int64],
    similarity: NDArray[np.float32],
) -> pd.DataFrame:
    """The table of `neighbours_of`, from positions in the train rows [n, k] and similarities [n, k]."""
    of = frame.iloc[nearest.ravel()].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "image_id": np.repeat(image_ids, nearest.shape[1]),
            "neighbour": of["image_id"],
            "rank": np.tile(np.arange(1, nearest.shape[1] + 1), len(image_ids)),
            "similarity": similarity.ravel(),
            "dataset": of["dataset"],
            "target": of["target"],
            "condition": of["target_condition"],
            "fst_group": of["fst_group"],
        }
    )
    return table[np.isfinite(table["similarity"])].reset_index(drop=True)


@contextmanager
def trainer_of(run: RunFiles) -> Iterator[pl.Trainer]:
    """A Trainer for the run's precision on this machine's device, while the run's matrix precision is set."""
    asked = run.settings.trainer
    accelerator = "cpu" if asked.accelerator == "cpu" else "auto"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=asked.precision or best_precision(accelerator),  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(_MATMUL)
    try:
        yield trainer
    finally:
        torch.set_float32_matmul_precision(before)


def _stored(run: RunFiles, feature: str, hashes: NDArray[np.object_]) -> NDArray[np.float32] | None:
    """Embeddings of the images with these hashes out of the store that the run wrote down; None: not all there."""
    root, name = run.cache / "embeddings", str(recorded(run, feature).get("store", ""))
    path = root / name / "key.json"
    if not name or not path.is_file():
        return None
    key = EmbeddingKey(**{field.name: read_json(path)[field.name] for field in fields(EmbeddingKey)})
    found, rows = EmbeddingStore(root, key).lookup(hashes)
    return rows if found.all() else None


def _computed(
    run: RunFiles, data: LesionDataModule, module: LesionModule, feature: str, positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Embeddings of images at `positions` in the shards; what the store lacks is computed and added to it.

    In the export's fixed chunks of the shards, so on the same machine they are the run's to the last bit.
    """
    wanted = data.store.sha256[positions]
    tuned = feature == recorded_features(run)[0]
    with trainer_of(run) as trainer:
        preprocessing = preprocessing_of(data, module.backbone)
        key = EmbeddingKey(recorded(run, feature)["weights"], preprocessing, arithmetic_of(trainer))
        store = EmbeddingStore(run.cache / "embeddings", key)
        found, _ = store.lookup(wanted)
        if chunks := chunks_with(data, positions, ~found):
            backbone = (module.backbone if tuned else frozen_backbone_of(run)).to(
                trainer.strategy.root_device
            )

            def add(hashes: NDArray[np.object_], rows: torch.Tensor) -> None:
                store.add(hashes, rows.float().numpy())

            images = data.image_batches(chunks)
            extract(trainer, data, chunks, images, backbone, add, f"embedding ({feature})")
            backbone.cpu()
    return store.fetch(wanted)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows [n, d] of length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(np.float32).tiny)
