"""The YAML file in which somebody describes a dataset of their own: its tables, their columns, where the pictures lie.

    table: photos.csv          # or several that are joined: [images.csv, lesions.csv], with key: lesion_id
    images: photos             # the folder with the pictures, searched with all folders below it
    domain: clinical           # of all pictures; or the name of a column
    columns:                   # what SkinTag calls it: what the table calls it
      image_id: file
      label: diagnosis
      patient: patient_no
    labels: labels.csv         # what each diagnosis means, see `skintag labels draft`
    groups: [patient]          # every row must have these

Paths are relative to the YAML file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.core.settings import settings_of
from skintag.core.stored import read_yaml
from skintag.core.vocabulary import DOMAINS

SUFFIXES: Final = (".yaml", ".yml")
DOMAIN: Final = "domain"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_GROUPS: Final = ("patient", "lesion")


@dataclass(frozen=True)
class Columns:
    """What the tables call each thing that SkinTag knows; None: they do not have it."""

    image_id: str
    """File names of the pictures, with or without folder and suffix."""
    label: str
    """The diagnosis."""
    patient: str | tuple[str, ...] | None = None
    """Who is shown; several columns where one alone repeats between hospitals, say."""
    lesion: str | tuple[str, ...] | None = None
    """Which lesion; several columns where numbers begin anew with each patient."""
    age: str | None = None
    """Years."""
    sex: str | None = None
    """Female or male."""
    site: str | None = None
    """Of the body."""
    fitzpatrick: str | None = None
    """Skin type, 1 to 6 or I to VI."""
    fst_group: str | None = None
    """Where skin types are known in pairs only: 12, 34, 56 or I-II, III-IV, V-VI."""
    skin_tone: str | None = None
    """0 very dark to 5 very light, which is not Fitzpatrick's scale; 0 is not unknown."""
    confirmation: str | None = None
    """How the diagnosis was confirmed."""
    malignancy: str | None = None
    """Benign, premalignant or malignant as the table says; held against the label table row by row."""


_VALUES: Final = tuple(
    name.name for name in fields(Columns) if name.name not in ("image_id", "label", *_GROUPS)
)


@dataclass(frozen=True)
class Description:
    """A dataset of one's own, as its YAML file describes it. See the module for an example."""

    table: str | tuple[str, ...]
    """CSV files; the first has a row per picture."""
    columns: Columns
    """What they call what SkinTag needs."""
    labels: str
    """A label table (CSV), or the name of one that ships with SkinTag."""
    domain: str
    """One of `DOMAINS`, or the column that says it of each picture."""
    images: str = "."
    """The folder with the pictures."""
    key: str | tuple[str, ...] = ()
    """Columns by which further tables are joined; each by the first of them that it and an earlier one have."""
    groups: tuple[str, ...] = ()
    """Of `patient` and `lesion`, those that every row must have; others may be unknown in some rows."""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Column -> what a cell says -> what it means, e.g. `sex: {hombre: male, mujer: female, 9: null}`."""
    name: str | None = None
    """Of the dataset; None: the file's."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        for name in self.values:
            if name not in (DOMAIN, *_VALUES):
                raise ConfigError(f"values.{name}: {near_matches(name, (DOMAIN, *_VALUES))}")
        for name in self.groups:
            if name not in _GROUPS:
                raise ConfigError(f"groups={list(self.groups)}: expected some of {', '.join(_GROUPS)}")
            if getattr(self.columns, name) is None:
                raise ConfigError(
                    f"groups has {name!r}, and columns has not: add columns.{name}, or leave it out of groups"
                )
        if len(self.tables) > 1 and not self.keys:
            raise ConfigError(f"{len(self.tables)} tables, and no key to join them by: add key: <column>")

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables."""
        return (self.table,) if isinstance(self.table, str) else self.table

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return (self.key,) if isinstance(self.key, str) else self.key

    def meanings(self, name: str) -> Mapping[str, Any]:
        """What cells of a column stand for, where the description says so."""
        return self.values.get(name, {})

    @property
    def domains(self) -> tuple[str, ...]:
        """Of which the pictures may be."""
        return (self.domain,) if self.domain in DOMAINS else DOMAINS


def is_description(place: str | Path) -> bool:
    """Whether the place of a dataset is a YAML file that describes it, and no raw folder."""
    return Path(place).suffix.lower() in SUFFIXES


def check_name(name: str) -> None:
    """Raise ConfigError where a dataset may not be called so: it is part of ids, folders and keys."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name={name}: expected small letters, digits and _, a letter first")


def read_description(path: Path) -> Description:
    """Read and check a description; nothing that it names is opened.

    Raises:
        DataError: no such file, or no YAML.
        ConfigError: a key that there is not, one that is missing, or a value that makes no sense; names the file.
    """
    try:
        values = read_yaml(path, "a YAML file that describes a dataset")
    except DataError as error:
        fix = "correct the file; docs/datasets.md has an example"
        raise DataError(path, expected=error.expected, found=error.found, fix=fix) from error
    try:
        return settings_of(Description, values)
    except ConfigError as error:
        said = str(error).replace("=<value>", ": <value>")  # as YAML has it
        raise ConfigError(f"{path}: {said}") from error


def name_of(path: Path) -> str:
    """What the described dataset is called: what its description says, or the file's name.

    Raises:
        ConfigError, DataError: as `read_description`.
    """
    return read_description(path).name or re.sub(r"\W+", "_", path.stem.lower()).strip("_")
