"""The prepared folder of a run: there already, or made now; and what kind of pictures lie in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from skintag.data.prepare import CATALOG, PrepareSettings
from skintag.data.shard_format import Manifest, shard_folder
from skintag.errors import DataError
from skintag.prepare import draw_benchmark, prepare_data

# Below this the published systems' input (224 to 384 pixels) is mostly interpolation.
_LOW_RESOLUTION = 224


def ensure_prepared(data: DictConfig) -> Path:
    """The prepared folder that a choice of the `data` group names, made first where it is not there.

    Raw folders are not looked at again once they are prepared: `python -m skintag.prepare` does that.

    Args:
        data: the composed `data` group, see `configs/data`.

    Raises:
        DataError: the raw folders cannot be read, or what lies there was made with other settings.
    """
    prepared = Path(data.prepared)
    if not (prepared / CATALOG).is_file():
        return prepare_data(data)
    if data.get("synthetic"):
        draw_benchmark(data)  # returns at once, unless other knobs are asked for
    wanted = PrepareSettings(
        sources=dict(data.sources),
        out=str(prepared),
        longest_side=data.longest_side,
        quality=data.quality,
        samples_per_shard=data.samples_per_shard,
    ).shards
    for dataset in data.sources:
        found = Manifest.read(shard_folder(prepared, dataset)).settings
        if found != vars(wanted):
            raise DataError(
                shard_folder(prepared, dataset),
                expected=f"shards written with {vars(wanted)}",
                found=f"shards written with {found}",
                fix="name another folder (paths.prepared=...), or give the settings that are there",
            )
    return prepared


def resolution_note(catalog: pd.DataFrame) -> str | None:
    """What has to stand beside every figure where the pictures are small; None where they are not.

    Args:
        catalog: CATALOG_COLUMNS.
    """
    usable = catalog[catalog["status"] == "ok"]
    side = usable[["width", "height"]].min(axis=1).median()
    return f"low-resolution images, median {side:.0f} px" if side < _LOW_RESOLUTION else None
