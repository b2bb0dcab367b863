"""Images out of shards, each by its own offset, from a local disk or a web server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError, first_few
from skintag.core.hashing import content_key
from skintag.data.shards.format import (
    FORMAT,
    INDEX_COLUMNS,
    PREPARE,
    Manifest,
    changed,
    check_shard,
    cut_short,
    read_index,
    shard_folder,
)

_MAX_OPEN: Final = 128  # shards a process keeps open; far below the usual limit of 1,024 files
_HTTP_THREADS: Final = 8


class ShardStore:
    """Every image in the shards of some datasets, by position; picklable, with files opened on first use.

    Opening compares each shard's size and three of its members' headers with the index, and reads no image.

    Args:
        prepared: the prepared folder; manifests and indexes are read from here.
        datasets: which datasets, in this order.
        url: where the tars are if not in `prepared`: `<url>/<dataset>/<shard>.tar` on a web server that
            answers range requests. Their sizes and headers are then not checked.

    Raises:
        DataError: a manifest or index is missing or not of its shard, a shard is cut short, or an image is
            there twice.
    """

    def __init__(
        self, prepared: str | os.PathLike[str], datasets: Sequence[str], url: str | None = None
    ) -> None:
        self.datasets = tuple(datasets)
        self.shards: list[str] = []  # path or address of each
        self.samples: list[int] = []  # images in each
        self._open: dict[int, int] = {}  # shard -> file descriptor, of this process
        parts, key = [], []
        for dataset in self.datasets:
            folder = shard_folder(Path(prepared).absolute(), dataset)
            for entry in Manifest.read(folder).shards:
                shard = folder / entry.name
                index = read_index(shard, entry)
                if url is None:
                    check_shard(shard, entry, index)
                self.shards.append(f"{url.rstrip('/')}/{dataset}/{entry.name}" if url else str(shard))
                self.samples.append(entry.samples)
                parts.append(index)
                key.append((dataset, entry.name, entry.sha256))
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(INDEX_COLUMNS))
        self.remote = url is not None
        self.fingerprint = content_key("shards", FORMAT, key)
        """Equal for equal shards, wherever they lie."""
        self.image_ids: NDArray[np.object_] = table["image_id"].to_numpy(dtype=object)
        """str [n]."""
        self.sha256: NDArray[np.object_] = table["sha256"].to_numpy(dtype=object)
        """str [n], hex, of the encoded images."""
        self.shard_of = np.repeat(np.arange(len(self.shards), dtype=np.int32), self.samples)
        """Position in `shards` of each image's shard, int32 [n]."""
        self._offsets, self._lengths = (table[c].to_numpy(dtype=np.int64) for c in ("offset", "length"))
        if twice := list(table["image_id"][table["image_id"].duplicated()]):
            found = f"{len(twice)} of them twice: {first_few(twice)}"
            raise DataError(prepared, expected="each image in one shard", found=found, fix=PREPARE)

    def __len__(self) -> int:
        return len(self.image_ids)

    def positions(self, image_ids: Sequence[str] | pd.Series | NDArray[np.object_]) -> NDArray[np.int64]:
        """Where each of `image_ids` [n] is in this store, int64 [n].

        Raises:
            DataError: one is not in the shards.
        """
        wanted = np.asarray(image_ids, dtype=object)
        found = pd.Index(self.image_ids).get_indexer(pd.Index(wanted))
        if (missing := wanted[found < 0]).size:
            raise DataError(
                f"shards of {', '.join(self.datasets)}",
                expected=f"all {len(wanted):,} images",
                found=f"{len(missing):,} are not in them: {first_few(missing.tolist())}",
                fix="the catalog is newer than the shards: prepare into an empty folder",
            )
        return found.astype(np.int64)

    def read(self, i: int) -> bytes:
        """The encoded bytes of image `i`, compared with the SHA-256 that the index has of them.

        Raises:
            DataError: the shard has become shorter or unreachable since it was opened, or its bytes have changed.
        """
        data = self._read(i)
        if sha256(data).hexdigest() != self.sha256[i]:
            raise changed(self.shards[self.shard_of[i]], [self.image_ids[i]])
        return data

    def _read(self, i: int) -> bytes:
        """The bytes that lie where image `i` should, whatever they are."""
        shard, offset, length = int(self.shard_of[i]), int(self._offsets[i]), int(self._lengths[i])
        if self.remote:
            return _read_range(self.shards[shard], offset, length)
        descriptor = self._descriptor(shard)
        data = os.pread(descriptor, length, offset)
        if len(data) != length:
            raise cut_short(self.shards[shard], offset + length, os.fstat(descriptor).st_size)
        return data

    def read_many(self, positions: Sequence[int] | NDArray[np.int64]) -> Iterator[bytes]:
        """`read` of each of `positions`, in order; a web server is asked for several at a time."""
        if not self.remote:
            yield from map(self.read, positions)
            return
        with ThreadPoolExecutor(_HTTP_THREADS) as pool:
            yield from pool.map(self.read, positions)

    def verify(self) -> None:
        """Read every image and compare its SHA-256 with the index: thorough, and as slow as the disk.

        Raises:
            DataError: bytes have changed.
        """
        bad = [i for i in range(len(self)) if sha256(self._read(i)).hexdigest() != self.sha256[i]]
        if bad:
            shards = sorted({self.shards[self.shard_of[i]] for i in bad})
            raise changed(first_few(shards, 3), list(self.image_ids[bad]))

    def close(self) -> None:
        """Close the files of this process; they open again when needed."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __del__(self) -> None:
        if (
            "_open" in self.__dict__ and os is not None
        ):  # at the interpreter's end modules may be gone already
            self.close()

    def _descriptor(self, shard: int) -> int:
        if (descriptor := self._open.get(shard)) is None:
            if len(self._open) >= _MAX_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            descriptor = self._open[shard] = os.open(self.shards[shard], os.O_RDONLY)
        return descriptor


def _read_range(url: str, offset: int, length: int) -> bytes:
    """`length` bytes at `offset` of what lies at `url`."""
    expected = f"{length} bytes at byte {offset}, in answer to a range request"
    request = Request(url, headers={"Range": f"bytes={offset}-{offset + length - 1}"})
    try:
        with urlopen(request, timeout=60) as answer:
            status, data = answer.status, answer.read(length + 1)
    except (HTTPException, OSError) as error:
        fix = "check loader.url and the server"
        raise DataError(url, expected=expected, found=str(error), fix=fix) from error
    if status != 206 or len(data) != length:
        found = f"status {status}, {len(data)} bytes"
        raise DataError(url, expected=expected, found=found, fix="use a server that answers range requests")
    return data
