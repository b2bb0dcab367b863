"""Small raw folders, prepared folders and views for the tests of shards and loaders.

Every image is of one colour that says which it is, so a test can tell images apart by looking at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from skintag.data.catalog.catalog import CATALOG, write_catalog
from skintag.data.catalog.schema import CATALOG_COLUMNS
from skintag.data.shards.writer import ShardSettings, write_shards
from skintag.data.sources import adapter_of
from skintag.data.view.view import View


def colour_of(i: int) -> tuple[int, int, int]:
    """The colour of image number `i`; any two of the first 200 are far apart."""
    return (i % 6) * 50, (i // 6 % 6) * 50, (i // 36 % 6) * 50


def number_of(image: np.ndarray) -> int:
    """Which image [H, W, 3] this is."""
    r, g, b = np.rint(image.reshape(-1, 3).mean(axis=0) / 50).astype(int)
    return int(r + 6 * g + 36 * b)


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """A JPEG of one colour, `size` = (width, height)."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def make_raw(root: Path, sizes: Mapping[str, int]) -> pd.DataFrame:
    """Raw folders of JPEGs, `sizes` = dataset -> images; returns the catalog, with images numbered."""
    rows = []
    for dataset, n in sizes.items():
        (root / dataset).mkdir(parents=True)
        for i in range(n):
            data = jpeg(colour_of(len(rows)))
            (root / dataset / f"{i:04d}.jpg").write_bytes(data)
            rows.append(
                {
                    "image_id": f"{dataset}/{i:04d}",
                    "dataset": dataset,
                    "domain": adapter_of(dataset).domains[0],
                    "path": f"{i:04d}.jpg",
                    "status": "ok",
                    "content_hash": sha256(data).hexdigest(),
                    "number": len(rows),
                }
            )
    return pd.DataFrame(rows)


def roots_of(catalog: pd.DataFrame, root: Path) -> dict[str, Path]:
    """Dataset -> its raw folder."""
    return {dataset: root / dataset for dataset in catalog["dataset"].unique()}


def prepare(folder: Path, sizes: Mapping[str, int], samples_per_shard: int = 8) -> pd.DataFrame:
    """`folder/raw` and `folder/prepared`; returns the catalog."""
    catalog = make_raw(folder / "raw", sizes)
    settings = ShardSettings(samples_per_shard=samples_per_shard)
    write_shards(catalog, roots_of(catalog, folder / "raw"), folder / "prepared", settings)
    write_catalog(catalog.reindex(columns=list(CATALOG_COLUMNS)), folder / "prepared" / CATALOG)
    return catalog


def view_of(catalog: pd.DataFrame, val: int = 4, test: int = 4) -> View:
    """A view whose last rows are val and test, with labels that differ from row to row."""
    n = len(catalog)
    split = ["train"] * (n - val - test) + ["val"] * val + ["test"] * test
    frame = catalog.assign(
        split=split,
        target=(np.arange(n) % 2).astype(np.int8),
        target_condition=(np.arange(n) % 10).astype(np.int8),
        weight=(1 + np.arange(n) / n).astype(np.float32),
        sampling_weight=np.ones(n, dtype=np.float32),
        group_index=(np.arange(n) % 12).astype(np.int16),
    )
    return View(frame, None, (), 10, "fingerprint", frame)  # type: ignore[arg-type]
