"""Raw dataset folders to records: one adapter per dataset, one schema for all.

A module of this package that decorates a function with `registry.source` adds a dataset; nothing else names it. A YAML
file (`description`) adds one without Python.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from skintag.data.catalog.records import SourceTable
from skintag.data.sources.described import pictures_of, read_described
from skintag.data.sources.description import check_name, is_description
from skintag.data.sources.folder import scan_folder
from skintag.data.sources.registry import adapter_of, registered, source

__all__ = ["SourceTable", "adapter_of", "check_source", "raw_folder", "read_source", "registered", "source"]

for _module in pkgutil.iter_modules(__path__):  # adapters register themselves
    importlib.import_module(f"{__name__}.{_module.name}")


def read_source(dataset: str, place: Path) -> SourceTable:
    """Records of one dataset, from its raw folder, or from a YAML file that describes it.

    Images are looked up by name and not opened. A row whose image is not there is kept, its path null.

    Args:
        dataset: one of `registered()`; any name where `place` is a description.
        place: the raw folder, as the publisher lays it out or nested deeper; or a description.

    Raises:
        ConfigError: no such dataset, or a description that makes no sense.
        DataError: the folder or its metadata file is missing, or a row makes no sense.
    """
    if is_description(place):
        return read_described(dataset, Path(place))
    adapter = adapter_of(dataset)
    return adapter.read(scan_folder(dataset, Path(place)))


def check_source(dataset: str, place: str) -> None:
    """Raise ConfigError where nothing could read a dataset of that name from that place; neither is opened."""
    if is_description(place):
        check_name(dataset)
    else:
        adapter_of(dataset)


def raw_folder(place: str | Path) -> Path:
    """The folder that a dataset's pictures lie in, whether it is named itself or in a description.

    Raises:
        ConfigError, DataError: the description cannot be read.
    """
    return pictures_of(Path(place)) if is_description(place) else Path(place)
