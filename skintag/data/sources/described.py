"""A dataset of one's own, read as its YAML file describes it: no adapter in Python is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.bands import fst_group_of
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.vocabulary import DOMAINS, MALIGNANCY
from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import each_once, image_ids, prefixed, source_table
from skintag.data.sources.description import DOMAIN, Description, read_description
from skintag.data.sources.folder import scan_folder, without_suffix
from skintag.data.sources.links import Joined, join
from skintag.data.sources.own_labels import own_label_table
from skintag.data.sources.table import MetadataTable, read_table

_LONGEST_ID: Final = 96
_IDS: Final = {"patient": "patient_id", "lesion": "lesion_id"}
_PLAIN: Final = ("age", "sex", "site", "fitzpatrick", "fst_group", "skin_tone", "confirmation", "malignancy")
_MALIGNANCY: Final = {name: name for name in MALIGNANCY}
# How the cells of each column are read; what is not here is lower-case text.
_READERS: Final[dict[str, Callable[[pd.Series, object], pd.Series]]] = {
    "age": cells.ages,
    "sex": cells.sexes,
    "fitzpatrick": cells.skin_types,
    "fst_group": cells.skin_type_pairs,
    "skin_tone": cells.skin_tones,
    "malignancy": lambda said, where: cells.translate(said, _MALIGNANCY, where, ", ".join(MALIGNANCY)),
}


def read_described(dataset: str, path: Path) -> SourceTable:
    """Records of the dataset that the YAML file at `path` describes.

    Raises:
        ConfigError: the description makes no sense, or calls the dataset by another name.
        DataError: a file or column that it names is missing, or a row makes no sense.
    """
    about = read_description(path)
    if about.name not in (None, dataset):
        raise ConfigError(
            f"data.sources.{dataset}: {path} calls itself {about.name!r}: use one name in both places"
        )
    tables = join([_table(path.parent / name, path) for name in about.tables], about.keys)
    images = pictures_of(path)
    if not images.is_dir():
        raise _missing(images, path, "the folder with the pictures", "images")
    return _with_plain_ids(_Reading(dataset, about, tables).records(images, path), tables.tables[0])


def pictures_of(path: Path) -> Path:
    """The folder with the pictures of the dataset that `path` describes. Raises as `read_description`."""
    return path.parent / read_description(path).images


def _table(path: Path, named_in: Path) -> MetadataTable:
    if not path.is_file():
        raise _missing(path, named_in, "a CSV file", "table")
    return read_table(path)


def _missing(path: Path, named_in: Path, expected: str, key: str) -> DataError:
    beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    found = f"nothing of that name; beside it: {first_few(beside) or 'nothing'}"
    return DataError(path, expected=expected, found=found, fix=f"correct {key} in {named_in}")


class _Reading:
    """One dataset while it is read."""

    def __init__(self, dataset: str, about: Description, tables: Joined) -> None:
        self.dataset, self.about, self.tables = dataset, about, tables
        self.first = tables.tables[0]

    def records(self, images: Path, path: Path) -> SourceTable:
        """Everything together; `images` is the folder with the pictures, `path` the description."""
        about, columns = self.about, self.about.columns
        known = {
            name: self._values(name, column)
            for name, column in vars(columns).items()
            if column and name in _PLAIN
        }
        malignancy = known.pop("malignancy", None)
        ids = {name: self._ids(name, vars(columns)[name]) for name in _IDS if vars(columns)[name]}
        if "fitzpatrick" in known:
            of_type = fst_group_of(known["fitzpatrick"])
            known["fst_group"] = of_type.fillna(known["fst_group"]) if "fst_group" in known else of_type
        if about.domain not in DOMAINS:
            known[DOMAIN] = self._values(DOMAIN, about.domain)
        return source_table(
            scan_folder(self.dataset, images),
            self.first,
            ids=_image_ids(self.first.need(columns.image_id), self.first.path),
            raw_label=self._cells(columns.label),
            malignancy=malignancy,
            columns={**known, **{_IDS[name]: values for name, values in ids.items()}},
            notes=(f"read as {path.name} describes it", *_without(ids), *self.tables.notes),
            domains=about.domains,
            labels=own_label_table(about.labels, path.parent),
        )

    def _cells(self, column: str) -> pd.Series:
        """A column, text [n], blanks and words for unknown as null."""
        holder = self.tables.holder(column)
        return self.tables.links[holder].carry(self.tables.tables[holder].need(column))

    def _values(self, name: str, column: str) -> pd.Series:
        """A column as SkinTag has it [n]; read where it stands, so that errors name its own file and rows."""
        holder = self.tables.holder(column)
        table = self.tables.tables[holder]
        said = _replaced(table.need(column), self.about.meanings(name))
        reader = _READERS.get(name)
        read = cells.lower(said) if reader is None else reader(said, table.path)
        return self.tables.links[holder].carry(read).rename(column)

    def _ids(self, name: str, columns: str | tuple[str, ...]) -> pd.Series:
        """Patients or lesions, text [n]; refused where one is missing that every row must have."""
        names = (columns,) if isinstance(columns, str) else columns
        for column in names if name in self.about.groups else ():
            holder = self.tables.holder(column)
            table, rows = self.tables.tables[holder], self.tables.links[holder].lines.unique()
            said = table.need(column).loc[rows]
            fix = f"fill the cells, or leave {name} out of groups: these rows then may be on two sides of a split"
            cells.refuse(said[said.isna()], table.path, f"a {name} in every row, as groups has it", fix)
        return prefixed(self.dataset, *(self._cells(column) for column in names))


def _replaced(said: pd.Series, meaning: Mapping[str, object]) -> pd.Series:
    """The cells with what the description says that they mean; case and outer blanks play no part."""
    known = {
        str(word).strip().lower(): None if means is None else str(means) for word, means in meaning.items()
    }
    listed = said.str.lower().isin(list(known))
    return said.where(~listed, said.str.lower().map(known)).astype("str")


def _image_ids(named: pd.Series, where: Path) -> pd.Series:
    """Image ids, text [n]: names of files, with their folders where these alone tell two files apart."""
    whole = without_suffix(named.str.replace("\\", "/", regex=False).str.removeprefix("./"))
    folders = whole.str.contains("/", regex=False).fillna(False)
    if folders.any() and whole.str.rpartition("/")[2].duplicated().any():
        cells.refuse(named[named.isna()], where, "an image id in every row")
        return each_once(whole, where)
    return image_ids(named, where)


def _with_plain_ids(table: SourceTable, first: MetadataTable) -> SourceTable:
    """Ids that a shard takes: `_` for each dot (`IMG_2024.05.01`), of a bounded length. See docs/formats.md."""
    plain = table.records["image_id"].str.replace(".", "_", regex=False)
    named = plain.set_axis(first.frame.index).rename("image_id")
    expected = f"image ids of at most {_LONGEST_ID} bytes, the dataset's name included"
    cells.refuse(
        named[named.map(lambda name: len(name.encode()) > _LONGEST_ID)], first.path, expected, "shorten them"
    )
    changed = int((plain != table.records["image_id"]).sum())
    notes = (f"{changed:,} image ids have _ where the names of their files have a dot",) if changed else ()
    records = table.records.assign(image_id=each_once(named, first.path).to_numpy())
    return replace(table, records=records.astype(table.records.dtypes), notes=(*table.notes, *notes))


def _without(ids: Mapping[str, pd.Series]) -> list[str]:
    """Notes on what cannot hold related pictures together."""
    if not ids:
        return ["no patient and no lesion is known: only near-duplicates are held together"]
    missing = {name: int(values.isna().sum()) for name, values in ids.items()}
    return [f"{n:,} rows without a {name}" for name, n in missing.items() if n]
