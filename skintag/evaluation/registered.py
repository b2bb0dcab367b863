"""What the registries of evaluation share: one thing under one name, and every module of a folder imported."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import MutableMapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType
from typing import Any, TypeVar

from skintag.core.errors import ConfigError

T = TypeVar("T")


def add(registry: MutableMapping[str, T], name: str, thing: T, what: str) -> None:
    """Put a thing under its name; the same thing again, e.g. of a module that is imported anew, takes its place.

    Raises:
        ConfigError: another thing, which is written otherwise or elsewhere, has the name.
    """
    if name in registry and not alike(registry[name], thing):
        raise ConfigError(f"two {what}s are called {name!r}: rename one of them, or import only one")
    registry[name] = thing


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, functions by where they stand and what is written there."""
    if type(one) is not type(other):
        return False
    if isinstance(one, FunctionType):
        return all(alike(a, b) for a, b in zip(_written(one), _written(other), strict=True))
    if isinstance(one, partial):
        return alike((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
    if is_dataclass(one) and not isinstance(one, type):
        return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def import_modules(package: str, folder: list[str]) -> None:
    """Import every module of a package's folder, by name: each registers what it defines."""
    for module in sorted(module.name for module in pkgutil.iter_modules(folder)):
        importlib.import_module(f"{package}.{module}")


def _written(function: FunctionType) -> tuple[str, str, CodeType, Any, tuple[Any, ...]]:
    closed = tuple(cell.cell_contents for cell in function.__closure__ or ())
    return function.__module__, function.__qualname__, function.__code__, function.__defaults__, closed
