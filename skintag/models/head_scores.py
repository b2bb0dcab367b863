"""Scores of a trained head on embeddings that are there already."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skintag.core.outputs import Outputs
from skintag.models.network import LesionNetwork


@torch.inference_mode()
def head_scores(network: LesionNetwork, embeddings: NDArray[np.float32]) -> Outputs:
    """What the head says of embeddings float32 [n, D]."""
    inputs = torch.from_numpy(embeddings).to(network.head.hidden.weight.device)
    return network.objective.probabilities(network.head(inputs)).arrays()
