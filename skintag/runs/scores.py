"""A finished run's models on frames of its images: the head, and every probe on the feature it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from skintag.core.progress import track
from skintag.core.vocabulary import HEAD
from skintag.data.distortions.distortions import Distortion
from skintag.data.distortions.images import DistortedImages, batches_of
from skintag.runs.embeddings import trainer_of
from skintag.runs.folder import RunFolder
from skintag.runs.model import Towers, recorded_features

_FORWARD: Final = 64  # frames that go through the model at a time

Scores = tuple[NDArray[np.float32], NDArray[np.float32] | None]


@torch.inference_mode()
def score_frames(
    run: RunFolder,
    distortions: Mapping[str, Distortion],
    models: Sequence[str],
    image_ids: list[str],
    seed: int,
) -> dict[str, Scores]:
    """The run's models on its images, clean and under each distortion.

    Returns:
        By model: p_malignant float32 [1 + distortions, n] and p_condition float32 [1 + distortions, n, K], None
        where the model learns no conditions. The clean images come first, then the distortions in their order.
    """
    probes = run.probes()
    feature_of = {m: recorded_features(run)[0] if m == HEAD else probes[m][0] for m in models}
    towers = Towers(run, sorted(set(feature_of.values())))
    data = run.data
    images = DistortedImages(
        data.store, data.store.positions(image_ids), data.pipeline, distortions.values(), seed
    )
    parts: dict[str, list[Scores]] = {model: [] for model in models}
    with trainer_of(run) as trainer:
        device = trainer.strategy.root_device
        towers.to(device)
        run.module().to(device)
        for frames in track(
            batches_of(images, run.data.loader, device), "distorted images", total=len(images)
        ):
            shape = frames.shape[:2]
            rows = _embedded(trainer, towers, frames.flatten(0, 1))
            for model in models:
                malignant, conditions = _ask(run, model, rows[feature_of[model]])
                k = None if conditions is None else conditions.reshape(*shape, -1)
                parts[model].append((malignant.reshape(shape), k))
        towers.to(torch.device("cpu"))
        run.module().cpu()
    return {model: _joined(scores) for model, scores in parts.items()}


def _embedded(trainer: Trainer, towers: Towers, frames: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    """Embeddings [n, D] by feature of frames uint8 [n, 3, S, S]."""
    parts = []
    for some in frames.split(_FORWARD):
        with trainer.precision_plugin.forward_context():
            parts.append(towers(some.to(trainer.strategy.root_device, non_blocking=True)))
    return {f: torch.cat([part[f] for part in parts]).float().cpu().numpy() for f in towers.features}


def _ask(run: RunFolder, model: str, embeddings: NDArray[np.float32]) -> Scores:
    if model == HEAD:
        from skintag.models.head_scores import head_scores

        return head_scores(run.module(), embeddings)
    output = run.probes()[model][1].predict(embeddings)
    return output.malignant, output.conditions


def _joined(parts: list[Scores]) -> Scores:
    conditions = [k for _, k in parts if k is not None]
    joined = np.concatenate(conditions, axis=1) if conditions else None
    return np.concatenate([malignant for malignant, _ in parts], axis=1), joined
