"""The datasets that can be read: each adapter registers itself where it is defined, and no list is kept beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skintag.core.errors import ConfigError, near_matches
from skintag.core.vocabulary import DOMAINS
from skintag.data.catalog.records import SourceTable
from skintag.data.sources.folder import RawFolder

Reader = Callable[[RawFolder], SourceTable]
"""A raw folder, already scanned, to its records."""

_ADAPTERS: Final[dict[str, Adapter]] = {}


@dataclass(frozen=True)
class Adapter:
    """How one dataset is read, and what kinds of pictures it has."""

    dataset: str
    """Its name: first part of its image ids, key in `data.sources`, name of its label table."""
    domains: tuple[str, ...]
    """Those of `DOMAINS` that its pictures may be of. Where there are several, each record says its own."""
    read: Reader
    """The function that reads it."""
    labels: Path | None
    """Its label table, a CSV file; None: the one of its name that ships with SkinTag."""

    def __post_init__(self) -> None:
        if not self.domains:
            raise ConfigError(f"source {self.dataset}: no domain; one or more of {', '.join(DOMAINS)}")
        for domain in self.domains:
            if domain not in DOMAINS:
                raise ConfigError(
                    f"source {self.dataset}: no domain {domain!r}; {near_matches(domain, DOMAINS)}"
                )


def source(dataset: str, domains: Iterable[str], labels: Path | None = None) -> Callable[[Reader], Reader]:
    """Register the decorated function as what reads `dataset`; see `Adapter` for the arguments.

    Raises:
        ConfigError: no such domain, or another function reads a dataset of that name.
    """

    def register(read: Reader) -> Reader:
        known = _ADAPTERS.get(dataset)
        if known is not None and _place(known.read) != _place(read):  # a module may be loaded anew
            raise ConfigError(f"source {dataset}: {_place(known.read)} reads a dataset of that name")
        _ADAPTERS[dataset] = Adapter(dataset, tuple(domains), read, labels)
        return read

    return register


def _place(read: Reader) -> str:
    return f"{read.__module__}.{read.__qualname__}"


def adapter_of(dataset: str) -> Adapter:
    """What is registered for `dataset`.

    Raises:
        ConfigError: nothing; near matches are named.
    """
    if dataset not in _ADAPTERS:
        raise ConfigError(f"data.sources.{dataset}: no such dataset; {near_matches(dataset, _ADAPTERS)}")
    return _ADAPTERS[dataset]


def registered() -> tuple[str, ...]:
    """The names of all datasets that can be read, in the order of the alphabet."""
    return tuple(sorted(_ADAPTERS))
