"""The prepared folder of a run: there already, or made now; and what kind of pictures lie in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.hashing import file_sha256
from skintag.core.io import read_json, write_json
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.prepared.settings import DataSettings
from skintag.data.prepared.writing import write_prepared
from skintag.data.shards.format import Manifest, shard_folder
from skintag.data.sources import raw_folder
from skintag.data.sources.description import is_description

ORIGIN: Final = "origin.json"
# Below this the published systems' input (224 to 384 pixels) is mostly interpolation.
_LOW_RESOLUTION: Final = 224
_SAMPLE: Final = 64  # pictures of a dataset whose bytes tell whether a raw folder elsewhere is the same


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
    return bool(data.synthetic) or all(_folder(place) is not None for place in data.sources.values())


def prepare_data(data: DataSettings, *, verify: bool = False) -> Path:
    """Prepare what `data` describes, afresh or again, and return the prepared folder.

    A synthetic benchmark is drawn first where it is not there. What is done already is not done again; with `verify`,
    shards that are there are read whole, and damaged ones written again.

    Raises:
        ConfigError: a value makes no sense.
        DataError: see `skintag.data.prepared.writing.write_prepared`.
    """
    if data.synthetic:
        _draw_benchmark(data)
    out = write_prepared(data, verify=verify)
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
    """Refuse a folder that was prepared from other raw pictures (if they are here), or drawn with other knobs.

    Where raw folders lie plays no part, for a checkout may be copied or renamed; what lies in them does.
    """
    path = prepared / ORIGIN
    found, wanted = (read_json(path) if path.is_file() else {}), data.origin
    differs = [] if found.get("synthetic") == wanted["synthetic"] else ["the knobs of the benchmark"]
    for name, root in wanted["sources"].items():
        known = found.get("sources", {}).get(name)
        # a prepared folder may have been copied to a machine without the raw ones
        if known is None or known == root or (folder := _folder(root)) is None:
            continue
        if (other := _other_picture(prepared, name, folder)) is not None:
            differs.append(f"{name} from {known}, and {other} is not as it was there")
    if differs:
        raise DataError(
            path,
            expected=f"prepared from what is asked for: {wanted['synthetic'] or 'the folders in data.sources'}",
            found=f"{found.get('synthetic') or 'other raw folders'}; it differs in {first_few(differs)}",
            fix="name another folder (paths.prepared=...), or delete this one to prepare it again",
        )


def _folder(place: str) -> Path | None:
    """The folder with a dataset's pictures; None where it is not on this machine."""
    if is_description(place) and not Path(place).is_file():
        return None
    folder = raw_folder(place)
    return folder if folder.is_dir() else None


def _other_picture(prepared: Path, dataset: str, root: Path) -> Path | None:
    """A picture below `root` that is not the one that was prepared; None where sizes and a sample agree."""
    catalog = read_catalog(prepared / CATALOG)
    rows = catalog[catalog["dataset"].eq(dataset) & catalog["status"].eq("ok")]
    paths = [root / path for path in rows["path"]]
    for path, size in zip(paths, rows["file_bytes"], strict=True):
        if not path.is_file() or path.stat().st_size != size:
            return path
    hashes = rows["content_hash"].tolist()
    for i in range(0, len(paths), max(1, len(paths) // _SAMPLE)):
        if file_sha256(paths[i]) != hashes[i]:
            return paths[i]
    return None


def resolution_note(catalog: pd.DataFrame) -> str | None:
    """What has to stand beside every figure where the pictures are small; None where they are not.

    Args:
        catalog: CATALOG_COLUMNS.
    """
    usable = catalog[catalog["status"] == "ok"]
    side = usable[["width", "height"]].min(axis=1).median()
    return f"low-resolution images, median {side:.0f} px" if side < _LOW_RESOLUTION else None
