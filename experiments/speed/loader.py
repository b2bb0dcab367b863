"""Images per second out of the loaders, against other ways to load the same JPEGs and against the ceiling.

    python experiments/speed/loader.py
    python experiments/speed/loader.py --images 500 --rounds 3 --only ceiling indexed

Expected on two cores, 600x450 JPEGs to 384 px: `indexed` at 80% of the ceiling or more, and at 3 times the
torch Dataset over files with timm's transform. experiments/speed/README.md says what each row does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import timm
import torch
import webdataset as wds
from loader_peers import Ceiling, Epoch, Files, count, plain_webdataset, torch_loader  # beside this file
from omegaconf import OmegaConf
from photos import write_photos
from rich.console import Console
from rich.table import Table
from timm.data import create_transform
from timm.data.loader import fast_collate

from skintag.core.config import instantiate
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.loading.settings import LoaderSettings
from skintag.data.shards.writer import ShardSettings, write_shards
from skintag.data.view.view import View

AUGMENT = Path(__file__).resolve().parents[2] / "configs" / "augment" / "basic.yaml"


def ours(
    folder: Path, catalog: pd.DataFrame, args: argparse.Namespace, augment: bool = False, **loader: Any
) -> Epoch:
    """Epochs of the data module's training loader."""
    frame = catalog.assign(
        split="train", target=0, target_condition=0, weight=1.0, sampling_weight=1.0, group_index=0
    )
    data = LesionDataModule(
        view=View(frame, None, (), 10, ""),  # type: ignore[arg-type]
        prepared=folder,
        image_size=args.size,
        augmentation=instantiate(OmegaConf.load(AUGMENT)) if augment else None,
        seed=0,
        loader=LoaderSettings(batch_size=args.batch, num_workers=args.workers, **loader),
    )
    train, epoch = data.train_dataloader(), iter(range(10**9))

    def run() -> int:
        train.set_epoch(next(epoch))
        return count(train, lambda batch: batch["image"])

    return run


def catalog_of(paths: Sequence[Path], root: Path) -> pd.DataFrame:
    """What the shards need of a catalog."""
    names = [path.stem for path in paths]
    return pd.DataFrame(
        {
            "image_id": [f"ham10000/{name}" for name in names],
            "dataset": "ham10000",
            "domain": "dermoscopic",
            "path": [str(path.relative_to(root)) for path in paths],
            "status": "ok",
            "content_hash": None,
        }
    )


