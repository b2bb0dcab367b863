"""Flips single bits of everything that a run stores, and reads it as SkinTag does.

`python -m tests.core.flip_walk <folder> [flips] [seed]` makes a small run with its bundle in `<folder>`, draws bits,
and prints per kind of file how each damage ended: `said` (an error that names the file), `made again` (a cache is
computed anew), `same` (what is read is equal: the bit says nothing), `CHANGED` (used as if it were sound) or the name
of an exception that is not ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from skintag.bundle.bundle import Bundle
from skintag.core.errors import SkinTagError
from skintag.data.catalog.catalog import read_catalog
from skintag.data.shards.reader import ShardStore
from skintag.models.torch_files import load_checkpoint
from skintag.runs.folder import RunFolder
from tests.conftest import tiny_overrides

GOOD = ("said", "made again", "same")


@dataclass(frozen=True)
class Kind:
    """Files that are read in one way."""

    folder: Path
    patterns: tuple[str, ...]
    read: Callable[[], Any]
    """Whatever it gives is compared with what the sound files gave."""

    def files(self) -> list[Path]:
        """Those that are there now: a damaged file of a cache is set aside, and another takes its place."""
        return sorted(p for pattern in self.patterns for p in self.folder.rglob(pattern) if p.is_file())


def place_with_run(place: Path) -> tuple[Path, Path]:
    """A run with robustness and a bundle, in a workspace of their own."""
    run, bundle = place / "runs" / "flipped", place / "bundle"
    small = ["debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16"]
    start = [
        *tiny_overrides(place),
        *small,
        "experiment=multi_balanced",
        "probe=all",
        "robustness=true",
        f"paths.cache={place}/cache",
    ]
    for done, arguments in (
        (run, ["train", *start, f"hydra.run.dir={run}"]),
        (bundle, ["bundle", "build", f"run={run}", f"out={bundle}"]),
    ):
        if not done.exists():
            subprocess.run(
                [sys.executable, "-m", "skintag", *arguments], check=True, stdout=subprocess.DEVNULL
            )
    return run, bundle


def kinds(place: Path, run: Path, bundle: Path) -> dict[str, Kind]:
    """Everything that is stored, by the way it is read."""
    prepared = RunFolder(run).prepared
    catalog = read_catalog(prepared / "catalog.parquet")
    datasets = sorted(catalog["dataset"].unique())
    images = list(RunFolder(run).view.frame["image_id"])
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)

    def figures() -> list[Any]:
        files = RunFolder(run)
        return [files.predictions.frame, files.thresholds, files.metrics, files.audit, files.provenance]

    def pictures() -> list[bytes]:
        shards = ShardStore(prepared, datasets)
        return [*map(str.encode, shards.image_ids), *shards.read_many(np.arange(len(shards)))]

    def model() -> dict[str, Any]:
        return {name: value.numpy() for name, value in RunFolder(run).module().state_dict().items()}

    def last() -> dict[str, Any]:
        return load_checkpoint(run / "checkpoints" / "last.ckpt")

    def probes() -> list[Any]:
        rows = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, -1)
        found = RunFolder(run).probes()
        return [
            (n, f, p.settings, p.predict(rows[:, : p.record.width])) for n, (f, p) in sorted(found.items())
        ]

    return {
        "figures": Kind(run, ("predictions.parquet", "thresholds.json", "metrics.json", "leakage_audit.json",
                              "provenance.json"), figures),
        "robustness": Kind(run, ("robustness.parquet",), lambda: RunFolder(run).robustness),
        "configuration": Kind(run / ".hydra", ("config.yaml",), lambda: dict(RunFolder(run).config)),
        "catalog": Kind(prepared, ("catalog.parquet",), lambda: read_catalog(prepared / "catalog.parquet")),
        "shards": Kind(prepared / "shards", ("*-0*",), pictures),
        "best checkpoint": Kind(run, ("best.ckpt",), model),
        "last checkpoint": Kind(run, ("last.ckpt",), last),
        "probes": Kind(run / "probes", ("*",), probes),
        "embeddings": Kind(place / "cache" / "embeddings", ("*.npy",), lambda: RunFolder(run).embeddings(images)),
        "bundle": Kind(bundle, ("*",), lambda: repr(Bundle.load(bundle).predict([picture]))),
    }  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Whether two answers are equal to the last bit."""
    if isinstance(a, pd.DataFrame):
        return a.equals(b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(repr(a) == repr(b))


def ending(kind: Kind, sound: Any, path: Path, at: int, bit: int) -> str:
    """How a read ends with one bit of one file flipped; the file is mended again."""
    data = path.read_bytes()
    damaged = bytearray(data)
    damaged[at] ^= 1 << bit
    path.write_bytes(bytes(damaged))
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            found = kind.read()
    except SkinTagError as error:
        return (
            "said" if path.name in str(error) or path.parent.name in str(error) else "said without the file"
        )
    except Exception as error:
        return type(error).__name__
    finally:
        if path.exists():
            path.write_bytes(data)
    if same(sound, found):
        return "made again" if said.getvalue() else "same"
    return "CHANGED"


def walk(place: Path, flips: int, seed: int) -> dict[str, Counter[str]]:
    """Endings by kind: as many flips for each, bits drawn over all bytes of a kind's files."""
    run, bundle = place_with_run(place)
    rng, counts = np.random.default_rng(seed), {}
    for name, kind in kinds(place, run, bundle).items():
        sound, counts[name] = kind.read(), Counter()
        each = -(-flips // 10)
        for _ in range(each):
            files = kind.files()
            path = files[rng.integers(len(files))]
            at, bit = int(rng.integers(path.stat().st_size)), int(rng.integers(8))
            end = ending(kind, sound, path, at, bit)
            counts[name][end] += 1
            if end not in GOOD:
                print(f"{name}: {path.relative_to(place)} byte {at} bit {bit}: {end}", flush=True)
        print(f"{name}: {dict(counts[name])}", flush=True)
    return counts


if __name__ == "__main__":
    os.environ.update(OMP_NUM_THREADS="1", WANDB_MODE="offline")
    given = sys.argv[1:]
    walk(Path(given[0]).absolute(), int(given[1]) if given[1:] else 100, int(given[2]) if given[2:] else 0)
