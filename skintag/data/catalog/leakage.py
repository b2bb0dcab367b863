"""Which images must stay together in a split: one patient, one lesion, one picture, or a chain of these.

Near-duplicates are found in two steps: descriptors of all pairs are compared by one matrix product per
block, then the likely pairs are aligned and compared pixel by pixel (skintag.data.catalog.likeness). Measured on
20,748 real photographs (HAM10000, BCN20000, PAD-UFES-20; 84 to 200 pixels), 215 million pairs of which have
different lesions:

- At `EVIDENCE` = 20, 19 such pairs are joined. A person takes each for one picture or one lesion; 9 are the
  same picture under two ids. The strongest pair that is not has 18.6. No cluster has more than 5 images.
- Copies of 300 of them are found in 96% of cases or more at half or double size, JPEG quality 30, other
  brightness, contrast, gamma or colour, blurred, watermarked, turned by 2 degrees, mirrored, turned by 90
  degrees, cropped to 95% about the middle, and several of these at once; in 94% cropped to 95% in a corner,
  in 88% cropped to 90%, in 29% cropped to 85%.
- A plain perceptual hash cannot do that: the dark round frame of a dermoscope brings 2,071 pairs with
  different lesions closer (within 38 of 256 bits) than most photographs of one lesion are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skintag.core.progress import track
from skintag.data.catalog.likeness import FREQUENCIES, describe, evidence, prepare_thumbnail
from skintag.data.catalog.windows import (
    COARSE_FREQUENCIES,
    SCALES,
    Window,
    cut_window,
    describe_windows,
    windows_of,
)

EVIDENCE: Final = 20.0
"""Pairs with at least this much evidence are one picture."""
LIKELY: Final = 0.3
"""Correlation of descriptors from which a pair is compared pixel by pixel."""
LIKELY_TURNED: Final = 0.6
"""The same where one of the two is mirrored or turned by a quarter; a crop as well is not looked for."""
LIKELY_CROPPED: Final = 0.6
"""The same, of the coarse frequencies, where one of the two is cut to one of `_WINDOWS`."""
NEIGHBOURS: Final = 6
"""An image is compared with so many others in each kind of search: whole, turned, cropped."""

JOINING: Final = ("patient_id", "lesion_id", "content_hash", "duplicate_id")
_BLOCK: Final = 512
_CHUNK: Final = 64
# mirrored along x, along y, transposed: the eight symmetries of a square
_TURNS: Final = tuple((x, y, t) for t in (False, True) for y in (False, True) for x in (False, True))
_WAYS: Final[tuple[tuple[int, Window | None], ...]] = (
    *((turn, None) for turn in range(len(_TURNS))),
    *((0, window) for scale in range(len(SCALES)) for window in windows_of(scale)),
)
"""How one picture of a pair is changed before it is compared: turned, or cut to a window."""
_LIKELY_COLUMNS: Final = ("first", "second", "way", "likeness")
_PAIRS: Final = {"first": "int64", "second": "int64", "evidence": "float32", "turned": "bool"}


def near_duplicates(thumbnails: NDArray[np.uint8], *, workers: int = 1) -> pd.DataFrame:
    """Pairs of near-identical pictures.

    Args:
        thumbnails: uint8 [n, SIDE, SIDE], from `likeness.thumbnail`. Give each distinct file once, in an
            order that does not depend on chance: ties are broken by position.
        workers: threads.

    Returns:
        A row per pair: `first` < `second` (positions, int64), `evidence` (float32), `turned` (bool: one is a
        mirror image or turned by a quarter or a half).
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        likely = _likely_pairs(thumbnails, pool)
        order = np.lexsort((likely["first"], likely["second"]))
        chunks = [likely.iloc[order[start : start + _CHUNK]] for start in range(0, len(order), _CHUNK)]
        results = pool.map(lambda chunk: _compare(thumbnails, chunk), chunks)
        compared = list(track(results, "near-duplicates: likely pairs", total=len(chunks))) if chunks else []
    if not compared:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in _PAIRS.items()})
    pairs = pd.concat(compared, ignore_index=True)
    pairs = pairs[pairs["evidence"] >= EVIDENCE]
    pairs["turned"] = pairs["way"].between(1, len(_TURNS) - 1)
    pairs[["first", "second"]] = np.sort(pairs[["first", "second"]], axis=1)
    pairs = pairs.sort_values(["first", "second", "evidence", "way"])
    pairs = pairs.drop_duplicates(["first", "second"], keep="last")
    return pairs[list(_PAIRS)].astype(_PAIRS).reset_index(drop=True)