def build(folder: Path, args: argparse.Namespace) -> dict[str, tuple[str, Callable[[], Epoch]]]:
    """Row name -> what it does, and what makes its epochs."""
    root = folder / "photos"
    paths = write_photos(root, args.images, args.width, args.height)
    catalog = catalog_of(paths, root)
    for name, side in (("as_they_are", max(args.width, args.height)), ("default", 512)):
        settings = ShardSettings(longest_side=side, samples_per_shard=max(1, args.images // 8))
        write_shards(catalog, {"ham10000": root}, folder / name, settings)
    same, small = folder / "as_they_are", folder / "default"
    timm_options: dict[str, Any] = {"input_size": args.size, "mean": (0.5,) * 3, "std": (0.5,) * 3}

    def files(
        images: Callable[[Any], Any] = lambda batch: batch[0], collate: Any = None, **options: Any
    ) -> Epoch:
        transform = create_transform(**timm_options, **options)
        return torch_loader(
            Files(paths, transform),
            args.workers,
            images,
            batch_size=args.batch,
            shuffle=True,
            collate_fn=collate,
        )

    return {
        "ceiling": ("libjpeg decode, resize; nothing else", lambda: Ceiling(paths, args.size, args.workers)),
        "indexed": ("ours, by offset", lambda: ours(same, catalog, args)),
        "stream": ("ours, webdataset", lambda: ours(same, catalog, args, mode="stream")),
        "indexed 512": ("ours, shards at 512 px (default)", lambda: ours(small, catalog, args)),
        "indexed basic": ("ours, augment=basic", lambda: ours(same, catalog, args, augment=True)),
        "webdataset": (
            "plain pipeline, Pillow, uint8",
            lambda: plain_webdataset(same, args.size, args.batch, args.workers),
        ),
        "files eval": (
            "Dataset over files, timm eval, float",
            lambda: files(is_training=False, crop_pct=1.0, crop_mode="squash", interpolation="bicubic"),
        ),
        "files train": (
            "Dataset over files, timm train, float",
            lambda: files(is_training=True, interpolation="bicubic", color_jitter=None),
        ),
        "files uint8": (
            "as eval, timm's uint8 collate",
            lambda: files(
                collate=fast_collate, is_training=False, crop_pct=1.0, crop_mode="squash",
                interpolation="bicubic", use_prefetcher=True,
            ),
        ),
    }  # fmt: skip


def measure(epochs: dict[str, Epoch], rounds: int, console: Console) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Images per second, and milliseconds of processor time per image over all processes; each [rounds, rows].

    A round has an epoch of each row: all share good and bad times.
    """
    for epoch in epochs.values():
        epoch()  # workers start, files come into the page cache
    speeds: list[dict[str, float]] = []
    costs: list[dict[str, float]] = []
    for i in range(rounds):
        speeds.append({})
        costs.append({})
        for name, epoch in epochs.items():
            began, used = time.perf_counter(), processor_seconds()
            images = epoch()
            speeds[-1][name] = images / (time.perf_counter() - began)
            costs[-1][name] = 1000 * (processor_seconds() - used) / images
        shown = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds[-1].items())
        console.print(f"round {i + 1} (load {os.getloadavg()[0]:.1f}): {shown}", highlight=False)
    return pd.DataFrame(speeds), pd.DataFrame(costs)


def processor_seconds() -> float:
    """Processor time of this process and all below it; nan where there is no /proc."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours, grown = {os.getpid()}, True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours, grown = ours | below, bool(below)
    return sum(seconds[pid] for pid in ours) if seconds else float("nan")


def report(
    speeds: pd.DataFrame, costs: pd.DataFrame, what: dict[str, str], args: argparse.Namespace
) -> Table:
    """Medians, and for each row its median share of the ceiling and of the files row, round by round."""
    table = Table(
        title=f"images/s: {args.images} JPEGs, {args.width}x{args.height} to {args.size} px, "
        f"{args.workers} workers, batch {args.batch}, median of {len(speeds)}"
    )
    for column in ("row", "what", "images/s", "min - max", "of ceiling", "x files eval", "CPU ms"):
        table.add_column(column, justify="left" if column in ("row", "what") else "right")
    for name in speeds:
        column = speeds[name]
        share = (column / speeds["ceiling"]).median() if "ceiling" in speeds else float("nan")
        times = (column / speeds["files eval"]).median() if "files eval" in speeds else float("nan")
        table.add_row(
            name, what[name], f"{column.median():.0f}", f"{column.min():.0f} - {column.max():.0f}",
            f"{share:.0%}", f"{times:.1f}", f"{costs[name].median():.2f}",
        )  # fmt: skip
    return table


def main() -> None:
    """Make the photos and shards, measure every row, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--width", type=int, default=600)
    parser.add_argument("--height", type=int, default=450)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=None, help="rows to measure")
    args = parser.parse_args()
    console = Console(width=130)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    wds.utils.enforce_security = False  # the plain pipeline reads local files, which the secure mode refuses
    with tempfile.TemporaryDirectory() as folder:
        rows = build(Path(folder), args)
        chosen = {name: row for name, row in rows.items() if not args.only or name in args.only}
        epochs = {name: make() for name, (_, make) in chosen.items()}
        speeds, costs = measure(epochs, args.rounds, console)
        console.print(report(speeds, costs, {name: what for name, (what, _) in rows.items()}, args))
    console.print(f"torch {torch.__version__}, timm {timm.__version__}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
