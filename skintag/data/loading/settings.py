"""How images get from the shards to the model: the choices in configs/loader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from skintag.core.errors import ConfigError, near_matches
from skintag.core.settings import number

MODES: Final = ("indexed", "stream")


@dataclass(frozen=True)
class LoaderSettings:
    """How images get from the shards to the model (configs/loader)."""

    mode: str = "indexed"
    """`indexed`: training images read by offset, exact epochs; `stream`: shards read front to back."""
    batch_size: int = number(least=1, default=64)
    """Training images per step and process."""
    eval_batch_size: int = number(least=1, default=128)
    """Images per step and process in validation and test."""
    num_workers: int | None = number(least=0, default=None)
    """Worker processes of each loader; null: the processor cores of this process's share, at most 8.

    More than eight rarely help: one core prepares well over 500 images of 384 px a second.
    """
    prefetch_factor: int = number(least=1, default=2)
    """Batches that each worker prepares ahead."""
    fit: str = "squash"
    """Validation and test: the whole image into the square (`squash`), its `center_crop`, or `pad` it with black."""
    start_method: str = "forkserver"
    """How workers are started: `forkserver`, `spawn` or `fork`."""
    url: str | None = None
    """Where the tars lie if not in the prepared folder: an http(s) address; `<dataset>/<shard>.tar` follows.

    Manifests and indexes are read from the prepared folder all the same; they are small.
    """
    shuffle_buffer: int = number(least=1, default=1000)
    """Mode `stream`: encoded images that each worker holds and picks the next from (about 0.1 MB each)."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"loader.mode={self.mode!r}: {near_matches(self.mode, MODES)}")
        for name in ("batch_size", "eval_batch_size", "prefetch_factor", "shuffle_buffer"):
            if getattr(self, name) < 1:
                raise ConfigError(f"loader.{name}={getattr(self, name)}: expected at least 1")
        if self.num_workers is not None and self.num_workers < 0:
            raise ConfigError(f"loader.num_workers={self.num_workers}: expected 0 or more, or null")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"loader.url={self.url!r}: expected an http:// or https:// address")

    def workers(self, world_size: int = 1) -> int:
        """Worker processes of each loader, where `world_size` processes share the machine."""
        if self.num_workers is not None:
            return self.num_workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(8, cores // world_size))


DEFAULTS: Final = LoaderSettings()
