"""What a person should know about prepared data: counts, what is missing and why, near-duplicates, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd

from skintag.core.errors import DataError
from skintag.core.vocabulary import CONDITIONS, FST_GROUPS, MALIGNANCY

REPORT_VERSION: Final = 1
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class DatasetReport:
    """Counts of one dataset. `rows` are of its metadata, `images` those of them with a readable image."""

    rows: int
    """Of the metadata."""
    images: int
    """Rows with a readable image."""
    missing: int
    """Rows without a file."""
    unreadable: int
    """Rows whose file cannot be read as an image."""
    undiagnosed: int
    """Rows that the source gives no diagnosis."""
    reasons: dict[str, int]
    """Why images are unreadable: count of each reason."""
    conditions: dict[str, tuple[int, int]]
    """Condition -> (rows, images); `unknown` where undiagnosed. The same for the fields below."""
    malignancy: dict[str, tuple[int, int]]
    """By malignancy as the label table says."""
    fitzpatrick: dict[str, tuple[int, int]]
    """Types `1`..`6`, and `unknown` (which includes those known as a pair only)."""
    fst_groups: dict[str, tuple[int, int]]
    """By group of skin types, pairs included."""
    raw_labels: dict[str, tuple[int, int]]
    """The source's own labels, the commonest first."""
    notes: tuple[str, ...]
    """What its adapter says of it, a sentence each."""


@dataclass(frozen=True)
class RelationReport:
    """How the images hang together."""

    identical: int
    """Images whose file another image has byte by byte."""
    clusters: int
    """Sets of identical or near-identical pictures, two or more each."""
    clustered: int
    """Images in them."""
    largest_cluster: int
    """Images in the largest of them."""
    across_lesions: int
    """Clusters whose images have more than one known lesion id."""
    across_patients: int
    """Clusters whose images have more than one known patient id."""
    across_datasets: int
    """Clusters whose images are of more than one dataset."""
    across_malignancy: int
    """Clusters whose images the sources diagnose differently: benign, premalignant or malignant."""
    groups: int
    """Leakage groups, over all rows."""
    largest_group: int
    """Rows of the largest one."""
    largest_groups: dict[str, int]
    """The five largest: group_id -> rows."""


@dataclass(frozen=True)
class Report:
    """What `report.json` holds of a prepared folder."""

    datasets: dict[str, DatasetReport]
    """By name."""
    relations: RelationReport
    """Over all datasets."""
    shards: dict[str, int]
    """Of all datasets: images, shards, bytes."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the version of the format."""
        return {"version": REPORT_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: object) -> Report:
        """The report that `to_dict` gave; `where` is named if it cannot be one.

        Raises:
            DataError: it is of another version of SkinTag.
        """
        try:
            if values["version"] != REPORT_VERSION:
                raise KeyError(f"version {values['version']}")
            datasets = _with_tuples(values["datasets"])
            datasets = {name: DatasetReport(**counts) for name, counts in datasets.items()}
            return cls(datasets, RelationReport(**values["relations"]), dict(values["shards"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                where,
                expected=f"a report of version {REPORT_VERSION}",
                found=str(error),
                fix="delete it and run skintag prepare again",
            ) from error


def report_dataset(rows: pd.DataFrame, notes: Sequence[str]) -> DatasetReport:
    """Count the catalog rows of one dataset."""
    status = rows["status"].value_counts()
    condition = rows["condition"].map(dict(enumerate(CONDITIONS)))
    types = rows["fitzpatrick"].astype("string")
    return DatasetReport(
        rows=len(rows),
        images=int(status.get("ok", 0)),
        missing=int(status.get("missing", 0)),
        unreadable=int(status.get("unreadable", 0)),
        undiagnosed=int(rows["malignancy"].isna().sum()),
        reasons={str(reason): int(n) for reason, n in rows["reason"].value_counts().items()},
        conditions=_counts(condition, rows, CONDITIONS),
        malignancy=_counts(rows["malignancy"], rows, MALIGNANCY),
        fitzpatrick=_counts(types, rows, [str(number) for number in range(1, 7)]),
        fst_groups=_counts(rows["fst_group"], rows, FST_GROUPS),
        raw_labels=_counts(rows["raw_label"], rows, list(rows["raw_label"].value_counts().index)),
        notes=tuple(notes),
    )


def report_relations(catalog: pd.DataFrame) -> RelationReport:
    """Count near-duplicates and leakage groups of a catalog."""
    usable = catalog[catalog["status"] == "ok"]
    size = usable.groupby("duplicate_id")["image_id"].transform("size")
    members = usable[size > 1]
    kinds = members.groupby("duplicate_id")[["lesion_id", "patient_id", "dataset", "malignancy"]].nunique()
    several = {name: int((kinds[name] > 1).sum()) for name in kinds}
    groups = catalog["group_id"].value_counts()
    return RelationReport(
        identical=int(usable["content_hash"].duplicated(keep=False).sum()),
        clusters=len(kinds),
        clustered=len(members),
        largest_cluster=int(size.max()) if len(usable) else 0,
        across_lesions=several["lesion_id"],
        across_patients=several["patient_id"],
        across_datasets=several["dataset"],
        across_malignancy=several["malignancy"],
        groups=len(groups),
        largest_group=int(groups.max()) if len(groups) else 0,
        largest_groups={str(name): int(n) for name, n in groups.head(5).items()},
    )


def missing_images(catalog: pd.DataFrame) -> pd.DataFrame:
    """One row per image that cannot be used: dataset, image_id, path, status, reason."""
    rows = catalog.loc[catalog["status"] != "ok", ["dataset", "image_id", "path", "status", "reason"]]
    return rows.sort_values("image_id", ignore_index=True)


def _with_tuples(value: Any) -> Any:
    """JSON has no tuples: give them back."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _counts(values: pd.Series, rows: pd.DataFrame, order: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(rows, images) of each value in `order`, then of `unknown`; values that do not occur are left out."""
    named = values.astype("object").where(values.notna(), UNKNOWN)
    total, usable = named.value_counts(), named[rows["status"] == "ok"].value_counts()
    present = [name for name in (*order, UNKNOWN) if name in total.index]
    return {str(name): (int(total[name]), int(usable.get(name, 0))) for name in present}
