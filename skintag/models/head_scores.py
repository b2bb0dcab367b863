"""Scores of a trained head on embeddings that are there already."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skintag.models.lesion_module import LesionModule


@torch.inference_mode()
def head_scores(
    module: LesionModule, embeddings: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The head's p_malignant [n] and p_condition [n, K] (None where it learns none) for embeddings [n, D]."""
    inputs = torch.from_numpy(embeddings).to(module.device)
    malignant, conditions = module.objective.probabilities(module.head(inputs))
    return malignant.cpu().numpy(), None if conditions is None else conditions.cpu().numpy()
