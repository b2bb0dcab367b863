"""Training batches from shards that are read front to back, for object storage: the `webdataset` pipeline.

What is decided here rather than left to webdataset, and why:

- which process reads what: webdataset asks the environment for the rank, which workers may not know;
- the order of shards and of samples in the shuffle buffer: by (seed, epoch), another one in every epoch;
- the number of batches: the same for every rank, computed from the view, whatever the sizes of the shards.

An epoch is about one pass, not exactly: each worker goes round its shards until it has made its batches, all
of them full, so that with unequal shards an image may be seen twice, or not at all, in one epoch. For exact
epochs there is the indexed mode.
"""

from __future__ import annotations

import os
import random
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

os.environ.setdefault("WDS_SECURE", "1")  # no commands, no pickles; for the workers, which import it afresh
import webdataset as wds
from webdataset.tariterators import tar_file_iterator

from skintag.core.errors import DataError, SkinTagError
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.dataset import ImageBatches, Made
from skintag.data.loading.ring import Ring
from skintag.data.loading.sampler import count_batches
from skintag.data.shards.format import SUFFIX, changed, member_name
from skintag.data.shards.reader import ShardStore

wds.utils.enforce_security = True  # webdataset looks at the variable once; it may have been imported before

Sample = tuple[int, str, bytes]
"""Row in the view, image_id, encoded image."""


@dataclass(frozen=True)
class Piece:
    """What one worker reads of a shard: of the wanted images every `parts`-th, from number `part` on."""

    shard: int
    """Its position in the store's `shards`."""
    part: int = 0
    """Which of the wanted images is the first, 0 to `parts` - 1."""
    parts: int = 1
    """How many workers share the shard."""


@dataclass(frozen=True)
class Turn:
    """A request for batch number `batch` of an epoch; it travels to a worker as its index."""

    epoch: int
    """Of the order and the augmentation."""
    batch: int
    """Its number in the epoch of this rank, from 0."""
    slot: int | None = None
    """Where in the ring the batch goes; None: into new memory."""


