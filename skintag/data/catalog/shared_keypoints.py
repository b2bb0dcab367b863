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

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.progress import track
from skintag.data.catalog.keypoints import BITS, RECORD, SIZES, Records

NEIGHBOURS: Final = 12
"""An image is fitted to so many others, those with most votes."""
VOTES: Final = 2
"""Keypoints that have to agree on another image before the two are fitted."""
MATCHES: Final = 6
"""Keypoints that have to lie on one map."""
NEAR: Final = 24
"""Bits of 128 in which descriptors that vote differ at most;"""
SIMILAR: Final = 34
"""and those that are fitted, where each is the other's nearest in its image,"""
RATIO: Final = 0.8
"""and the nearest is at most so far as the second (Lowe 2004)."""

_NEAREST: Final = 8  # votes of a keypoint
_HALF: Final = BITS // 2
_WORDS_TRIED: Final = 4  # nearest entries of each codebook that a keypoint is looked for under
_PER_WORD: Final = 7  # keypoints a word, on average
_BOOK: Final = (16, 1024)  # entries of a codebook
_LEARNT: Final = 20_000  # descriptors that the codebooks are learnt of
_COMMON: Final = 300  # keypoints of a word from which it says nothing: texture, ruler marks
_BLOCK: Final = 32  # images
_CHUNK: Final = 64  # pairs
_TURNS, _ZOOMS = 12, 11  # bins of the votes: of 30 degrees, and of a doubling
_AWAY: Final = 4.0  # pixels from the map
_MAX_ZOOM, _MAX_STRETCH = 3.0, 1.6

Signs = NDArray[np.float32]
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
    def codes(self) -> NDArray[np.uint64]:
        """Descriptors, [keypoints, 2]."""
        return np.ascontiguousarray(self.records["code"]).view(np.uint64)

    @cached_property
    def books(self) -> tuple[Signs, Signs]:
        """A codebook for either half of a descriptor."""
        step = max(1, len(self.records) // _LEARNT)
        signs = _signs(self.records["code"][::step])
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
        signs = _signs(self.records["code"][rows])
        upper = _nearest_entries(signs[:, :_HALF], self.books[0], tried)
        lower = _nearest_entries(signs[:, _HALF:], self.books[1], tried)
        return (upper[:, :, None] * len(self.books[1]) + lower[:, None, :]).reshape(len(signs), -1)

    def of(self, image: int) -> Records:
        """The keypoints of one image."""
        return self.records[self.starts[image] : self.starts[image + 1]]


def keypoint_pairs(keypoints: Sequence[bytes], pool: ThreadPoolExecutor) -> pd.DataFrame:
    """Pairs whose keypoints fit one affine map.

    Time and memory grow with the images; at most `NEIGHBOURS` others of each are looked at.

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
    warps = [
        warp
        for some in track(fitted, "near-duplicates: fitting keypoints", total=len(chunks))
        for warp in some
    ]
    table = pd.DataFrame(
        {"first": pairs[:, 0], "second": pairs[:, 1], "warp": pd.Series(warps, dtype="object")}
    )
    return table[table["warp"].notna()].reset_index(drop=True)


def _likely(index: _Index, pool: ThreadPoolExecutor) -> Integers:
    """[pairs, 2], each once, sorted."""
    if len(index.records) < 2 * MATCHES:
        return np.zeros((0, 2), np.int64)
    _ = index.members  # before the threads ask for it
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
    flat = sizes.ravel()
    asking = np.repeat(np.repeat(np.arange(start, stop), words.shape[1]), flat)
    within = np.arange(flat.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
    near = order[np.repeat(begins[words.ravel()], flat) + within]
    other = index.owner[asking] != index.owner[near]
    asking, near = asking[other], near[other]
    apart = np.bitwise_count(index.codes[asking] ^ index.codes[near]).sum(axis=1)
    close = apart <= NEAR
    asking, near, apart = asking[close], near[close], apart[close]
    order = np.lexsort((near, apart, asking))
    asking, near = asking[order], near[order]
    rank = np.arange(len(asking)) - np.searchsorted(asking, asking)
    return asking[rank < _NEAREST], near[rank < _NEAREST]


def _agreeing_votes(records: Records, asking: Integers, near: Integers, pair: Integers) -> pd.DataFrame:
    """`pair`, and the most `votes` of different keypoints for about one turn and one enlargement."""
    turn = (records["angle"][asking].astype(np.int64) - records["angle"][near]) % 256 / 256 * _TURNS
    zoom = (records["size"][asking].astype(np.int64) - records["size"][near]) / SIZES + _ZOOMS // 2
    counted = []
    for shift in (
        (0, 0),
        (0, 0.5),
        (0.5, 0),
        (0.5, 0.5),
    ):  # what lies beside an edge of a bin lies within another's
        turned = np.floor(turn + shift[0]).astype(np.int64) % _TURNS
        zoomed = np.clip(np.floor(zoom + shift[1]).astype(np.int64), 0, _ZOOMS - 1)
        key = (pair * _TURNS + turned) * _ZOOMS + zoomed
        order = np.lexsort((asking, key))
        fresh = np.ones(len(key), bool)
        fresh[1:] = (np.diff(key[order]) != 0) | (np.diff(asking[order]) != 0)
        keys, votes = np.unique(key[order][fresh], return_counts=True)
        counted.append(pd.DataFrame({"pair": keys // (_TURNS * _ZOOMS), "votes": votes}))
    return pd.concat(counted).groupby("pair")[["votes"]].max().reset_index()


def fit(first: Records, second: Records) -> NDArray[np.float64] | None:
    """The affine map from the first to the second that `MATCHES` of their keypoints lie on; None where there is none.

    None as well where it enlarges by more than 3 or stretches by more than 1.6, or is a mirror image.
    """
    if min(len(first), len(second)) < MATCHES:
        return None
    apart = (BITS - _signs(first["code"]) @ _signs(second["code"]).T) / 2
    theirs = apart.argmin(axis=1)
    mutual = apart.argmin(axis=0)[theirs] == np.arange(len(first))
    least, next_least = np.partition(apart, 1, axis=1)[:, :2].T
    sure = mutual & (least <= SIMILAR) & (least <= RATIO * next_least)
    if sure.sum() < MATCHES:
        return None
    here, there = (
        np.stack([r["x"], r["y"]], 1).astype(np.float32) for r in (first[sure], second[theirs[sure]])
    )
    warp, inliers = cv2.estimateAffine2D(here, there, ransacReprojThreshold=_AWAY, maxIters=500)
    if warp is None or inliers.sum() < MATCHES:
        return None
    long, short = np.linalg.svd(warp[:, :2])[1]
    mild = long <= _MAX_ZOOM and short >= 1 / _MAX_ZOOM and long <= _MAX_STRETCH * short
    return np.asarray(warp) if mild and np.linalg.det(warp[:, :2]) > 0 else None


def _signs(codes: NDArray[np.uint8]) -> Signs:
    """Bits as -1 and 1, float32 [n, 128]."""
    return np.where(np.unpackbits(np.ascontiguousarray(codes), axis=1), np.float32(1), np.float32(-1))


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
