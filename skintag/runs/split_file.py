"""The split file of a run: kept in its folder, so that the run can be read and gone on with wherever that lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skintag.core.errors import ConfigError
from skintag.core.io import write_bytes
from skintag.data.view.split_file import File
from skintag.data.view.split_table import settings_beside

if TYPE_CHECKING:
    from skintag.runs.settings import RunSettings

OWN: Final = "split.csv"
"""Its name in a run folder; its settings, where it came with them, are `split.json`."""


def keep_split(settings: RunSettings, folder: Path) -> None:
    """Copy the split file of a run that begins, and its settings, into the run folder."""
    if not isinstance(settings.split, File) or Path(settings.split.path) == folder / OWN:
        return
    given, own = Path(settings.split.path), folder / OWN
    settings_beside(own).unlink(missing_ok=True)
    write_bytes(own, given.read_bytes())
    if settings_beside(given).is_file():
        write_bytes(settings_beside(own), settings_beside(given).read_bytes())


def going_on(settings: RunSettings, folder: Path) -> RunSettings:
    """The settings of a run; where it is resumed, with the split file that it began with.

    Raises:
        ConfigError: the file that is named has changed since, or is another one.
    """
    own = folder / OWN
    if not settings.resume or not isinstance(settings.split, File) or not own.is_file():
        return settings
    given = Path(settings.split.path)
    if given.is_file() and given.read_bytes() != own.read_bytes():
        raise ConfigError(
            f"split.path={given} is not the split that this run began with ({own}): a run is gone on with as it was; "
            f"give split.path={own}, or start another run"
        )
    return with_split_of(settings, folder, given)


def with_split_of(settings: RunSettings, folder: Path, given: Path) -> RunSettings:
    """The settings of a run in a folder with its own copy of the split file; with `given` where there is none."""
    if not isinstance(settings.split, File):
        return settings
    return replace(settings, split=replace(settings.split, path=str(own_or(folder, given))))


def own_or(folder: Path, given: Path) -> Path:
    """The split file that a run folder keeps, or the one that its configuration names."""
    return folder / OWN if (folder / OWN).is_file() else given
