"""Near-duplicates: pictures that were cropped, resized, compressed, watermarked or turned anew, and second photographs.

They are found in two ways. Descriptors of all pairs of whole pictures, turned and mirrored ones among them, are
compared (`search`), and the likely pairs are aligned and compared on thumbnails. And keypoints are compared
(`shared_keypoints`), which crops, close-ups and photographs from another side still share. What may be one picture
either way is compared again at `CLOSER` pixels, where pictures that only look alike part: the strongest such pairs of
HAM10000, BCN20000 and PAD-UFES-20 have an evidence of 16 to 20 on thumbnails, and of at most 15.4 there.
experiments/near_duplicates says what share is found.

A plain perceptual hash cannot do that: the dark round frame of a dermoscope brings 2,071 pairs with different lesions
closer (within 38 of 256 bits) than most photographs of one lesion are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.progress import track
from skintag.data.catalog import ways
from skintag.data.catalog.keypoints import scaled
from skintag.data.catalog.likeness import Match, Prepared, compare, grey_square, prepare_square
from skintag.data.catalog.overlay import overlay_evidence
from skintag.data.catalog.search import likely_pairs
from skintag.data.catalog.shared_keypoints import keypoint_pairs

SUSPECT: Final = 10.0
"""Pairs of thumbnails with at least this much evidence are looked at again, at `CLOSER` pixels."""
CLOSER: Final = 96
"""Side of the squares of the second look, pixels."""
EVIDENCE: Final = 22.0
"""What is then asked for."""

_CHUNK: Final = 64
_PAIRS: Final = {"first": "int64", "second": "int64", "evidence": "float32"}
_OPEN: Final = 4096  # pictures that are kept for more than one pair, 25 KB each

Opener = Callable[[int], NDArray[np.uint8]]
"""The picture at a position, RGB uint8 [h, w, 3]."""


def near_duplicates(
    thumbnails: NDArray[np.uint8], keypoints: Sequence[bytes], pictures: Opener, *, workers: int = 1
) -> pd.DataFrame:
    """Pairs of near-identical pictures.

    Args:
        thumbnails: uint8 [n, SIDE, SIDE], from `likeness.thumbnail`. Give each distinct file once, in an
            order that does not depend on chance: ties are broken by position.
        keypoints: the bytes of what `keypoints.keypoints` gives, n.
        pictures: opens one for the second look; what it raises ends the search.
        workers: threads.

    Returns:
        A row per pair: `first` < `second` (positions, int64), `evidence` (float32).
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        likely = likely_pairs(thumbnails, pool)
        pairs = _compared(likely, lambda row: thumbnails[row], pool, "near-duplicates: likely pairs")
        suspects = pairs[pairs["evidence"] >= SUSPECT]
        squares = _squares(suspects, pictures, pool)
        whole = _compared(suspects, squares.__getitem__, pool, "near-duplicates: second look")
        parts = _overlaid(keypoint_pairs(keypoints, pool), pictures, pool)
    pairs = pd.concat([whole, parts], ignore_index=True)
    pairs = pairs[pairs["evidence"] >= EVIDENCE]
    pairs[["first", "second"]] = np.sort(pairs[["first", "second"]], axis=1)
    pairs = pairs.sort_values(["first", "second", "evidence"], kind="stable")
    pairs = pairs.drop_duplicates(["first", "second"], keep="last")
    return pairs[list(_PAIRS)].astype(_PAIRS).reset_index(drop=True)


def _overlaid(pairs: pd.DataFrame, pictures: Opener, pool: ThreadPoolExecutor) -> pd.DataFrame:
    """The pairs that share keypoints with the evidence of their overlay."""

    @lru_cache(maxsize=_OPEN)
    def opened(row: int) -> NDArray[np.uint8]:
        return scaled(pictures(row))

    def seen(pair: tuple[int, int, NDArray[np.float64]]) -> float:
        first, second, warp = pair
        return overlay_evidence(opened(first), opened(second), warp, CLOSER)

    found = pool.map(seen, zip(pairs["first"], pairs["second"], pairs["warp"], strict=True))
    evidence = list(track(found, "near-duplicates: overlays", total=len(pairs)) if len(pairs) else ())
    return pairs.assign(evidence=evidence)


def _squares(
    suspects: pd.DataFrame, pictures: Opener, pool: ThreadPoolExecutor
) -> dict[int, NDArray[np.uint8]]:
    """Each suspect once, grey uint8 [CLOSER, CLOSER]."""
    rows = np.unique(suspects[["first", "second"]].to_numpy()).tolist()
    opened = pool.map(lambda row: grey_square(pictures(row), CLOSER), rows)
    shown = track(opened, "near-duplicates: opening suspects", total=len(rows))
    return dict(zip(rows, shown if rows else (), strict=True))


def _compared(
    pairs: pd.DataFrame,
    square: Callable[[int], NDArray[np.uint8]],
    pool: ThreadPoolExecutor,
    description: str,
) -> pd.DataFrame:
    """The pairs with their evidence, and the map that lays the changed first over the second."""
    if pairs.empty:
        return pairs.assign(evidence=np.float64(), warp=None)
    pairs = pairs.iloc[np.lexsort((pairs["way"], pairs["first"], pairs["second"]))]
    chunks = [pairs.iloc[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    found = pool.map(lambda chunk: _compare(square, chunk), chunks)
    return pd.concat(track(found, description, total=len(chunks)), ignore_index=True)


def _compare(square: Callable[[int], NDArray[np.uint8]], pairs: pd.DataFrame) -> pd.DataFrame:
    """Sorted by `second`, so that each image is prepared about once."""

    @lru_cache(maxsize=16)
    def remembered(row: int) -> Prepared:
        return prepare_square(square(row))

    starts = pairs["warp"] if "warp" in pairs else [None] * len(pairs)
    matches: list[Match] = []
    for first, second, way, warp in zip(pairs["first"], pairs["second"], pairs["way"], starts, strict=True):
        changed = prepare_square(ways.turn(square(first), way))
        matches.append(compare(remembered(second), changed, warp))
    warps = pd.Series([match.warp for match in matches], index=pairs.index, dtype="object")
    return pairs.assign(evidence=[match.evidence for match in matches], warp=warps)
