"""The prepared folder of a run: there already, or made now; and what kind of pictures lie in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.io import read_json, write_json
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.prepared.settings import DataSettings
from skintag.data.prepared.writing import write_prepared
from skintag.data.shards.format import Manifest, shard_folder

ORIGIN: Final = "origin.json"
# Below this the published systems' input (224 to 384 pixels) is mostly interpolation.
_LOW_RESOLUTION: Final = 224


def ensure_prepared(data: DataSettings) -> Path:
    """The prepared folder that `data` names, made first where it is not there, or was not finished.

    Raw folders are not looked at again once they are prepared: `skintag prepare` does that.

    Raises:
        DataError: the raw folders cannot be read, or what lies there was made with other settings.
    """
    prepared = Path(data.prepared)
    if not (prepared / CATALOG).is_file() or _was_left_unfinished(data, prepared):
        return prepare_data(data)
    _check_origin(data, prepared)
    wanted = vars(data.shards)
    for dataset in data.sources:
        found = Manifest.read(shard_folder(prepared, dataset)).settings
        if found != wanted:
            raise DataError(
                shard_folder(prepared, dataset),
                expected=f"shards written with {wanted}",
                found=f"shards written with {found}",
                fix="name another folder (paths.prepared=...), or give the settings that are there",
            )
    return prepared


def _was_left_unfinished(data: DataSettings, prepared: Path) -> bool:
    """Whether the file that is written last is not there, and the raw folders are, to go on with."""
    if (prepared / ORIGIN).is_file():
        return False
    return bool(data.synthetic) or all(Path(root).is_dir() for root in data.sources.values())


def prepare_data(data: DataSettings) -> Path:
    """Prepare what `data` describes, afresh or again, and return the prepared folder.

    A synthetic benchmark is drawn first where it is not there. What is done already is not done again.

    Raises:
        ConfigError: a value makes no sense.
        DataError: see `skintag.data.prepared.writing.write_prepared`.
    """
    if data.synthetic:
        _draw_benchmark(data)
    out = write_prepared(data)
    if not (out / ORIGIN).is_file() or read_json(out / ORIGIN) != data.origin:
        write_json(out / ORIGIN, data.origin)
    return out


def catalog_of(prepared: Path, sources: list[str]) -> pd.DataFrame:
    """The prepared catalog's rows of the datasets that are asked for.

    Raises:
        ConfigError: one of them is not in the folder.
    """
    catalog = read_catalog(prepared / CATALOG)
    absent = sorted(set(sources) - set(catalog["dataset"].unique()))
    if absent:
        raise ConfigError(f"data.sources: {', '.join(absent)} is not in {prepared}; skintag prepare adds it")
    return catalog[catalog["dataset"].isin(sources)].reset_index(drop=True)


def _draw_benchmark(data: DataSettings) -> None:
    """Draw the synthetic benchmark unless it is there; DataError where the folder holds one with other settings."""
    from skintag.data.synthetic import SyntheticSettings, write_benchmark

    knobs = dict(data.synthetic or {})
    out = Path(knobs.pop("out"))
    write_benchmark(out, SyntheticSettings(**knobs), workers=data.workers or os.cpu_count() or 1)


def _check_origin(data: DataSettings, prepared: Path) -> None:
    """Refuse a folder that was prepared from other raw folders (if they are here), or drawn with other knobs."""
    path = prepared / ORIGIN
    found, wanted = (read_json(path) if path.is_file() else {}), data.origin
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
