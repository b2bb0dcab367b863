"""Embeddings of a finished run's images, looked up or computed, and nearest neighbours among them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from skintag.embeddings import EmbeddingKey, EmbeddingStore
from skintag.errors import DataError, near_matches
from skintag.hashing import content_key
from skintag.progress import track
from skintag.run_model import FEATURES, frozen_backbone_of, recorded, recorded_features
from skintag.trainer import best_precision

if TYPE_CHECKING:
    from skintag.run_folder import RunFolder

_MATMUL: Final = "high"  # what a run sets before it computes anything
_QUERIES: Final = 1024  # images whose neighbours are looked for at a time


def embeddings_of(run: RunFolder, image_ids: Sequence[str], feature: str) -> NDArray[np.float32]:
    """See `RunFolder.embeddings`."""
    if feature not in FEATURES:
        raise DataError(
            "feature",
            expected=f"one of {', '.join(FEATURES)}",
            found=repr(feature),
            fix=near_matches(feature, FEATURES),
        )
    feature = feature if feature in recorded_features(run) else recorded_features(run)[0]
    data = run.data
    positions = data.store.positions(np.asarray(image_ids, dtype=object))
    hashes = data.store.sha256[positions]
    for key in _keys(run, feature):
        if (run.cache / "embeddings" / key.digest).is_dir():
            found, rows = EmbeddingStore(run.cache / "embeddings", key).lookup(hashes)
            if found.all():
                return rows
    return _computed(run, feature, positions)


def neighbours_of(run: RunFolder, image_ids: Sequence[str], k: int = 5) -> pd.DataFrame:
    """The k training images nearest to each image, by the cosine of their fine-tuned embeddings.

    Args:
        run: the run.
        image_ids: [n] images of the run's data, in any split; an image is no neighbour of its own.
        k: how many of each; fewer where there are fewer training images.

    Returns:
        `image_id`, `neighbour`, `rank` (1 is nearest), `similarity` (-1..1), and the neighbour's `dataset`,
        `target`, `condition` and `fst_group`: n * k rows, in the order of `image_ids` and rank.
    """
    frame = run.view.frame.iloc[run.view.rows("train")]
    names = frame["image_id"].to_numpy(dtype=object)
    wanted = np.asarray(image_ids, dtype=object)
    both = _unit(run.embeddings(np.concatenate([wanted, names]).tolist()))
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
    nearest, similarity = np.concatenate(rows), np.concatenate(similarities)
    of = frame.iloc[nearest.ravel()].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "image_id": np.repeat(wanted, nearest.shape[1]),
            "neighbour": of["image_id"],
            "rank": np.tile(np.arange(1, nearest.shape[1] + 1), len(wanted)),
            "similarity": similarity.ravel(),
            "dataset": of["dataset"],
            "target": of["target"],
            "condition": of["target_condition"],
            "fst_group": of["fst_group"],
        }
    )
    return table[np.isfinite(table["similarity"])].reset_index(drop=True)


@dataclass(frozen=True)
class Arithmetic:
    """On what, and how exactly, a run's model is computed here."""

    device: torch.device
    """Where the weights have to lie."""
    name: str
    """As the embedding store's key has it."""
    precision: Callable[[], AbstractContextManager[Any]]
    """The context of a forward pass."""


@contextmanager
def arithmetic_of(run: RunFolder) -> Iterator[Arithmetic]:
    """The precision that the run computed in, on this machine's device."""
    asked = run.config.trainer
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
        device = trainer.strategy.root_device
        name = f"{trainer.precision}/{device.type}/{_MATMUL}"
        yield Arithmetic(device, name, trainer.precision_plugin.forward_context)
    finally:
        torch.set_float32_matmul_precision(before)


@torch.inference_mode()
def _computed(run: RunFolder, feature: str, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Embeddings of images at `positions` in the store of the run's data, put into the embedding store.

    Computed in the export's fixed chunks of the shards, so they are its own to the last bit.
    """
    data = run.data
    wanted = np.zeros(len(data.store), dtype=bool)
    wanted[positions] = True
    tuned = feature == recorded_features(run)[0]
    backbone = run.module().backbone if tuned else frozen_backbone_of(run)
    with arithmetic_of(run) as arithmetic:
        store = EmbeddingStore(run.cache / "embeddings", _key(run, feature, arithmetic.name))
        have, _ = store.lookup(data.store.sha256[positions])
        wanted[positions[have]] = False
        chunks = [chunk for chunk in data.chunks() if wanted[chunk].any()]
        backbone.to(arithmetic.device)
        images = track(data.image_batches(chunks), f"embedding ({feature})", total=len(chunks))
        for chunk, batch in zip(chunks, images, strict=True):
            with arithmetic.precision():
                rows = backbone(batch.to(arithmetic.device, non_blocking=True))
            store.add(data.store.sha256[chunk], rows.float().cpu().numpy())
        backbone.cpu()
    return store.fetch(data.store.sha256[positions])


def _keys(run: RunFolder, feature: str) -> list[EmbeddingKey]:
    """Where the run may have put its embeddings: it does not say on which kind of device it computed them."""
    asked = run.config.trainer.precision
    defaults = {"cuda": "bf16-mixed", "cpu": "32-true", "mps": "32-true"}
    return [_key(run, feature, f"{asked or own}/{device}/{_MATMUL}") for device, own in defaults.items()]


def _key(run: RunFolder, feature: str, arithmetic: str) -> EmbeddingKey:
    normalisation = run.module().backbone.preprocessing_fingerprint()
    preprocessing = content_key(run.data.preprocessing_fingerprint(), normalisation)
    return EmbeddingKey(recorded(run, feature)["weights"], preprocessing, arithmetic)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows [n, d] of length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(np.float32).tiny)
