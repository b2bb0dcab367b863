"""A model over images of the shards, once and in fixed chunks, into a store that runs share.

Images are taken in chunks of the shards (not of the view), so what is computed of one is the same to the last
bit whichever view asked for it and however many processes share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.hashing import content_key
from skintag.core.progress import track
from skintag.data.loading.datamodule import LesionDataModule
from skintag.models.backbone import Backbone

_FLUSH_IMAGES = 2048  # between two writes: what a kill during the export can lose
_FLUSH_BYTES = 2**28


def preprocessing_of(data: LesionDataModule, backbone: Backbone) -> str:
    """What the loader does to an image, then what the backbone does to it before its first layer."""
    return content_key(data.preprocessing_fingerprint(), backbone.preprocessing_fingerprint())


def best_precision(accelerator: str) -> str:
    """`bf16-mixed` where a GPU with bf16 will be used, else `32-true`."""
    if accelerator != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported():
        return "bf16-mixed"
    return "32-true"


def arithmetic_of(trainer: Trainer) -> str:
    """What a number computed from the same weights and pixels can still depend on."""
    device = trainer.strategy.root_device
    return f"{trainer.precision}/{device.type}/{torch.get_float32_matmul_precision()}"


def chunks_with(
    data: LesionDataModule, positions: NDArray[np.int64], lacking: NDArray[np.bool_]
) -> list[NDArray[np.int64]]:
    """The chunks that hold an image which is lacking.

    Args:
        data: whose shards are cut into chunks.
        positions: of the wanted images in the shards, int64 [n].
        lacking: which of them are not there yet, bool [n].
    """
    missing = np.zeros(len(data.store), dtype=bool)
    missing[positions[lacking]] = True
    return [chunk for chunk in data.chunks() if missing[chunk].any()]


@torch.inference_mode()
def extract(
    trainer: Trainer,
    data: LesionDataModule,
    chunks: Sequence[NDArray[np.int64]],
    batches: Iterable[Tensor],
    run: Callable[[Tensor], Tensor],
    add: Callable[[NDArray[np.object_], Tensor], None],
    description: str,
) -> None:
    """Compute this process's chunks and write them, some thousands of rows at a time.

    Args:
        trainer: for its precision, device and rank.
        data: whose shards the chunks are of.
        chunks: positions in the shards.
        batches: what goes into the model, one tensor for each chunk.
        run: the model.
        add: writes rows, given the hashes of their images.
        description: of the progress bar.
    """
    waiting: list[tuple[NDArray[np.object_], Tensor]] = []

    def flush() -> None:
        if waiting:
            add(np.concatenate([hashes for hashes, _ in waiting]), torch.cat([rows for _, rows in waiting]))
            waiting.clear()

    pairs: Iterable[Any] = zip(chunks, batches, strict=True)
    if trainer.is_global_zero:
        pairs = track(pairs, description, total=len(chunks))
    for positions, batch in pairs:
        with trainer.precision_plugin.forward_context():
            output = run(batch.to(trainer.strategy.root_device, non_blocking=True))
        waiting.append((data.store.sha256[positions], output.cpu()))
        images = sum(len(rows) for _, rows in waiting)
        if images >= _FLUSH_IMAGES or sum(rows.nbytes for _, rows in waiting) >= _FLUSH_BYTES:
            flush()
    flush()
