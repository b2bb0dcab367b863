"""What the formats share to run their files, and how the torch model itself is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.runtime import Runtime
from skintag.core.outputs import Outputs


def outputs_of(runner: Runtime, batches: Iterable[NDArray[np.uint8]]) -> Outputs:
    """What a model says of all batches, one after the other."""
    return Outputs.joined(runner(batch) for batch in batches)


def outputs_from(values: Any) -> Outputs:
    """Of two or three arrays or tensors, in the model's order: conditions are missing where none are learnt."""
    arrays = [np.asarray(value, dtype=np.float32) for value in values]
    return Outputs(arrays[0].reshape(-1), arrays[1] if len(arrays) == 3 else None, arrays[-1])


def one_by_one(run: Callable[[NDArray[np.uint8]], Any]) -> Runtime:
    """A runner of any number of pictures, of one that takes one and gives what `outputs_from` takes."""

    def run_all(pictures: NDArray[np.uint8]) -> Outputs:
        # copied: some libraries give out memory that the next call uses again
        rows = [[np.array(value) for value in run(pictures[i : i + 1])] for i in range(len(pictures))]
        return outputs_from([np.concatenate(column) for column in zip(*rows, strict=True)])

    return run_all


def open_torch(path: Path, threads: int | None) -> Runtime:
    """The torch model of a checkpoint, in float32."""
    from skintag.bundle.torch_runtime import TorchRuntime
    from skintag.models.network import LesionNetwork

    set_torch_threads(threads)
    return TorchRuntime(LesionNetwork.from_checkpoint(path))


def set_torch_threads(threads: int | None) -> None:
    """Let torch compute with so many threads; None: as many as it does already."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
