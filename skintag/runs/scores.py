"""A finished run's models on its images as they are and distorted: the head, and every probe on what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from skintag.core.outputs import Outputs
from skintag.core.progress import track
from skintag.core.vocabulary import HEAD
from skintag.data.distortions.distortions import Distortion
from skintag.data.distortions.images import DistortedImages, batches_of
from skintag.models.head_scores import head_scores
from skintag.runs.embeddings import trainer_of
from skintag.runs.folder import RunFolder
from skintag.runs.model import Towers, recorded_features

_FORWARD: Final = 64  # pictures that go through the model at a time


@torch.inference_mode()
def distorted_outputs(
    run: RunFolder,
    distortions: Mapping[str, Distortion],
    models: Sequence[str],
    image_ids: list[str],
    seed: int,
) -> dict[str, list[Outputs]]:
    """The run's models on its images, clean and under each distortion.

    Returns:
        By model: its outputs [n], without embeddings, of the clean images and then of each distortion in order.
    """
    probes = run.probes()
    feature_of = {m: recorded_features(run)[0] if m == HEAD else probes[m][0] for m in models}
    towers = Towers(run, run.module(), sorted(set(feature_of.values())))
    data = run.data
    images = DistortedImages(
        data.store, data.store.positions(image_ids), data.pipeline, distortions.values(), seed
    )
    parts: dict[str, list[list[Outputs]]] = {model: [] for model in models}
    with trainer_of(run) as trainer:
        device = trainer.strategy.root_device
        towers.to(device)
        run.module().to(device)
        every = track(batches_of(images, data.loader, device), "distorted images", total=len(images))
        for pictures in every:  # uint8 [1 + distortions, n, 3, S, S]
            rows = _embedded(trainer, towers, pictures.flatten(0, 1))
            for model in models:
                parts[model].append(_cut(_ask(run, model, rows[feature_of[model]]), len(pictures)))
        towers.to(torch.device("cpu"))
        run.module().cpu()
    return {
        model: [Outputs.joined(some) for some in zip(*batches, strict=True)]
        for model, batches in parts.items()
    }


def _embedded(trainer: Trainer, towers: Towers, pictures: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    """Embeddings [n, D] by feature of pictures uint8 [n, 3, S, S]."""
    parts = []
    for some in pictures.split(_FORWARD):
        with trainer.precision_plugin.forward_context():
            parts.append(towers(some.to(trainer.strategy.root_device, non_blocking=True)))
    return {f: torch.cat([part[f] for part in parts]).float().cpu().numpy() for f in towers.features}


def _ask(run: RunFolder, model: str, embeddings: NDArray[np.float32]) -> Outputs:
    """What a model of the run says of embeddings [n, D]."""
    if model == HEAD:
        return head_scores(run.module(), embeddings)
    return run.probes()[model][1].predict(embeddings)


def _cut(said: Outputs, n: int) -> list[Outputs]:
    """Outputs in n parts of equal length, without embeddings."""
    conditions = [None] * n if said.conditions is None else np.split(said.conditions, n)
    return [Outputs(m, k) for m, k in zip(np.split(said.malignant, n), conditions, strict=True)]
