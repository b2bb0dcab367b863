"""What training and evaluation iterate over: batches with their labels, and a position that can be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from skintag.core.errors import ConfigError
from skintag.data.loading.dataset import opened
from skintag.data.loading.sampler import EpochSampler, EvenBatches, count_batches

Batch = dict[str, torch.Tensor]
"""image uint8 [B, 3, S, S] RGB, channels last in memory, or in its place what an `Inputs` gives; row int64 [B],
position in the view's frame; target int64 [B]; condition int64 [B]; weight float32 [B]; group int64 [B]."""


@dataclass(frozen=True)
class RowLabels:
    """The labels of every row of a view; they stay in the main process and meet the images there."""

    target: torch.Tensor
    """int64 [n], 0 or 1."""
    condition: torch.Tensor
    """int64 [n]."""
    weight: torch.Tensor
    """float32 [n], of the loss."""
    group: torch.Tensor
    """int64 [n], position in `skintag.data.view.view.GROUP_NAMES`."""

    @classmethod
    def of(cls, frame: pd.DataFrame) -> RowLabels:
        """The labels in a view's frame."""

        def tensor(column: str, dtype: type[np.generic]) -> torch.Tensor:
            return torch.from_numpy(frame[column].to_numpy(dtype=dtype, copy=True))

        return cls(
            tensor("target", np.int64),
            tensor("target_condition", np.int64),
            tensor("weight", np.float32),
            tensor("group_index", np.int64),
        )

    def batch(self, values: torch.Tensor, row: torch.Tensor, name: str = "image") -> Batch:
        """Images, or what is called `name`, of the rows [B], with their labels."""
        return {
            name: values,
            "row": row,
            "target": self.target[row],
            "condition": self.condition[row],
            "weight": self.weight[row],
            "group": self.group[row],
        }


class Inputs(Protocol):
    """What the model gets in place of images: computed from each of them once, and kept."""

    @property
    def name(self) -> str:
        """Its name in a batch."""

    def take(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Of the view's rows [B], [B, ...]."""


class StoredBatches:
    """Batches of stored inputs, gathered in this process: what a DataLoader is to images.

    Args:
        inputs: of every row.
        batches: which rows; their epoch counts for nothing.
    """

    def __init__(self, inputs: Inputs, batches: EpochSampler | EvenBatches) -> None:
        self.name = inputs.name
        self._inputs, self._batches = inputs, batches
        self._iterator = None  # there are no worker processes
        self._pin = torch.cuda.is_available()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, NDArray[np.int64]]]:
        for draw in self._batches:
            values = self._inputs.take(draw.rows)
            yield values.pin_memory() if self._pin else values, draw.rows


class BatchLoader:
    """A DataLoader of (images, rows), with labels joined on and the workers' errors raised as they were.

    It is no DataLoader itself, so that Lightning leaves its sampler alone.

    Args:
        loader: gives what `skintag.data.loading.dataset.make` makes.
        labels: of all rows.
    """

    def __init__(self, loader: DataLoader | StoredBatches, labels: RowLabels) -> None:
        self._loader, self._labels = loader, labels
        self._name = loader.name if isinstance(loader, StoredBatches) else "image"

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        for image, rows in images_of(self._loader):
            yield self._labels.batch(image, torch.from_numpy(rows), self._name)

    def close(self) -> None:
        """End the worker processes, if any outlived their epoch."""
        iterator, self._loader._iterator = self._loader._iterator, None
        if iterator is not None and hasattr(iterator, "_shutdown_workers"):
            iterator._shutdown_workers()


class Seekable(Protocol):
    """What decides on the batches of an epoch: `EpochSampler`, or the stream."""

    identity: dict[str, Any]
    """Plain values that the order of the batches depends on: equal for equal epochs."""

    def seek(self, epoch: int, first: int = 0) -> None:
        """Let the next iteration be of `epoch` and begin with its batch number `first`."""

    def __len__(self) -> int: ...


class EpochLoader(BatchLoader):
    """The training batches of one epoch after another; it knows where it is and can go on from there.

    Lightning asks for an iterator before it says which epoch it is, saves `state_dict` with every checkpoint
    and, on resuming in mid-epoch, calls `load_state_dict` first. Hence nothing starts before the first batch
    is asked for, `len` is always that of the whole epoch, and batches that workers prefetched do not count.

    Args:
        loader: gives the batches that `plan` decides on.
        labels: of all rows.
        plan: is told the epoch and the first batch before each iteration.
        trained: batches of this epoch that were trained on, as the training loop knows it; a checkpoint made
            in the middle of a step has asked for one more. None: all that were handed out.
    """

    def __init__(
        self,
        loader: DataLoader | StoredBatches,
        labels: RowLabels,
        plan: Seekable,
        trained: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(loader, labels)
        self._plan, self._trained = plan, trained
        self._epoch, self._handed_out, self._first = 0, 0, 0

    @property
    def sampler(self) -> EpochLoader:
        """The loader itself: Lightning calls `loader.sampler.set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be of `epoch`, from its start unless a state of that epoch was loaded."""
        if epoch != self._epoch:
            self._epoch, self._handed_out, self._first = epoch, 0, 0

    def __len__(self) -> int:
        return len(self._plan)

    def __iter__(self) -> Iterator[Batch]:
        first, self._first = self._first, 0
        self._plan.seek(self._epoch, first)
        self._handed_out = first
        for batch in super().__iter__():
            self._handed_out += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers: the epoch, how many of its batches were trained on, and what the order depends on."""
        done = self._handed_out if self._trained is None else min(self._handed_out, self._trained())
        return {"epoch": self._epoch, "batches": done, "of": len(self), "plan": dict(self._plan.identity)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the last batch that was trained on; at the end of an epoch, with other batches too.

        Raises:
            ConfigError: the state is of other data, another batch size, seed or number of processes.
        """
        if state["plan"] != self._plan.identity and not _at_an_end(state):
            wanted, found = state["plan"], self._plan.identity
            names = [k for k in {**wanted, **found} if wanted.get(k) != found.get(k)]
            differing = ", ".join(f"{k} was {wanted.get(k)}, is {found.get(k)}" for k in sorted(names))
            raise ConfigError(
                "this run stopped in the middle of an epoch and cannot go on with other batches: " + differing
            )
        self._epoch, self._first = int(state["epoch"]), min(int(state["batches"]), len(self))
        self._handed_out = self._first


def _at_an_end(state: dict[str, Any]) -> bool:
    """Whether every batch of the epoch was trained on; the state of an earlier version lacks how many there were."""
    plan = state["plan"]
    if "of" in state:
        return bool(state["batches"] >= state["of"])
    if not {"images", "batch_size", "world_size"} <= set(plan):
        return False
    return bool(state["batches"] >= count_batches(plan["images"], plan["batch_size"], plan["world_size"]))


def images_of(loader: DataLoader | StoredBatches) -> Iterator[tuple[torch.Tensor, NDArray[np.int64]]]:
    """Images, uint8 [B, 3, S, S], and their rows, int64 [B], of each batch; a worker's error is raised."""
    return map(opened, loader)
