"""From plain values to a frozen tree of settings, each value checked where it is taken in.

A settings class is a frozen dataclass. Its annotations say what kind a value has to be (`int`, `float`, `bool`,
`str`, `X | None`, `Literal[...]`, `tuple[str, ...]`, `Mapping[str, ...]`), `number(...)` adds a smallest value,
and what fields have to do with each other is checked in `__post_init__`.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from skintag.core.errors import ConfigError, near_matches

T = TypeVar("T")
_LEAST: Final = "least"
_MOST: Final = "most"
LARGEST_SEED: Final = 2**32 - 1
"""What numpy and Lightning take as a seed."""


def number(*, least: float, most: float | None = None, default: Any = dataclasses.MISSING) -> Any:
    """A field whose number may not be smaller than `least`, nor larger than `most`."""
    return dataclasses.field(default=default, metadata={_LEAST: least, _MOST: most})


def settings_of(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """An instance of the dataclass `kind` from plain values, as a composed configuration has them.

    Args:
        kind: a dataclass; a field that is another dataclass takes a mapping, and is made in the same way.
        values: by field name; what has a default may be left out.
        where: the key that the values stand under, for messages; empty at the top.

    Raises:
        ConfigError: a key that there is not, one that is missing, or a value of the wrong kind or too small;
            names the key, the value and what would do.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}={shown(values)}: expected the keys {', '.join(_hints(kind))}")
    prefix = f"{where}." if where else ""
    known = [field.name for field in dataclasses.fields(kind) if field.init]  # type: ignore[arg-type]
    for name in map(str, values):
        if name not in known:
            raise ConfigError(f"no {prefix}{name}: {near_matches(name, known)}")
    return kind(**checked_fields(kind, values, known, where))


def checked_fields(
    kind: type, values: Mapping[str, Any], names: Sequence[str], where: str = ""
) -> dict[str, Any]:
    """Values for some of the fields of a dataclass, each checked; arguments and errors as `settings_of`."""
    prefix = f"{where}." if where else ""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    made = {}
    for name in names:
        field, key = fields[name], f"{prefix}{name}"
        if name in values:
            limits = field.metadata.get(_LEAST), field.metadata.get(_MOST)
            made[name] = _checked(values[name], _hints(kind)[name], key, *limits)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{key} is not set: add {key}=<value>")
    return made


def shown(value: Any) -> str:
    """A value as the command line has it."""
    return "null" if value is None else str(value)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(value: Any, hint: Any, key: str, least: float | None, most: float | None = None) -> Any:
    """The value as the annotation wants it; sequences become tuples, mappings of a dataclass its instance."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            return settings_of(cast(type, option), value, key)
    fitting = next((option for option in options if _fits(value, option)), None)
    small = least is not None and isinstance(value, int | float) and not value >= least
    if fitting is None or small:
        raise ConfigError(f"{key}={shown(value)}: expected {_wanted(options, least)}")
    if most is not None and isinstance(value, int | float) and value > most:
        raise ConfigError(f"{key}={shown(value)}: expected a number from {least:g} to {most:.0f}")
    if get_origin(fitting) in (tuple, Sequence):
        return tuple(value)
    return value


def _fits(value: Any, option: Any) -> bool:
    origin, arguments = get_origin(option), get_args(option)
    if option is Any:
        return True
    if option in (None, type(None)):
        return value is None
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin in (tuple, Sequence):
        return _is_sequence(value) and all(_fits(item, arguments[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(item, arguments[1]) for item in value.values())
    if option is float:  # a whole number is a number, true is none
        return isinstance(value, int | float) and not isinstance(value, bool)
    if option is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(option, type) and isinstance(value, option)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _wanted(options: Sequence[Any], least: float | None) -> str:
    names: list[str] = []
    for option in options:
        names += _names(option, least)
    names = list(dict.fromkeys(name for name in names if name != "null"))
    if "a number" in " ".join(names):  # a whole number is one
        names = [name for name in names if not name.startswith("a whole number")]
    text = ", ".join(names[:-1]) + " or " + names[-1] if len(names) > 1 else names[0]
    return text + (", or null" if any(option in (None, type(None)) for option in options) else "")


def _names(option: Any, least: float | None) -> list[str]:
    limit = "" if least is None else f" of {least:g} or more"
    if get_origin(option) is Literal:
        return [shown(choice) for choice in get_args(option)]
    if get_origin(option) in (tuple, Sequence):
        return [f"a list of {'names' if get_args(option)[0] is str else 'numbers'}"]
    if get_origin(option) is not None or dataclasses.is_dataclass(option):
        return ["keys with values"]
    plain = {int: f"a whole number{limit}", float: f"a number{limit}", str: "a text"}
    if option is bool:
        return ["true", "false"]
    return [plain.get(option, "null")]
