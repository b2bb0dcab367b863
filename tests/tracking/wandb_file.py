"""Reads back what W&B wrote offline: the records of a `.wandb` file, as its protobuf describes them.

The file is LevelDB's log format (blocks of 32 KiB; a record is one whole piece or several) behind a header of seven
bytes: https://github.com/google/leveldb/blob/main/doc/log_format.md
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

HEADER, BLOCK, PIECE = 7, 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """What one `.wandb` file holds."""

    folder: Path
    run: Any = None
    """The protobuf record of the run: id, project, group, job type, name, tags."""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[str, list[str]] = field(default_factory=dict)
    """Name -> files in it."""
    finished: bool = False

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a logged table, from its media file."""
        entry = next(row[name] for row in reversed(self.history) if name in row)
        content = json.loads((self.folder / "files" / entry["path"]).read_text())
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]

    def media(self, name: str) -> Path:
        """The file of a logged picture or page."""
        entry = next(row[name] for row in reversed(self.history) if name in row)
        return self.folder / "files" / entry["path"]


def read_offline(folder: Path, patience: float = 30.0) -> list[OfflineRun]:
    """Every offline W&B run below a run folder, oldest first.

    `finish` comes back a moment before the file is written to its end: runs that have none are waited for.
    """
    while True:
        runs = [_read(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
        if all(run.finished for run in runs) or patience <= 0:
            return runs
        time.sleep(0.1)
        patience -= 0.1


def _read(path: Path) -> OfflineRun:
    out = OfflineRun(path.parent)
    for payload in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(payload)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            out.run = record.run
            _update(out.config, record.run.config.update)
        elif kind == "config":
            _update(out.config, record.config.update)
        elif kind == "summary":
            _update(out.summary, record.summary.update)
        elif kind == "history":
            row: dict[str, Any] = {}
            _update(row, record.history.item)
            out.history.append(row)
        elif kind == "artifact":
            out.artifacts[record.artifact.name] = [entry.path for entry in record.artifact.manifest.contents]
        elif kind == "exit":
            out.finished = True
    return out


def _update(target: dict[str, Any], items: Any) -> None:
    """Keys may be nested; values are JSON."""
    for item in items:
        keys = list(item.nested_key) or [item.key]
        place = target
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = json.loads(item.value_json)


def _records(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B", "no W&B file"
    offset, parts = HEADER, b""
    while offset + PIECE <= len(data):
        left = BLOCK - offset % BLOCK
        if left < PIECE:  # the rest of a block that no piece fits into is zeros
            offset += left
            continue
        checksum, length, kind = struct.unpack("<IHB", data[offset : offset + PIECE])
        piece = data[offset + PIECE : offset + PIECE + length]
        if len(piece) < length:
            return  # still being written
        assert zlib.crc32(piece, zlib.crc32(bytes([kind]))) == checksum, f"damaged at byte {offset}"
        parts = piece if kind in (FULL, FIRST) else parts + piece
        if kind in (FULL, LAST):
            yield parts
        offset += PIECE + length
