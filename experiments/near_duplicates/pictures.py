"""All pictures of the raw folders, once, at 256 pixels and as thumbnails, kept in a scratch folder."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import SkinTagError
from skintag.data.catalog.likeness import thumbnail
from skintag.data.images.files import decode_image
from skintag.data.sources import read_source, registered

LONGEST = 256
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one dataset, each distinct file once, by content hash."""

    rows: pd.DataFrame
    """image_id, dataset, content_hash, lesion_id, malignancy, h and w (of the file), off, gh, gw (of the copy)."""
    thumbs: NDArray[np.uint8]
    """uint8 [n, 48, 48], as the audit has them."""
    pixels: NDArray[np.uint8]
    """All copies, one behind the other."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Picture:
        """RGB uint8 [gh, gw, 3], longest side `LONGEST`."""
        row = self.rows.iloc[number]
        start, h, w = int(row["off"]), int(row["gh"]), int(row["gw"])
        return np.array(self.pixels[start : start + h * w * 3]).reshape(h, w, 3)

    def __iter__(self) -> Iterator[Picture]:
        return (self[number] for number in range(len(self)))


def arguments(doc: str | None) -> ArgumentParser:
    """What every program here takes: raw folders, a scratch folder, a dataset."""
    parser = ArgumentParser(description=doc)
    parser.add_argument("raw", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("dataset")
    cv2.setNumThreads(1)
    return parser


def load(raw: Path, scratch: Path, dataset: str) -> Pictures:
    """One dataset's pictures; every dataset's are read at the first call."""
    table = scratch / "c.parquet"
    if not table.is_file():
        scratch.mkdir(parents=True, exist_ok=True)
        _read(raw, scratch)
    rows = pd.read_parquet(table)
    rows["content_hash"] = rows["content_hash"].fillna(rows["image_id"])
    mine = rows["dataset"].eq(dataset) & ~rows["content_hash"].duplicated()
    thumbs = np.load(scratch / "thumbs.npy", mmap_mode="r")
    pixels = np.memmap(scratch / "rgb256.bin", np.uint8, "r")
    order = np.flatnonzero(mine)[np.argsort(rows.loc[mine, "content_hash"].to_numpy(str), kind="stable")]
    return Pictures(rows.iloc[order].reset_index(drop=True), np.asarray(thumbs[order]), pixels)


def _read(raw: Path, scratch: Path) -> None:
    known = _known(raw)
    files = sorted(path for path in raw.glob("*/**/*") if path.suffix in (".jpg", ".jpeg", ".png"))
    with ThreadPoolExecutor(2) as pool, (scratch / "rgb256.bin").open("wb") as out:
        rows, thumbs, offset = [], [], 0
        for path, (values, thumb, small) in zip(files, pool.map(_one, files), strict=True):
            dataset = path.relative_to(raw).parts[0]
            out.write(small.tobytes())
            rows.append({"image_id": f"{dataset}/{path.stem}", "dataset": dataset, **values, "off": offset})
            offset += small.size
            thumbs.append(thumb)
    table = pd.DataFrame(rows).merge(known, on="image_id", how="left")
    np.save(scratch / "thumbs.npy", np.stack(thumbs))
    table.to_parquet(scratch / "c.parquet")


def _one(path: Path) -> tuple[dict[str, object], Picture, Picture]:
    data = path.read_bytes()
    image = decode_image(data, path)
    h, w = image.shape[:2]
    scale = LONGEST / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    values = {"content_hash": sha256(data).hexdigest(), "h": h, "w": w, "gh": size[1], "gw": size[0]}
    return values, thumbnail(image), small


def _known(raw: Path) -> pd.DataFrame:
    """Lesions and malignancies, of the datasets that have an adapter, and MILK10k's lesions."""
    parts = [pd.DataFrame(columns=["image_id", "lesion_id", "malignancy"])]
    for folder in sorted(path for path in raw.iterdir() if path.is_dir()):
        if folder.name in registered():
            try:
                parts.append(read_source(folder.name, folder).records[list(parts[0])])
            except SkinTagError as error:
                print(f"{folder.name}: no lesions known ({error})")
        for path in folder.glob("MILK10k_Training_Metadata.csv"):
            table = pd.read_csv(path)
            names = {"image_id": folder.name + "/" + table["isic_id"], "lesion_id": table["lesion_id"]}
            parts.append(pd.DataFrame(names))
    return pd.concat(parts, ignore_index=True)