class StreamImages(ImageBatches):
    """Batches of the view's training images, from shards on a local disk or a web server.

    To a DataLoader it looks like a data set that is indexed by batches, so that epoch and ring slot come with
    the index; but each worker makes its batches one after another, reading on in its shards. A DataLoader
    gives out requests in turn, so of W workers each makes every W-th batch of an epoch. Asked for another
    than its next one (a new epoch, a resumed one), a worker starts that epoch anew and reads, without
    decoding, up to the batch that it was asked for.

    Args:
        store: the shards and their indexes.
        rows: the rows to train on, int64 [n].
        positions: position in `store` of every row of the view, int64.
        pipeline: what makes a batch of encoded images.
        batch_size: images per batch and rank.
        seed: of the order.
        domains: of every row of the view, int8; see `ImageBatches`.
        rank: of this process.
        world_size: number of processes.
        workers: worker processes of each rank; 0 counts as 1.
        shuffle_buffer: encoded images that each worker keeps and picks the next one from.
        ring: where batches go for which a slot is given.
    """

    def __init__(
        self,
        store: ShardStore,
        rows: NDArray[np.int64],
        positions: NDArray[np.int64],
        pipeline: ImagePipeline,
        batch_size: int,
        *,
        seed: int,
        domains: NDArray[np.int8] | None = None,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        shuffle_buffer: int = 1000,
        ring: Ring | None = None,
    ) -> None:
        super().__init__(pipeline, domains, ring)
        self.batch_size, self.seed, self.shuffle_buffer = batch_size, seed, shuffle_buffer
        self.rank, self.world_size, self.workers = rank, world_size, max(1, workers)
        self.urls, self.samples = store.shards, store.samples
        self.wanted = np.bincount(store.shard_of[positions[rows]], minlength=len(self.urls))
        """How many of the rows lie in each shard, int64 [shards]."""
        names = map(member_name, store.image_ids[positions[rows]])
        self._row_of = dict(zip(names, rows.tolist(), strict=True))
        self._digests = dict(
            zip(rows.tolist(), map(bytes.fromhex, store.sha256[positions[rows]]), strict=True)
        )
        self.batches = count_batches(len(rows), batch_size, world_size)
        self.identity = {
            "images": len(rows), "batch_size": batch_size, "world_size": world_size, "seed": seed,
            "workers": self.workers, "shuffle_buffer": shuffle_buffer, "shards": store.fingerprint,
        }  # fmt: skip
        self._next: tuple[int, int] | None = None  # epoch and batch that `_images` goes on with
        self._images: Iterator[Sample] = iter(())

    def __len__(self) -> int:
        return self.batches

    def __getitems__(self, turn: Turn) -> Made:
        """The batch that `turn` asks for; see the class."""
        try:
            if self._next != (turn.epoch, turn.batch):
                self._start(turn)
            self._next = turn.epoch, turn.batch + self.workers
            rows, image_ids, encoded = zip(*islice(self._images, self.batch_size), strict=True)
            return self.make(turn, np.array(rows, dtype=np.int64), encoded, image_ids)
        except SkinTagError as error:
            self._next = None
            return error

    def _start(self, turn: Turn) -> None:
        """Begin the epoch, as the worker whose turn it is, and go to the batch."""
        earlier, worker = divmod(turn.batch, self.workers)
        pieces = self.pieces(turn.epoch, self.rank * self.workers + worker)
        self._images = islice(self._mixed(turn.epoch, pieces), earlier * self.batch_size, None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_images": iter(()), "_next": None}

    def pieces(self, epoch: int, slot: int) -> list[Piece]:
        """What worker `slot`, counted over all ranks, reads in `epoch`: at least one wanted image.

        Shards without a wanted image are left out. Where there are fewer shards than workers, several
        workers read the same one and each takes its own images of it.
        """
        shards = np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(len(self.urls))
        shards = shards[self.wanted[shards] > 0]
        slots = self.world_size * self.workers
        if len(shards) >= slots:
            return [Piece(int(shard)) for shard in shards[slot::slots]]
        shard = int(shards[slot % len(shards)])
        part, parts = slot // len(shards), len(range(slot % len(shards), slots, len(shards)))
        return [Piece(shard, part, parts) if part < self.wanted[shard] else Piece(shard)]

    def read(self, pieces: Iterable[Piece]) -> Iterator[Sample]:
        """The wanted images of some pieces, in the order of the shards; others are skipped, not copied.

        Raises:
            DataError: a shard cannot be read, or ends too early.
        """
        for piece in pieces:
            chooser = _Chooser(self._row_of, piece)
            try:
                with _open(self.urls[piece.shard]) as stream:
                    for member in tar_file_iterator(stream, select_files=chooser):
                        name = member["fname"]
                        row, image_id, data = self._row_of[name], name.removesuffix(SUFFIX), member["data"]
                        if sha256(data).digest() != self._digests[row]:
                            raise changed(self.urls[piece.shard], [image_id])
                        yield row, image_id, data
            except (OSError, HTTPException, ValueError, tarfile.TarError) as error:
                raise self._broken(piece, str(error)) from error
            if chooser.seen != self.samples[piece.shard]:
                raise self._broken(piece, f"{chooser.seen}")

    def _mixed(self, epoch: int, pieces: list[Piece]) -> Iterator[Sample]:
        """The images of the pieces in mixed order, pass after pass without end."""
        chance = random.Random(f"{self.seed}/{epoch}/{pieces}")
        one_pass = wds.DataPipeline(lambda: self.read(pieces), wds.shuffle(self.shuffle_buffer, rng=chance))
        return iter(one_pass.repeat())

    def _broken(self, piece: Piece, found: str) -> DataError:
        return DataError(
            self.urls[piece.shard],
            expected=f"a shard of {self.samples[piece.shard]} images",
            found=found,
            fix="copy the shard again; check loader.url",
        )


class TurnSampler(Sampler[Turn]):
    """The batches of a stream, one after another."""

    def __init__(self, stream: StreamImages) -> None:
        self.identity = stream.identity
        self._batches, self._epoch, self._first = stream.batches, 0, 0

    def seek(self, epoch: int, first: int = 0) -> None:
        """Let the next iteration be of `epoch` and begin with its batch number `first`."""
        self._epoch, self._first = epoch, first

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Turn]:
        epoch, first = self._epoch, self._first
        yield from (Turn(epoch, batch) for batch in range(first, self._batches))


def _open(url: str) -> IO[bytes]:
    """A shard, to be read front to back. (webdataset would run curl, and in secure mode opens no file.)"""
    return urlopen(url, timeout=60) if url.startswith(("http://", "https://")) else Path(url).open("rb")


class _Chooser:
    """Says which members of a shard to read, and counts all of them."""

    def __init__(self, row_of: dict[str, int], piece: Piece) -> None:
        self.row_of, self.piece = row_of, piece
        self.seen, self.wanted = 0, 0

    def __call__(self, name: str) -> bool:
        self.seen += 1
        if name not in self.row_of:
            return False
        self.wanted += 1
        return (self.wanted - 1) % self.piece.parts == self.piece.part
