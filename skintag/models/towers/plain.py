"""Values of somebody else's configuration, of which only numbers, texts and lists of them are taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from skintag.core.errors import ConfigError

_SIMPLE: Final = (bool, int, float, str, type(None))
_INTERPOLATION: Final = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def only_simple(values: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """What a model is built from: values of known names that are numbers, texts or lists of them; the rest is nothing
    that its shape hangs on, and could name code."""
    return {name: values[name] for name in sorted(known) if name in values and _is_simple(values[name])}


def _is_simple(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(entry, _SIMPLE) for entry in value)
    return isinstance(value, _SIMPLE)


def triple(values: Any, key: str, name: str) -> tuple[float, float, float]:
    """Three numbers, of a list or of one number for all. Raises ConfigError for anything else."""
    entries = [values] * 3 if isinstance(values, int | float) else values
    if not isinstance(entries, list | tuple) or len(entries) != 3:
        raise ConfigError(
            f"backbone.name={name}: its configuration gives {key} {values!r}; set backbone.{key}=[r,g,b]"
        )
    red, green, blue = map(float, entries)
    return red, green, blue


def filter_name(resample: Any) -> str:
    """The name of a filter that Pillow has a number for."""
    return _INTERPOLATION.get(resample, str(resample)) if isinstance(resample, int) else str(resample)


def side_of(size: Any, name: str) -> int:
    """The side of a square, of a number, a pair or the mappings that image processors have.

    Raises:
        ConfigError: it is no square.
    """
    if isinstance(size, Mapping):
        size = [size[key] for key in ("height", "width", "shortest_edge") if key in size]
    sides = {size} if isinstance(size, int) else set(size) if isinstance(size, list | tuple) else set()
    if len(sides) != 1 or not all(isinstance(side, int) for side in sides):
        raise ConfigError(
            f"backbone.name={name}: its configuration gives no square size ({size!r}); set image_size"
        )
    return int(sides.pop())