def duplicate_ids(
    image_ids: Sequence[str], content_hashes: Sequence[str], pairs: pd.DataFrame
) -> NDArray[np.object_]:
    """The smallest image_id among the identical and near-identical pictures of each image, object [n].

    Args:
        image_ids, content_hashes: of n readable images.
        pairs: columns `first` and `second` with content hashes of near-identical files; others are ignored.
    """
    codes, hashes = pd.factorize(np.asarray(content_hashes, dtype=object))
    position = pd.Series(np.arange(len(hashes)), index=hashes)
    known = pairs[pairs["first"].isin(position.index) & pairs["second"].isin(position.index)]
    first, second = position[known["first"]].to_numpy(), position[known["second"]].to_numpy()
    labels = _components(len(hashes), first, second)
    return _smallest(np.asarray(image_ids, dtype=object), labels[codes])


def leakage_groups(frame: pd.DataFrame) -> pd.Series:
    """The group of each row, text [n]: the smallest image_id of all rows it is joined to.

    Rows are joined where they share a value of one of `JOINING`, directly or in a chain; null joins nothing.
    Rows without a usable image are joined by patient and lesion like the others. The order of the rows plays
    no part.

    Args:
        frame: columns `image_id` (unique) and those of `JOINING`.
    """
    rows, keys, total = [], [], len(frame)
    for column in JOINING:
        codes, values = pd.factorize(frame[column].to_numpy(object), use_na_sentinel=True)
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        keys.append(total + codes[known])
        total += len(values)
    labels = _components(total, np.concatenate(rows), np.concatenate(keys))[: len(frame)]
    smallest = _smallest(frame["image_id"].to_numpy(object), labels)
    return pd.Series(smallest, index=frame.index, name="group_id").astype("str")


def _components(nodes: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1].astype(np.int64)


def _smallest(names: NDArray[np.object_], labels: NDArray[np.int64]) -> NDArray[np.object_]:
    """For each position the smallest name under the same label."""
    order = np.argsort(names.astype(str), kind="stable")
    _, first = np.unique(labels[order], return_index=True)  # labels are 0..k-1, each of them there
    return names[order][first][np.unique(labels, return_inverse=True)[1]]


def _likely_pairs(thumbnails: NDArray[np.uint8], pool: ThreadPoolExecutor) -> pd.DataFrame:
    """Columns first, second, way (position in `_WAYS`), likeness: the pairs worth a comparison, at most `NEIGHBOURS`
    of each image and kind of search: their number and the memory grow with the images, the time with their square."""
    described = np.asarray(list(pool.map(describe, thumbnails)), np.float32)
    described = described.reshape(len(thumbnails), FREQUENCIES, FREQUENCIES)
    searches = (
        _among_turned(described, range(1)),
        _among_turned(described, range(1, len(_TURNS))),
        _among_cropped(described, thumbnails, pool),
    )
    table = pd.concat([_likeliest(list(found)) for found in searches], ignore_index=True)
    low, high = np.minimum(table["first"], table["second"]), np.maximum(table["first"], table["second"])
    pairs = pd.DataFrame({"low": low, "high": high, "way": table["way"]})
    whole = table["way"] < len(_TURNS)  # in a crop, the first is the one that is cut
    pairs["cut"] = np.where(whole, low, table["first"])
    return table[~pairs.duplicated()]


