"""Images into shards: once per dataset, shrunk and upright, as JPEGs in tars that are never changed again.

Everything that an ablation varies lives in a view (skintag.data.view.view); labels are not in the shards. Within a
dataset the images are ordered by a hash of their image_id, so that reading a shard from front to back already
mixes classes and patients.
"""

from __future__ import annotations

import errno
import io
import re
import tarfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.core.io import atomic_path, write_json
from skintag.core.locks import alone
from skintag.core.progress import track
from skintag.data.catalog.schema import check_unique
from skintag.data.images.encoding import Encoded, ShardSettings, encode_all
from skintag.data.shards.format import (
    BLOCK,
    INDEX_COLUMNS,
    Manifest,
    ShardEntry,
    member_name,
    shard_folder,
    write_index,
)
from skintag.data.shards.plan import Plan, entry_of, finished_entry, make_way, plan_shards

# WebDataset takes all after the first dot for the suffix; a longer name does not fit into one header block.
_NAME: Final = re.compile(r"[^./\\\x00-\x1f]+(/[^./\\\x00-\x1f]+)*")
_LONGEST_NAME: Final = tarfile.LENGTH_NAME
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class ShardReport:
    """What `write_shards` found and what it wrote."""

    images: int
    """In the shards of all datasets."""
    shards: int
    """Tars of all datasets."""
    bytes: int
    """Size of all tars together."""
    written: int
    """Shards written by this call; the others were there already."""
    unchanged: int
    """Images, of those written by this call, that are stored with the very bytes of their source."""


def write_shards(
    catalog: pd.DataFrame,
    roots: Mapping[str, Path],
    out: Path,
    settings: ShardSettings | None = None,
    workers: int = 1,
    *,
    verify: bool = False,
) -> ShardReport:
    """Write the readable images of a catalog as shards under `out/shards/<dataset>/`.

    A shard that is there and was made of the same images with the same settings is kept, so a killed call is
    taken up where it stopped. Each file appears whole or not at all, and the manifest of a dataset last. A
    second process that writes into the same folder waits for the first, and then finds all done.

    Args:
        catalog: rows with CATALOG_COLUMNS; those with status `ok` are written.
        roots: dataset -> its raw folder, which `path` is relative to.
        out: the prepared folder.
        settings: how to store the images.
        workers: processes that decode and encode.
        verify: whether shards that are there are read whole; a damaged one is written again.

    Raises:
        DataError: the folder has finished shards of other images or settings, an image has changed since it
            was catalogued, an image_id cannot be a file name in a tar, or the disk is full.
        ImageError: an image cannot be decoded.
    """
    settings = settings or ShardSettings()
    check_unique(catalog, "catalog")
    usable = catalog[catalog["status"] == "ok"]
    _check_names(usable["image_id"])
    plans = {
        dataset: plan_shards(usable[usable["dataset"] == dataset], Path(roots[dataset]), out, settings)
        for dataset in sorted(catalog["dataset"].unique())
    }
    with alone(out / "shards"):
        return _write(plans, out, settings, workers, verify)


def _write(
    plans: Mapping[str, list[Plan]], out: Path, settings: ShardSettings, workers: int, verify: bool
) -> ShardReport:
    """Write what of the plans is not there yet, and the manifests."""
    for dataset, wanted in plans.items():
        make_way(shard_folder(out, dataset), wanted, settings)
    every_plan = [plan for wanted in plans.values() for plan in wanted]
    looked_at = track(every_plan, "reading shards whole", total=len(every_plan)) if verify else every_plan
    entries = {plan.path: finished_entry(plan, verify=verify) for plan in looked_at}
    todo = [plan for wanted in plans.values() for plan in wanted if entries[plan.path] is None]
    sources = [source for plan in todo for source in plan.sources]
    encoded = track(encode_all(sources, settings, workers), "writing shards", total=len(sources))
    unchanged = 0
    for dataset, wanted in plans.items():
        for plan in wanted:
            if entries[plan.path] is None:
                images = list(islice(encoded, len(plan.sources)))
                unchanged += sum(image.unchanged for image in images)
                entries[plan.path] = _write_shard(plan, images)
        done = tuple(entry for plan in wanted if (entry := entries[plan.path]) is not None)
        _write_manifest(shard_folder(out, dataset), Manifest(dataset, asdict(settings), done))
    deque(encoded, maxlen=0)  # lets the progress bar come to its end
    every = [entry for entry in entries.values() if entry is not None]
    return ShardReport(
        images=sum(entry.samples for entry in every),
        shards=len(every),
        bytes=sum(entry.bytes for entry in every),
        written=len(todo),
        unchanged=unchanged,
    )


def _check_names(image_ids: pd.Series) -> None:
    bad = [i for i in image_ids if not _NAME.fullmatch(i) or len(member_name(i).encode()) > _LONGEST_NAME]
    if bad:
        raise DataError(
            "catalog",
            expected=f"image_ids without dots or backslashes, at most {_LONGEST_NAME - 4} bytes long",
            found=first_few(bad),
            fix="let the dataset's adapter (skintag/data/sources) give such ids",
        )


def _write_shard(plan: Plan, images: list[Encoded]) -> ShardEntry:
    """Write the tar, then its index; a tar without an index counts for nothing."""
    rows = []
    with _room_on_disk(plan.path):
        with atomic_path(plan.path) as part:
            with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
                for image_id, image in zip(plan.image_ids, images, strict=True):
                    info = tarfile.TarInfo(member_name(image_id))  # mtime 0, uid 0: equal images, equal tar
                    info.size = len(image.data)
                    rows.append((image_id, tar.offset + BLOCK, info.size, sha256(image.data).hexdigest()))
                    tar.addfile(info, io.BytesIO(image.data))
            origin = plan.origin.of(part)
        index = pd.DataFrame(rows, columns=list(INDEX_COLUMNS))
        write_index(plan.path, index, origin)
    return entry_of(plan, origin)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with _room_on_disk(folder):
        write_json(folder / "manifest.json", manifest.to_dict())


@contextmanager
def _room_on_disk(path: Path) -> Iterator[None]:
    """Turn the system's "no space left" into a DataError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DataError(
            path,
            expected="room on the disk",
            found=f"{error.strerror}",
            fix="make room or choose another folder, then run it again: finished shards are kept",
        ) from error
