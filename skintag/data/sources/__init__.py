"""Raw dataset folders to records: one adapter per dataset, one schema for all.

A module of this package that decorates a function with `registry.source` adds a dataset; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from skintag.data.catalog.records import SourceTable
from skintag.data.sources.folder import scan_folder
from skintag.data.sources.registry import adapter_of, registered, source

__all__ = ["SourceTable", "adapter_of", "read_source", "registered", "source"]

for _module in pkgutil.iter_modules(__path__):  # adapters register themselves
    importlib.import_module(f"{__name__}.{_module.name}")


def read_source(dataset: str, root: Path) -> SourceTable:
    """Records of one dataset, from its raw folder.

    Images are looked up by name and not opened. A row whose image is not there is kept, its path null.

    Args:
        dataset: one of `registered()`.
        root: the raw folder, as the publisher lays it out or nested deeper.

    Raises:
        ConfigError: no such dataset.
        DataError: the folder or its metadata file is missing, or a row makes no sense.
    """
    adapter = adapter_of(dataset)
    return adapter.read(scan_folder(dataset, Path(root)))
