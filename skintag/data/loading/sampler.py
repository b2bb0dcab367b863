"""Which images each batch of an epoch holds: a function of (seed, epoch), equally many batches per rank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from skintag.core.errors import ConfigError
from skintag.data.loading.dataset import Draw


def count_batches(n: int, batch_size: int, world_size: int = 1) -> int:
    """Batches per rank for an epoch of `n` images: the fewest that hold at most `batch_size` each.

    Where that would leave a batch of one image (batch normalisation cannot learn from it), there are as many
    fewer batches as it takes; this happens only for batch sizes 2 and 3, and a batch is then one larger.

    Raises:
        ConfigError: fewer images than ranks.
    """
    if batch_size < 1 or world_size < 1:
        raise ConfigError(f"batch_size={batch_size}, world_size={world_size}: expected at least 1 of each")
    if n < world_size:
        raise ConfigError(
            f"{n} image(s) cannot be shared among {world_size} processes: "
            "use fewer devices, or a data set, split or label policy that leaves more images"
        )
    batches = -(-n // (batch_size * world_size))
    if batch_size > 1:
        batches = min(batches, max(1, n // (2 * world_size)))
    return batches


class EpochSampler(Sampler[Draw]):
    """Batches of the training images.

    Without weights, each epoch is a permutation of all images, cut into `count_batches` x `world_size` parts
    whose sizes differ by one at most; part k is batch k // world_size of rank k % world_size. So each image
    is seen exactly once an epoch, by one rank. With weights, as many images are drawn with replacement.

    Args:
        rows: what to draw from, int64 [n].
        batch_size: images per batch and rank, at most.
        seed: of the order.
        rank: of this process.
        world_size: number of processes.
        weights: how often each row is drawn, relative to the others, float [n]; None: exactly once.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        self.rows, self.seed, self.rank, self.world_size = rows, seed, rank, world_size
        self.batches = count_batches(len(rows), batch_size, world_size)
        self.identity = {
            "images": len(rows), "batch_size": batch_size, "world_size": world_size, "seed": seed,
            "weighted": weights is not None,
        }  # fmt: skip
        """What the order depends on besides the epoch; a run resumes in mid-epoch only where it is equal."""
        self._shares = None if weights is None else weights.astype(np.float64) / weights.sum(dtype=np.float64)
        self._epoch, self._first = 0, 0

    def seek(self, epoch: int, first: int = 0) -> None:
        """Let the next iteration be of `epoch` and begin with its batch number `first`."""
        self._epoch, self._first = epoch, first

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Draw]:
        epoch, picks = self._epoch, self._picks(self._epoch)
        repeats = _times_before(picks) if self._shares is not None else None
        bounds = _bounds(len(picks), self.batches * self.world_size)
        for batch in range(self._first, self.batches):
            part = slice(*bounds[batch * self.world_size + self.rank])
            yield Draw(self.rows[picks[part]], epoch, None if repeats is None else repeats[part])

    def _picks(self, epoch: int) -> NDArray[np.int64]:
        """Positions in `rows`, in the order of the epoch, over all ranks, int64 [n]."""
        n = len(self.rows)
        generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        if self._shares is None:
            return generator.permutation(n)
        return generator.choice(n, size=n, replace=True, p=self._shares)


class EvenBatches(Sampler[Draw]):
    """Batches of some rows in their order, without augmentation: for evaluation.

    Each rank gets a contiguous part, no row twice, and the same number of batches as every other rank.

    Args:
        rows: int64 [n].
        batch_size: images per batch and rank, at most; one more where ranks could not be even otherwise.
        rank: of this process.
        world_size: number of processes.
    """

    def __init__(
        self, rows: NDArray[np.int64], batch_size: int, *, rank: int = 0, world_size: int = 1
    ) -> None:
        if len(rows) < world_size:
            count_batches(len(rows), batch_size, world_size)  # says why not
        mine = rows[slice(*_bounds(len(rows), world_size)[rank])]
        batches = -(-len(rows) // (world_size * batch_size))
        batches = min(batches, len(rows) // world_size)
        self._parts = [mine[slice(*bound)] for bound in _bounds(len(mine), batches)]

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Draw]:
        yield from map(Draw, self._parts)


class GivenBatches(Sampler[Draw]):
    """Batches that somebody else has made up, without augmentation."""

    def __init__(self, batches: list[NDArray[np.int64]]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Draw]:
        yield from map(Draw, self._batches)


def _bounds(n: int, parts: int) -> NDArray[np.int64]:
    """Start and end of `parts` contiguous parts of n whose sizes differ by one at most, int64 [parts, 2].

    As `np.array_split` cuts, without making the arrays.
    """
    edges = np.minimum(np.arange(parts + 1), n % parts) + np.arange(parts + 1) * (n // parts)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _times_before(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each value occurs before its place, int64 [n]: [7, 7, 3, 7] -> [0, 1, 0, 2]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.searchsorted(ordered, ordered)
    out = np.empty(len(values), dtype=np.int64)
    out[order] = np.arange(len(values)) - first
    return out
