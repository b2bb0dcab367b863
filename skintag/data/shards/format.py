"""How shards lie on a disk: their names, the manifest, the index beside each, and what makes them whole.

A prepared folder holds `shards/<dataset>/` with, for every shard,

    <dataset>-00000.tar             the images, as `<image_id>.jpg`
    <dataset>-00000.index.parquet   image_id, offset, length, sha256; in the order of the tar

and one `manifest.json`, written last: a folder without it is not finished.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skintag.core.checksums import Damaged
from skintag.core.errors import DataError, first_few
from skintag.core.hashing import file_sha256
from skintag.core.io import read_json
from skintag.core.parquet import check_parquet, write_table
from skintag.data.catalog.schema import conform

FORMAT: Final = 1
SUFFIX: Final = ".jpg"
INDEX_COLUMNS: Final = {"image_id": "str", "offset": "int64", "length": "int64", "sha256": "str"}
BLOCK: Final = tarfile.BLOCKSIZE  # 512: a member's data follows its one header block
PREPARE: Final = "run skintag prepare again; finished shards are kept"
_ORIGIN: Final = b"skintag.origin"  # key in an index file's metadata


@dataclass(frozen=True)
class ShardEntry:
    """What the manifest says of one shard."""

    name: str
    """File name, `<dataset>-00000.tar`."""
    samples: int
    """Images in it."""
    bytes: int
    """Size of the tar."""
    sha256: str
    """Of the tar, hex."""
    index_sha256: str
    """Of the index file, hex."""


@dataclass(frozen=True)
class Manifest:
    """The shards of one dataset, and the settings that they were written with."""

    dataset: str
    """Its name, the first part of every shard's."""
    settings: dict[str, Any]
    """Of `ShardSettings`."""
    shards: tuple[ShardEntry, ...]
    """By number; together they hold every usable image once."""

    @property
    def samples(self) -> int:
        """Number of images in all shards together."""
        return sum(shard.samples for shard in self.shards)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as manifest.json holds them."""
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "samples": self.samples,
            "settings": self.settings,
            "shards": [asdict(shard) for shard in self.shards],
        }

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in `folder`.

        Raises:
            DataError: there is none, or not one of this format.
        """
        path = folder / "manifest.json"
        expected = f"the manifest of finished shards, format {FORMAT}"
        try:
            raw = read_json(path)
            if raw["format"] != FORMAT:
                fix = f"delete the folder {folder} and {PREPARE}"
                raise DataError(path, expected=expected, found=f"format {raw['format']}", fix=fix)
            return cls(raw["dataset"], raw["settings"], tuple(ShardEntry(**s) for s in raw["shards"]))
        except FileNotFoundError as error:
            raise DataError(path, expected=expected, found="no such file", fix=PREPARE) from error
        except (ValueError, KeyError, TypeError) as error:
            fix = f"delete this file and {PREPARE}"
            raise DataError(path, expected=expected, found=f"{error!r}", fix=fix) from error


@dataclass(frozen=True)
class Origin:
    """What a shard was made of; kept in its index file's metadata, so that each shard can be judged alone."""

    settings: dict[str, Any]
    """Of `ShardSettings`."""
    members: str
    """Content key of the image_ids in order and of the source files' hashes."""
    bytes: int = field(default=0, compare=False)
    """Size of the tar, once it is written."""
    sha256: str = field(default="", compare=False)
    """Of the tar, hex, once it is written."""

    def of(self, shard: Path) -> Origin:
        """This origin, with size and hash of the tar that was made."""
        return replace(self, bytes=shard.stat().st_size, sha256=file_sha256(shard))


def shard_folder(prepared: Path, dataset: str) -> Path:
    """Where the shards of a dataset lie in a prepared folder."""
    return prepared / "shards" / dataset


def index_of(shard: Path) -> Path:
    """The index beside a shard."""
    return shard.with_suffix(".index.parquet")


def member_name(image_id: str) -> str:
    """Name of an image inside its tar."""
    return image_id + SUFFIX


