"""The prepared folder of a run: there already, or made now; and what kind of pictures lie in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from skintag.data.prepare import CATALOG, PrepareSettings
from skintag.data.shard_format import Manifest, shard_folder
from skintag.errors import DataError, first_few
from skintag.io import read_json
from skintag.prepare import ORIGIN, origin_of, prepare_data

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
    _check_origin(data, prepared)
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


def _check_origin(data: DictConfig, prepared: Path) -> None:
    """Refuse a folder that was prepared from other raw folders (if they are here), or drawn with other knobs."""
    path = prepared / ORIGIN
    found, wanted = (read_json(path) if path.is_file() else {}), origin_of(data)
    differs = [] if found.get("synthetic") == wanted["synthetic"] else ["the knobs of the benchmark"]
    for name, root in wanted["sources"].items():
        known = found.get("sources", {}).get(name)
        # a prepared folder may have been copied to a machine without the raw ones
        if known is not None and known != root and Path(root).is_dir():
            differs.append(f"{name} from {known}, not {root}")
    if differs:
        raise DataError(
            path,
            expected=f"prepared from what is asked for: {wanted['synthetic'] or 'the folders in data.sources'}",
            found=f"{found.get('synthetic') or 'other raw folders'}; it differs in {first_few(differs)}",
            fix="name another folder (paths.prepared=...), or delete this one to prepare it again",
        )


def resolution_note(catalog: pd.DataFrame) -> str | None:
    """What has to stand beside every figure where the pictures are small; None where they are not.

    Args:
        catalog: CATALOG_COLUMNS.
    """
    usable = catalog[catalog["status"] == "ok"]
    side = usable[["width", "height"]].min(axis=1).median()
    return f"low-resolution images, median {side:.0f} px" if side < _LOW_RESOLUTION else None