def _among_turned(described: NDArray[np.float32], turns: range) -> Iterator[pd.DataFrame]:
    targets = described.reshape(len(described), FREQUENCIES**2)
    for turn in turns:
        queries = _turn_descriptors(described, turn).reshape(targets.shape)
        yield _likeliest(list(_pairs_above(queries, targets, turn, LIKELY_TURNED if turn else LIKELY)))


def _among_cropped(
    described: NDArray[np.float32], thumbnails: NDArray[np.uint8], pool: ThreadPoolExecutor
) -> Iterator[pd.DataFrame]:
    coarse = described[:, :COARSE_FREQUENCIES, :COARSE_FREQUENCIES]
    targets = coarse.reshape(len(described), COARSE_FREQUENCIES**2)
    norms = np.linalg.norm(targets, axis=1, keepdims=True)
    targets = np.divide(targets, norms, out=np.zeros_like(targets), where=norms > 0)
    way = len(_TURNS)
    for scale in range(len(SCALES)):
        cut = list(pool.map(lambda thumb, s=scale: describe_windows(thumb, s), thumbnails))
        for number in range(len(windows_of(scale))):
            queries = np.asarray([windows[number] for windows in cut], np.float32).reshape(targets.shape)
            yield _likeliest(list(_pairs_above(queries, targets, way, LIKELY_CROPPED)))
            way += 1


def _pairs_above(
    queries: NDArray[np.float32], targets: NDArray[np.float32], way: int, least: float
) -> Iterator[pd.DataFrame]:
    """Pairs whose likeness reaches `least`, block by block, the likeliest `NEIGHBOURS` of each query."""
    for start in range(0, len(queries), _BLOCK):
        likeness = queries[start : start + _BLOCK] @ targets.T
        first, second = np.nonzero(likeness >= least)
        other = first + start != second
        first, second = first[other], second[other]
        values = (first + start, second, np.full(len(first), way), likeness[first, second])
        yield _likeliest([pd.DataFrame(dict(zip(_LIKELY_COLUMNS, values, strict=True)))])


def _likeliest(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The likeliest `NEIGHBOURS` pairs of each `first`."""
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_LIKELY_COLUMNS)
    order = np.lexsort((table["way"], table["second"], -table["likeness"], table["first"]))
    table = table.iloc[order]
    table = table.drop_duplicates(["first", "second"])
    return table[table.groupby("first").cumcount() < NEIGHBOURS].reset_index(drop=True)


def _turn_descriptors(descriptors: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    """What `describe` gives for turned thumbnails: a mirrored cosine changes sign if its frequency is odd."""
    along_x, along_y, transposed = _TURNS[turn]
    sign = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = descriptors * (sign if along_x else 1) * (sign[:, None] if along_y else 1)
    return np.ascontiguousarray(turned.transpose(0, 2, 1) if transposed else turned)


def _turn_thumbnail(thumb: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    along_x, along_y, transposed = _TURNS[turn]
    turned = thumb[:: -1 if along_y else 1, :: -1 if along_x else 1]
    return np.ascontiguousarray(turned.T if transposed else turned)


def _compare(thumbnails: NDArray[np.uint8], pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs with their evidence; sorted by `second`, so that each image is prepared about once."""
    remembered = lru_cache(maxsize=16)(lambda row: prepare_thumbnail(thumbnails[row]))
    values = []
    for first, second, way in pairs[["first", "second", "way"]].to_numpy().tolist():
        turn, window = _WAYS[way]
        thumb = thumbnails[first]
        changed = _turn_thumbnail(thumb, turn) if window is None else cut_window(thumb, window)
        values.append(evidence(remembered(second), prepare_thumbnail(changed)))
    return pairs.assign(evidence=values)