def read_index(shard: Path, entry: ShardEntry) -> pd.DataFrame:
    """The index of one shard, INDEX_COLUMNS.

    Raises:
        DataError: it is missing, is not the one written with this shard, or points outside it.
    """
    path = index_of(shard)
    expected = f"the index written with {entry.name} ({entry.samples} images)"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(path, expected=expected, found="no such file", fix=PREPARE) from error
    if (digest := sha256(data).hexdigest()) != entry.index_sha256:
        found = f"a file with SHA-256 {digest[:12]}..., the manifest has {entry.index_sha256[:12]}..."
        raise DataError(path, expected=expected, found=found, fix=f"delete it and {PREPARE}")
    index = conform(pd.read_parquet(path), INDEX_COLUMNS, path)
    ends = index["offset"] + index["length"]
    inside = len(index) > 0 and index["offset"].min() >= BLOCK and ends.max() <= entry.bytes
    if len(index) != entry.samples or not inside:
        found = f"{len(index)} images, the last one ending at byte {ends.max()} of {entry.bytes}"
        raise DataError(path, expected=expected, found=found, fix=f"delete it and {PREPARE}")
    return index


def write_index(shard: Path, index: pd.DataFrame, origin: Origin) -> None:
    """Write the index of a shard (INDEX_COLUMNS), atomically."""
    table = pa.Table.from_pandas(conform(index, INDEX_COLUMNS, shard), preserve_index=False)
    table = table.replace_schema_metadata({_ORIGIN: json.dumps({"format": FORMAT, **asdict(origin)})})
    write_table(table, index_of(shard))


def read_origin(shard: Path) -> Origin | None:
    """What the shard was made of, by its index; None where that is missing, damaged or of another format."""
    try:
        check_parquet(index_of(shard))
        raw = json.loads((pq.read_schema(index_of(shard)).metadata or {})[_ORIGIN])
        return Origin(**raw) if raw.pop("format") == FORMAT else None
    except (Damaged, OSError, pa.ArrowInvalid, KeyError, ValueError, TypeError):
        return None


def check_shard(shard: Path, entry: ShardEntry, index: pd.DataFrame) -> None:
    """Compare a shard's size, and the headers of its first, middle and last member, with the index.

    Raises:
        DataError: the shard is missing, cut short, or has other members where the index points.
    """
    try:
        size = shard.stat().st_size
    except FileNotFoundError as error:
        raise DataError(shard, expected="a shard", found="no such file", fix=PREPARE) from error
    if size != entry.bytes:
        raise cut_short(shard, entry.bytes, size)
    with shard.open("rb", buffering=0) as stream:
        for i in sorted({0, len(index) // 2, len(index) - 1}):
            row = index.iloc[i]
            stream.seek(row["offset"] - BLOCK)
            expected = f"{member_name(row['image_id'])} ({row['length']} bytes) at byte {row['offset']}"
            try:
                header = tarfile.TarInfo.frombuf(stream.read(BLOCK), "utf-8", "strict")
                found = f"{header.name} ({header.size} bytes)"
                right = (header.name, header.size) == (member_name(row["image_id"]), row["length"])
            except (tarfile.HeaderError, UnicodeDecodeError) as error:
                found, right = f"no header of a member ({error})", False
            if not right:
                fix = f"delete it with its index and {PREPARE}"
                raise DataError(shard, expected=expected, found=found, fix=fix)


def changed(shard: object, image_ids: Sequence[str]) -> DataError:
    """The error for a shard (or several) where these images are not the ones that were written."""
    return DataError(
        shard,
        expected="images as they were written (SHA-256 of the index)",
        found=f"{len(image_ids)} with other bytes: {first_few(list(image_ids))}",
        fix="skintag prepare verify=true writes damaged shards again from the raw images; or copy the shard again",
    )


def cut_short(shard: object, expected: int, found: int) -> DataError:
    """The error for a shard of `found` bytes that should have `expected`, or more than that."""
    return DataError(
        shard,
        expected=f"{expected:,} bytes",
        found=f"{found:,} bytes",
        fix=f"copy the shard again, or delete it and {PREPARE}",
    )
