"""What does it cost to check what is stored when it is read?

    python experiments/speed/checksums.py

Each reading and its check are done in turns, and the least processor time of each is taken; what others do
only adds. Expected: a share of at most 3% of loading. The files lie in the page cache, so a disk would make it smaller.
experiments/speed/README.md says what is measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from skintag.core.checksums import check_zip
from skintag.core.parquet import check_parquet, write_parquet
from skintag.data.images.pipeline import ImagePipeline
from skintag.features.embeddings import EmbeddingKey, EmbeddingStore
from skintag.models.network import LesionNetwork


def images(folder: Path, n: int, side: int) -> list[bytes]:
    """JPEGs of skin-like pictures: smooth, with grain."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(n):
        coarse = Image.fromarray(rng.integers(90, 220, (9, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side, side * 3 // 4), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.normal(0, 5, smooth.shape).astype(np.int16)
        path = folder / f"{i}.jpg"
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(path, quality=95)
        out.append(path.read_bytes())
    return out


def least(load: Callable[[], object], check: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Least processor time of each, seconds."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, run in enumerate((load, check)):
            began = time.process_time()
            run()
            best[i] = min(best[i], time.process_time() - began)
    return best[0], best[1]


def measures(folder: Path, size: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is loaded -> loading it without the check, and the check."""
    pictures = images(folder, 64, 512)
    hashes = [sha256(data).hexdigest() for data in pictures]
    pipeline = ImagePipeline(224)
    names = [str(i) for i in range(len(pictures))]

    rng = np.random.default_rng(1)
    rows = 200_000
    table = pd.DataFrame({
        "image_id": pd.Series([f"ham10000/ISIC_{i:07d}" for i in range(rows)], dtype="str"),
        **{f"p_condition_{i}": rng.random(rows, dtype=np.float32) for i in range(11)},
    })  # fmt: skip
    write_parquet(table, folder / "predictions.parquet")

    tower = {"name": "vit_base_patch16_siglip_224", "image_size": 224}
    network = LesionNetwork(tower, {}, {"name": "erm"}, n_conditions=10)
    torch.save(
        {"hyper_parameters": network.settings(), "state_dict": network.state_dict()}, folder / "best.ckpt"
    )

    key = EmbeddingKey("weights", "preprocessing")
    EmbeddingStore(folder / "store", key).add([f"{i:064x}" for i in range(size)], rng.random((size, 1152)))
    wanted = [f"{i:064x}" for i in rng.permutation(size)]

    def look_up() -> object:
        store = EmbeddingStore(folder / "store", key)
        for part in store._parts():
            part.checked[:] = True  # as if it had been compared
        return store.lookup(wanted)

    def compare() -> object:
        store = EmbeddingStore(folder / "store", key)
        for part in store._parts():
            part.check(np.arange(size))
        return store

    return {
        f"{len(pictures)} pictures of 512 pixels": (
            lambda: pipeline(pictures, names, 0),
            lambda: [sha256(data).hexdigest() == said for data, said in zip(pictures, hashes, strict=True)],
        ),
        f"a table of {rows:,} rows": (
            lambda: pd.read_parquet(folder / "predictions.parquet"),
            lambda: check_parquet(folder / "predictions.parquet"),
        ),
        "a checkpoint (ViT-B, 370 MB)": (
            lambda: LesionNetwork.from_checkpoint(folder / "best.ckpt"),
            lambda: check_zip(folder / "best.ckpt"),
        ),
        f"{size:,} embeddings": (look_up, compare),
    }


def main() -> None:
    """Print what each reading takes, and the share of its check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--embeddings", type=int, default=20_000)
    asked = parser.parse_args()
    shown = Table("what is read", "loading, ms", "its check, ms", "share")
    with TemporaryDirectory() as name:
        for what, (load, check) in measures(Path(name), asked.embeddings).items():
            loading, checking = least(load, check, asked.rounds)
            shown.add_row(what, f"{1e3 * loading:.1f}", f"{1e3 * checking:.2f}", f"{checking / loading:.1%}")
    Console().print(shown)


if __name__ == "__main__":
    main()
