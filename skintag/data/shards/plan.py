"""Which images go into which shard, and what of it is there already."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skintag.core.checksums import say_again
from skintag.core.errors import DataError
from skintag.core.hashing import content_key, file_sha256, hash_strings
from skintag.data.images.encoding import ShardSettings, Source
from skintag.data.shards.format import (
    Manifest,
    Origin,
    ShardEntry,
    index_of,
    read_origin,
    shard_folder,
)


@dataclass(frozen=True)
class Plan:
    """One shard to be: where, which images in which order, and from which files."""

    path: Path
    """Of the tar."""
    image_ids: tuple[str, ...]
    """In the order of the tar."""
    sources: tuple[Source, ...]
    """The raw file of each image."""
    origin: Origin
    """What its index file will say of it; its size and hash not yet known."""


def plan_shards(rows: pd.DataFrame, root: Path, out: Path, settings: ShardSettings) -> list[Plan]:
    """The shards of one dataset: its rows by hash of image_id, cut into equal parts."""
    if rows.empty:
        return []
    dataset = rows["dataset"].iloc[0]
    ids = rows["image_id"].to_numpy(dtype=object)
    order = np.lexsort((ids.astype(str), hash_strings(ids, salt="shard order")))
    rows = rows.iloc[order]
    plans = []
    for number, start in enumerate(range(0, len(rows), settings.samples_per_shard)):
        part = rows.iloc[start : start + settings.samples_per_shard]
        hashes = [h if isinstance(h, str) else None for h in part["content_hash"]]
        members = tuple(part["image_id"])
        plans.append(
            Plan(
                path=shard_folder(out, dataset) / f"{dataset}-{number:05d}.tar",
                image_ids=members,
                sources=tuple(Source(root / p, h) for p, h in zip(part["path"], hashes, strict=True)),
                origin=Origin(asdict(settings), content_key(members, hashes)),
            )
        )
    return plans


def make_way(folder: Path, plans: list[Plan], settings: ShardSettings) -> None:
    """Refuse a folder with finished shards of something else; clear an unfinished one of leftovers.

    Raises:
        DataError: the folder has shards of other settings, finished ones of other images, or a manifest that
            cannot be read.
    """
    if not folder.is_dir():
        return
    for part in folder.glob(".*.part"):  # of a killed process
        part.unlink()
    finished = Manifest.read(folder) if (folder / "manifest.json").exists() else None
    wanted = {plan.path: plan.origin for plan in plans}
    for index in sorted(folder.glob("*.index.parquet")):
        shard = index.with_name(index.name.replace(".index.parquet", ".tar"))
        origin = read_origin(shard)
        if origin is not None and origin.settings != asdict(settings):
            raise _other(folder, f"shards written with {asdict(settings)}", str(origin.settings))
        if origin != wanted.get(shard):
            if finished is not None and origin is not None:
                found = f"{shard.name} made of others"
                raise _other(folder, "shards of the images that the catalog lists", found)
            index.unlink()
            shard.unlink(missing_ok=True)
    if finished is not None and len(finished.shards) != len(plans):
        expected = f"{len(plans)} shards for the images that the catalog lists"
        raise _other(folder, expected, f"{len(finished.shards)}")


def _other(folder: Path, expected: str, found: str) -> DataError:
    fix = "shards are never changed: delete this folder, or prepare into another one"
    return DataError(folder, expected=expected, found=found, fix=fix)


def finished_entry(plan: Plan, *, verify: bool = False) -> ShardEntry | None:
    """The entry of a shard that is there, whole by its size and made of just these images; else None.

    Args:
        plan: of the shard.
        verify: whether all its bytes are read and compared with its SHA-256; a shard that differs is said, and None.
    """
    origin = read_origin(plan.path)
    if origin != plan.origin or not plan.path.exists() or plan.path.stat().st_size != origin.bytes:
        return None
    if verify and file_sha256(plan.path) != origin.sha256:
        say_again(plan.path, "it is written")
        return None
    return entry_of(plan, origin)


def entry_of(plan: Plan, origin: Origin) -> ShardEntry:
    """What the manifest says of a shard that was made; its index is on the disk."""
    return ShardEntry(
        name=plan.path.name,
        samples=len(plan.image_ids),
        bytes=origin.bytes,
        sha256=origin.sha256,
        index_sha256=file_sha256(index_of(plan.path)),
    )
