"""Pairs of pictures that share keypoints, and the map that lays one over the other.

The descriptors are sorted into visual words, an inverted index over pairs of short codebooks (the inverted multi-index
of Babenko and Lempitsky, 2012), so that each is compared with a few hundred others, not with all. What is near votes
for its picture; votes have to agree on turn and enlargement (weak geometric consistency, Jegou, Douze and Schmid,
2008); and the likeliest pictures are kept whose keypoints fit one affine map.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.progress import track
from skintag.data.catalog.keypoints import BITS, RECORD, SIZES, Records, Signs, signs_of
from skintag.data.catalog.overlay import MATCHES, fit

NEIGHBOURS: Final = 12
"""An image is fitted to so many others, those with most votes."""
VOTES: Final = 2
"""Keypoints that have to agree on another image before the two are fitted."""
NEAR: Final = 24
"""Bits of 128 in which descriptors that vote differ at most."""

_NEAREST: Final = 8  # votes of a keypoint
_HALF: Final = BITS // 2
_WORDS_TRIED: Final = 4  # nearest entries of each codebook that a keypoint is looked for under
_PER_WORD: Final = 20  # keypoints a word, on average; finer words miss votes where the images are few
_BOOK: Final = (16, 1024)  # entries of a codebook
_LEARNT: Final = 20_000  # descriptors that the codebooks are learnt of
_COMMON: Final = 300  # keypoints of a word from which it says nothing: texture, ruler marks
_BLOCK: Final = 8  # images: at most 8 x 200 x 16 words x 300 keypoints are compared at a time, in some 200 MB
_CHUNK: Final = 64  # pairs
_TURNS, _ZOOMS = 12, 11  # bins of the votes: of 30 degrees, and of a doubling

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Index:
    """The keypoints of all images, one image behind the other."""

    records: Records
    starts: Integers
    """[images + 1]."""

    @cached_property
    def owner(self) -> Integers:
        """The image of each keypoint."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def codes(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Both halves of each descriptor."""
        halves = np.ascontiguousarray(self.records["code"]).view(np.uint64)
        return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])

    @cached_property
    def sorted_codes(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The same in the order of `members`: those of a word lie side by side."""
        order = self.members[0]
        return self.codes[0][order], self.codes[1][order]

    @cached_property
    def books(self) -> tuple[Signs, Signs]:
        """A codebook for either half of a descriptor."""
        rows = np.random.default_rng(0).choice(
            len(self.records), min(_LEARNT, len(self.records)), replace=False
        )
        signs = signs_of(self.records["code"][np.sort(rows)])
        entries = round(float(np.sqrt(len(self.records) / _PER_WORD)))
        entries = min(max(entries, _BOOK[0]), _BOOK[1], len(signs))
        return _codebook(signs[:, :_HALF], entries), _codebook(signs[:, _HALF:], entries)

    @cached_property
    def words(self) -> Integers:
        """The word of each keypoint."""
        blocks = range(0, len(self.records), 2**16)
        return np.concatenate([self.nearest_words(slice(at, at + 2**16), 1)[:, 0] for at in blocks])

    @cached_property
    def members(self) -> tuple[Integers, Integers]:
        """Keypoints sorted by word, and where each word begins."""
        sizes = np.bincount(self.words, minlength=len(self.books[0]) * len(self.books[1]))
        return np.argsort(self.words, kind="stable"), np.concatenate([[0], np.cumsum(sizes)])

    def nearest_words(self, rows: slice, tried: int) -> Integers:
        """[rows, tried^2], the nearest entries of either codebook, combined."""
        signs = signs_of(self.records["code"][rows])
        upper = _nearest_entries(signs[:, :_HALF], self.books[0], tried)
        lower = _nearest_entries(signs[:, _HALF:], self.books[1], tried)
        return (upper[:, :, None] * len(self.books[1]) + lower[:, None, :]).reshape(
            len(signs), upper.shape[1] * lower.shape[1]
        )

    def of(self, image: int) -> Records:
        """The keypoints of one image."""
        return self.records[self.starts[image] : self.starts[image + 1]]


def keypoint_pairs(keypoints: Sequence[bytes], pool: ThreadPoolExecutor) -> pd.DataFrame:
    """Pairs whose keypoints fit one affine map.

    At most `NEIGHBOURS` others of each are looked at. Time and memory grow with the images, up to some 37,000; then
    there are no more words, and the keypoints of each grow, until those of `_COMMON` words count no more.

    Args:
        keypoints: of each image, `keypoints.RECORD` as bytes.
        pool: threads.

    Returns:
        `first` < `second`, `warp` (float64 [2, 3], from the first to the second, in pixels of pictures whose longest
        side is `keypoints.LONGEST`).
    """
    records = np.frombuffer(b"".join(keypoints), RECORD)
    counts = [len(one) // RECORD.itemsize for one in keypoints]
    index = _Index(records, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))
    pairs = _likely(index, pool)
    chunks = [pairs[at : at + _CHUNK] for at in range(0, len(pairs), _CHUNK)]
    fitted = pool.map(lambda chunk: [fit(index.of(a), index.of(b)) for a, b in chunk.tolist()], chunks)
    shown = track(fitted, "near-duplicates: fitting keypoints", total=len(chunks)) if chunks else ()
    warps = [warp for some in shown for warp in some]
    table = pd.DataFrame(
        {"first": pairs[:, 0], "second": pairs[:, 1], "warp": pd.Series(warps, dtype="object")}
    )
    return table[table["warp"].notna()].reset_index(drop=True)


def _likely(index: _Index, pool: ThreadPoolExecutor) -> Integers:
    """[pairs, 2], each once, sorted."""
    if len(index.records) < 2 * MATCHES:
        return np.zeros((0, 2), np.int64)
    _ = index.sorted_codes, index.owner  # before the threads ask for them
    blocks = range(0, len(index.starts) - 1, _BLOCK)
    voted = pool.map(lambda start: _voted(index, start, min(start + _BLOCK, len(index.starts) - 1)), blocks)
    shown = track(voted, "near-duplicates: comparing keypoints", total=len(blocks))
    return np.unique(np.sort(np.concatenate(list(shown)), axis=1), axis=0)


def _voted(index: _Index, start: int, stop: int) -> Integers:
    """The images that most keypoints of each image of a block vote for, [pairs, 2]."""
    asking, near = _near(index, int(index.starts[start]), int(index.starts[stop]))
    images = len(index.starts) - 1
    pair = index.owner[asking] * images + index.owner[near]
    votes = _agreeing_votes(index.records, asking, near, pair)
    votes = votes[votes["votes"] >= VOTES]
    first, second = np.divmod(votes["pair"].to_numpy(), images)
    order = np.lexsort((second, -votes["votes"].to_numpy(), first))
    first, second = first[order], second[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    return np.stack([first, second], axis=1)[rank < NEIGHBOURS]


def _near(index: _Index, start: int, stop: int) -> tuple[Integers, Integers]:
    """Keypoints of a block, and those of other images that are nearest to them."""
    order, begins = index.members
    words = index.nearest_words(slice(start, stop), _WORDS_TRIED)
    sizes = np.diff(begins)[words]
    sizes[sizes > _COMMON] = 0
    runs = sizes.ravel()
    asking = np.repeat(np.repeat(np.arange(start, stop), words.shape[1]), runs)
    place = np.arange(runs.sum()) + np.repeat(begins[words.ravel()] - (np.cumsum(runs) - runs), runs)
    upper, lower = (
        np.bitwise_count(codes[asking] ^ sorted_codes[place])
        for codes, sorted_codes in zip(index.codes, index.sorted_codes, strict=True)
    )
    apart = upper + lower
    close = np.flatnonzero(apart <= NEAR)
    asking, near, apart = asking[close], order[place[close]], apart[close]
    other = index.owner[asking] != index.owner[near]
    asking, near, apart = asking[other], near[other], apart[other]
    nearest = np.lexsort((near, apart, asking))
    asking, near = asking[nearest], near[nearest]
    rank = np.arange(len(asking)) - np.searchsorted(asking, asking)
    return asking[rank < _NEAREST], near[rank < _NEAREST]


def _agreeing_votes(records: Records, asking: Integers, near: Integers, pair: Integers) -> pd.DataFrame:
    """`pair`, and the most `votes` of different keypoints for about one turn and one enlargement."""
    turn = (records["angle"][asking].astype(np.int64) - records["angle"][near]) % 256 / 256 * _TURNS
    zoom = (records["size"][asking].astype(np.int64) - records["size"][near]) / SIZES + _ZOOMS // 2
    counted = []
    # what lies beside an edge of a bin lies within another's
    for shift in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5)):
        turned = np.floor(turn + shift[0]).astype(np.int64) % _TURNS
        zoomed = np.clip(np.floor(zoom + shift[1]).astype(np.int64), 0, _ZOOMS - 1)
        key = (pair * _TURNS + turned) * _ZOOMS + zoomed
        order = np.lexsort((asking, key))
        fresh = np.ones(len(key), bool)
        fresh[1:] = (np.diff(key[order]) != 0) | (np.diff(asking[order]) != 0)
        keys, votes = np.unique(key[order][fresh], return_counts=True)
        counted.append(pd.DataFrame({"pair": keys // (_TURNS * _ZOOMS), "votes": votes}))
    return pd.concat(counted).groupby("pair")[["votes"]].max().reset_index()


def _codebook(signs: Signs, entries: int) -> Signs:
    """Means of clusters, float32 [entries, 64]; begun from rows at equal steps, so that nothing is drawn."""
    from scipy.cluster.vq import kmeans2

    begin = signs[np.linspace(0, len(signs) - 1, entries).astype(int)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a cluster without members stays where it is
        means, _ = kmeans2(signs, begin, iter=8, minit="matrix")
    return np.asarray(means, np.float32)


def _nearest_entries(signs: Signs, book: Signs, tried: int) -> Integers:
    near = signs @ book.T - 0.5 * (book**2).sum(axis=1)
    tried = min(tried, len(book))
    return np.argpartition(-near, tried - 1, axis=1)[:, :tried]
