"""Raw dataset folders to records: one adapter per dataset, one schema for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from skintag.core.errors import ConfigError, near_matches
from skintag.data.sources import bcn20000, ddi, fitzpatrick17k, ham10000, pad_ufes_20
from skintag.data.sources.common import SourceTable
from skintag.data.sources.folder import RawFolder, scan_folder

__all__ = ["SourceTable", "read_source"]

_READERS: Final[dict[str, Callable[[RawFolder], SourceTable]]] = {
    "ham10000": ham10000.read,
    "bcn20000": bcn20000.read,
    "fitzpatrick17k": fitzpatrick17k.read,
    "ddi": ddi.read,
    "pad_ufes_20": pad_ufes_20.read,
}


def read_source(dataset: str, root: Path) -> SourceTable:
    """Records of one dataset, from its raw folder.

    Images are looked up by name and not opened. A row whose image is not there is kept, its path null.

    Args:
        dataset: one of `skintag.data.catalog.schema.DATASETS`.
        root: the raw folder, as the publisher lays it out or nested deeper.

    Raises:
        ConfigError: no such dataset.
        DataError: the folder or its metadata file is missing, or a row makes no sense.
    """
    if dataset not in _READERS:
        raise ConfigError(f"data.sources.{dataset}: no such dataset; {near_matches(dataset, _READERS)}")
    return _READERS[dataset](scan_folder(dataset, Path(root)))
