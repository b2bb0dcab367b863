"""The errors a person can do something about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class SkinTagError(Exception):
    """Base of every error that SkinTag raises on purpose; its message is meant for the user."""


class DataError(SkinTagError):
    """Input that cannot be used as it is.

    The message says where (file, row or key), what was expected, what was found and what to do.
    """

    def __init__(self, where: object, *, expected: str, found: str, fix: str) -> None:
        self.where, self.expected, self.found, self.fix = str(where), expected, found, fix
        super().__init__(f"{where}\n  expected: {expected}\n  found:    {found}\n  to do:    {fix}")

    def __reduce__(self) -> tuple[object, ...]:  # keyword-only fields have to survive worker processes
        return (_rebuild, (type(self), self.where, self.expected, self.found, self.fix))


class ImageError(DataError):
    """One image that cannot be read; `reason` is one of a few short words that reports count."""

    def __init__(self, where: object, *, reason: str, expected: str, found: str, fix: str) -> None:
        super().__init__(where, expected=expected, found=found, fix=fix)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_image, (self.where, self.reason, self.expected, self.found, self.fix))


class ConfigError(SkinTagError):
    """A configuration that does not make sense; says which key and what would."""


def _rebuild(cls: type[DataError], where: str, expected: str, found: str, fix: str) -> DataError:
    return cls(where, expected=expected, found=found, fix=fix)


def _rebuild_image(where: str, reason: str, expected: str, found: str, fix: str) -> ImageError:
    return ImageError(where, reason=reason, expected=expected, found=found, fix=fix)


def near_matches(word: str, choices: Iterable[str]) -> str:
    """`did you mean 'a' or 'b'?`, or all the choices where none is near."""
    known = sorted(choices)
    near = get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    return f"known: {first_few(known, 20)}" if known else "none is known"


def first_few(items: Sequence[object], limit: int = 10) -> str:
    """The items joined by commas, cut after `limit` with a count of what is left."""
    shown = ", ".join(str(item) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} (+{len(items) - limit} more)"
