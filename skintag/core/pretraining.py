"""What is known of the datasets that published weights have learned from: the register pretraining.csv, looked up."""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from skintag.core.errors import near_matches

_FILE: Final = Path(__file__).with_name("pretraining.csv")
ANY: Final = "*"
"""Stands for every dataset: public ones were among the sources, and nobody says which."""
SURE: Final = ("given", "stated", "reported", "possible")
"""How sure it is: the user says so; the makers do; it is said of them; it cannot be excluded."""
UNKNOWN: Final = "unknown"
"""Of weights of which nobody can tell; marks nothing."""


@dataclass(frozen=True, order=True)
class Pretraining:
    """A dataset that weights have, or may have, learned from before a run."""

    backbone: str
    """Name of the backbone that had."""
    dataset: str
    """Name as in the catalog, or `ANY`."""
    sure: str
    """One of `SURE`."""
    source: str
    """Where that is from."""

    def covers(self, dataset: str) -> bool:
        """Whether it speaks of a dataset."""
        return self.dataset in (ANY, dataset)

    def plain(self) -> list[str]:
        """Texts that `of` takes, for checkpoints and bundles."""
        return list(astuple(self))

    @classmethod
    def of(cls, values: Any) -> Self:
        """What `plain` gave. Raises ValueError where it is not that."""
        if (
            not isinstance(values, list | tuple)
            or len(values) != 4
            or not all(isinstance(v, str) for v in values)
        ):
            raise ValueError(f"pretraining {values!r}, expected four texts")
        if values[2] not in SURE:
            raise ValueError(f"pretraining {values[2]!r}: {near_matches(values[2], SURE)}")
        return cls(*values)


def pretraining_of(name: str) -> tuple[Pretraining, ...]:
    """What the register says of a backbone by its name, whatever the case of its letters; empty where nothing does.

    The first pattern that fits counts: a MedSigLIP is no plain SigLIP.
    """
    fitting = [entry for entry in register() if fnmatch(name.lower(), entry.backbone.lower())]
    first = fitting[0].backbone if fitting else ""
    return tuple(
        Pretraining(name, entry.dataset, entry.sure, entry.source)
        for entry in fitting
        if entry.backbone == first and entry.sure != UNKNOWN
    )


@lru_cache(1)
def register() -> tuple[Pretraining, ...]:
    """All entries, `UNKNOWN` ones too; `backbone` is a pattern with `*`."""
    with _FILE.open(encoding="utf-8", newline="") as stream:
        return tuple(Pretraining(**row) for row in csv.DictReader(stream))
