"""Memory for pictures that worker processes fill and the main process reads, without a copy in between."""

from __future__ import annotations

import torch


def shared_bytes(*shape: int) -> torch.Tensor:
    """A uint8 tensor in memory that other processes can share; its pages are made when first written to."""
    size = torch.Size(shape)
    storage = torch.UntypedStorage._new_shared(size.numel())
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(size)
