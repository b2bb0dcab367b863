"""What data a run stands on: a choice of the `data` group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skintag.core.errors import ConfigError
from skintag.core.settings import number
from skintag.data.images.encoding import ShardSettings
from skintag.data.sources import check_source, registered
from skintag.data.sources.description import is_description


@dataclass(frozen=True)
class DataSettings:
    """A choice of the `data` group (configs/data): which sources, where they lie, how they are stored."""

    sources: Mapping[str, str]
    """Dataset -> its raw folder, or the YAML file that describes it."""
    prepared: str
    """The prepared folder."""
    workers: int | None = number(least=1, default=None)
    """Threads that open images, then processes that write shards; None: one per core."""
    longest_side: int = number(least=1, default=512)
    """Pixels of a stored image, see `ShardSettings`."""
    quality: int = number(least=1, default=95)
    """JPEG quality of a stored image."""
    samples_per_shard: int = number(least=1, default=1024)
    """Images in a shard."""
    name: str = "data"
    """What reports call the data."""
    note: str | None = None
    """What has to stand beside every figure, e.g. that the pictures are drawn."""
    synthetic: Mapping[str, Any] | None = None
    """Knobs of a benchmark that is drawn where it is not there, see `SyntheticSettings`, and its folder `out`."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError(
                f"data.sources: no dataset; describe one of your own (table=<file.yaml>, see docs/datasets.md), or "
                f"name at least one of {', '.join(registered())}"
            )
        for dataset, place in self.sources.items():
            check_source(dataset, place)
            if self.synthetic and is_description(place):
                raise ConfigError(
                    f"data.sources.{dataset}={place}: among drawn lesions; say data=table for this dataset alone, or "
                    "data=five beside the public ones"
                )
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"data.workers={self.workers}: expected at least 1, or null for one per core")
        _ = self.shards  # checks itself

    @property
    def shards(self) -> ShardSettings:
        """How images are stored in shards: size, quality, images in each."""
        return ShardSettings(self.longest_side, self.quality, self.samples_per_shard)

    @property
    def origin(self) -> dict[str, Any]:
        """What the prepared folder is made from: where its datasets lie, and the knobs of a drawn benchmark."""
        roots = {name: str(Path(folder).resolve()) for name, folder in self.sources.items()}
        knobs = {name: value for name, value in (self.synthetic or {}).items() if name != "out"}
        return {"sources": roots, "synthetic": knobs or None}
