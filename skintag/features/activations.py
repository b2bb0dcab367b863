"""Activations of a backbone's frozen trunk, kept by content like embeddings: what enters the first learning stage."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.hashing import content_key
from skintag.features.content_store import ContentStore, Found, Hashes

FORMAT = 1


@dataclass(frozen=True)
class ActivationKey:
    """Everything but the image that decides the trunk's output."""

    trunk: str
    """Fingerprint of the trunk: architecture, number of stages, weights."""
    preprocessing: str
    """Fingerprint of what happens between the encoded image and the backbone: size, crop, normalisation."""
    arithmetic: str
    """Precision, kind of device and matrix multiplication that the trunk computes in."""
    dtype: str
    """Type of the activations as the trunk gives them, e.g. `float32` or `bfloat16`; they are kept as it."""

    @property
    def digest(self) -> str:
        """Name of the key's folder."""
        return content_key("activations", FORMAT, asdict(self))


class ActivationStore(ContentStore):
    """The activations of one key: per image float [C, H, W] (laid out channels last) or [tokens, D].

    numpy knows no bfloat16: its bits are kept as uint16.

    Args:
        root: folder of all keys; made where it is not there.
        key: what the activations are made with.

    Raises:
        DataError: the key's folder belongs to another key or format.
    """

    def __init__(self, root: str | os.PathLike[str], key: ActivationKey) -> None:
        self.key = key
        plain = {"format": FORMAT, **asdict(key)}
        dtype = np.dtype(np.uint16 if key.dtype == "bfloat16" else key.dtype)
        super().__init__(Path(root) / key.digest, plain, "activations", dtype)

    def add_tensor(self, sha256s: Hashes, activations: Tensor) -> None:
        """Write the activations [n, ...] of n images as one part, bit for bit."""
        self.add(sha256s, to_array(activations))

    def take(self, found: Found, which: NDArray[np.integer]) -> Tensor:
        """Activations of images `which` [m] of a look-up, [m, ...], as the trunk gave them."""
        return from_array(found.take(which), self.key.dtype)


def dtype_name(tensor: Tensor) -> str:
    """A dtype by its own name: `float32`, `bfloat16`, ..."""
    return str(tensor.dtype).removeprefix("torch.")


def to_array(activations: Tensor) -> NDArray[np.generic]:
    """[n, C, H, W] as [n, H, W, C], anything else as it is; bfloat16 as uint16; on the processor."""
    values = activations.permute(0, 2, 3, 1) if activations.ndim == 4 else activations
    values = values.detach().cpu().contiguous()
    if values.dtype == torch.bfloat16:
        return values.view(torch.int16).numpy().view(np.uint16)
    return values.numpy()


def from_array(array: NDArray[np.generic], dtype: str) -> Tensor:
    """The inverse of `to_array`; of four dimensions, channels last in memory, as convolutions had it."""
    if dtype == "bfloat16":
        values = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    else:
        values = torch.from_numpy(array)
    return values.permute(0, 3, 1, 2) if values.ndim == 4 else values
