"""The fitted probes of a bundle, found by the files that are there and read by what is registered for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError
from skintag.core.vocabulary import FEATURES

if TYPE_CHECKING:
    from skintag.probes.base import Probe


def probe_names(folder: Path) -> tuple[str, ...]:
    """What the predictions table calls the probes of a folder; none where the bundle has none. Reads no probe."""
    return tuple(_records(folder))


def check_name(folder: Path, name: str, names: tuple[str, ...]) -> None:
    """Raise DataError where a bundle's deployed probe is none of those that it has."""
    if name not in names:
        found = f"the probes {', '.join(names) or 'none'}"
        raise DataError(folder, expected=f"the deployed probe {name!r}", found=found, fix=AGAIN)


def read_probe(folder: Path, name: str) -> Probe:
    """One of `probe_names`. No file says which class reads it: only what is registered by its name may.

    Raises:
        KeyError: the folder has no such probe.
        ConfigError: a library that the probe needs is not installed.
        DataError: its files are damaged, or no probe of that name is registered.
    """
    from skintag.probes.base import PROBES

    record = _records(folder)[name]
    if record.stem not in PROBES:
        raise DataError(
            record,
            expected=f"a probe that is registered: {', '.join(PROBES)}",
            found=f"one named {record.stem!r}",
            fix="if it is your own, import the module that defines it before you read the bundle",
        )
    return PROBES[record.stem].load(record.parent)


def _records(folder: Path) -> dict[str, Path]:
    """Name in the predictions table -> the file that says what the probe is."""
    found = {path.stem: path for path in sorted(folder.glob("*.json"))}
    for feature in FEATURES:
        found |= {f"{path.stem}_{feature}": path for path in sorted((folder / feature).glob("*.json"))}
    return found
