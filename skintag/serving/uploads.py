"""Forms with pictures, read as they arrive: in memory alone, within limits that hold before anything is decoded."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from skintag.serving.pictures import Crop
from skintag.serving.problems import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_FIELD_BYTES: Final = 2048
_OVERHEAD: Final = 65_536
"""Bytes of a body that are no picture: boundaries, headers of parts, other fields."""
_BUSY: Final = 2
"""Seconds after which it is worth asking again."""


class Memory:
    """Counts the bytes that uploads hold, of all requests together."""

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0

    def take(self, n: int) -> None:
        """Raise Problem 503 where it would be too much."""
        if self.held + n > self.limit:
            detail = f"The server holds {self.held:,} bytes of pictures, of {self.limit:,} at most: ask again soon."
            raise Problem(503, "memory", detail, retry_after=_BUSY)
        self.held += n

    def give_back(self, n: int) -> None:
        """What was taken."""
        self.held -= n


@dataclass(frozen=True)
class Limits:
    """Of one form."""

    file_bytes: int
    """Of one picture."""
    body_bytes: int
    """Of the pictures together."""
    files: int
    """Pictures."""
    idle: float
    """Seconds without a byte."""
    total: float
    """Seconds for all of it."""


@dataclass
class Form:
    """What a form holds."""

    files: list[bytearray | bytes] = field(default_factory=list)
    """The pictures, in the order sent."""
    fields: dict[str, str] = field(default_factory=dict)
    """Name -> text."""


class _Parts:
    """Takes in what the parser finds; raises Problem as soon as something is too much."""

    def __init__(
        self, limits: Limits, files: str, fields: tuple[str, ...], memory: Memory, form: Form
    ) -> None:
        self._limits, self._files, self._fields, self._memory = limits, files, fields, memory
        self.form, self.taken, self.ended = form, 0, False
        self._header = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._name, self._into = "", bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._named,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._last,
        }

    def _begin(self) -> None:
        self._headers = {}

    def _header_end(self) -> None:
        name, value = map(bytes, self._header)
        self._headers[name.lower()] = value
        self._header = [bytearray(), bytearray()]

    def _named(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise Problem(400, "form", "Expected parts with Content-Disposition: form-data and a name.")
        self._name, self._into = options[b"name"].decode("utf-8", "replace"), bytearray()
        if self._name == self._files:
            if len(self.form.files) >= self._limits.files:
                detail = f"Expected at most {self._limits.files} pictures in the field {self._files!r}; found more."
                raise Problem(413 if self._limits.files > 1 else 422, "too-many-pictures", detail)
        elif self._name not in self._fields:
            known = ", ".join((self._files, *self._fields))
            detail = f"Expected the fields {known}; found {self._name[:40]!r}."
            raise Problem(422, "field", detail)
        elif self._name in self.form.fields:
            raise Problem(422, "field", f"Expected the field {self._name!r} once; found it twice.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        is_file = self._name == self._files
        most = self._limits.file_bytes if is_file else _FIELD_BYTES
        if len(self._into) + end - start > most:
            what = "a picture" if is_file else f"the field {self._name!r}"
            detail = f"Expected {what} of at most {most:,} bytes; found more. To do: send a smaller one."
            raise Problem(413, "too-large", detail)
        self._memory.take(end - start)
        self.taken += end - start
        self._into += data[start:end]

    def _end(self) -> None:
        if self._name == self._files:
            self.form.files.append(self._into)
            return
        try:
            self.form.fields[self._name] = self._into.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Problem(422, "field", f"Expected text in UTF-8 in the field {self._name!r}.") from error

    def _last(self) -> None:
        self.ended = True


@contextmanager
def held(memory: Memory, parts: _Parts) -> Iterator[None]:
    """Give back what the parts have taken, at the end."""
    try:
        yield
    finally:
        memory.give_back(parts.taken)
        parts.taken = 0


def parts_of(limits: Limits, files: str, fields: tuple[str, ...], memory: Memory) -> _Parts:
    """Takes in the form of one request: pictures in the field `files`, texts in `fields`, nothing else."""
    return _Parts(limits, files, fields, memory, Form())


async def read_form(request: Request, parts: _Parts, limits: Limits) -> Form:
    """The form of a request, whole.

    Raises:
        Problem: 400 no form, 408 too slow, 413 too large, 415 no form at all, 422 other fields, 503 memory is full.
        ClientDisconnect: nobody is there any more.
    """
    parser = MultipartParser(_boundary(request), parts.callbacks(), max_header_count=8, max_header_size=2048)
    most = limits.body_bytes + _OVERHEAD
    said = request.headers.get("content-length")
    if said is not None and said.isdecimal() and (len(said) > 15 or int(said) > most):
        raise _body_too_large(most, said[:15])
    begun, seen = time.monotonic(), 0
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limits.idle) as patience:
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > most:
                    raise _body_too_large(most, "more")
                parser.write(chunk)
                left = begun + limits.total - time.monotonic()
                patience.reschedule(loop.time() + min(limits.idle, left))
        parser.finalize()
    except TimeoutError as error:
        detail = f"Expected the whole request within {limits.total:g} s, and no pause of {limits.idle:g} s."
        raise Problem(408, "too-slow", detail) from error
    except FormParserError as error:
        raise Problem(400, "form", f"Expected multipart/form-data; found: {str(error)[:200]}") from error
    if not parts.ended:
        raise Problem(400, "form", "Expected multipart/form-data; it ends before its last boundary.")
    if not parts.form.files:
        raise Problem(422, "field", "Expected a picture; the form has none.")
    return parts.form


def crop_of(text: str | None) -> Crop | None:
    """The crop that a form asks for, None where it asks for none. Raises Problem 422 where it is none."""
    if text is None or not text.strip():
        return None
    names = ("x", "y", "width", "height")
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or set(found) != set(names):
            raise ValueError("other keys")
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in found.values()):
            raise ValueError("other values than numbers")
        x, y, width, height = (float(found[name]) for name in names)
        inside = all(map(math.isfinite, (x, y, width, height))) and 0 <= x < 1 and 0 <= y < 1
        if not inside or not 0 < width <= 1 - x + 1e-6 or not 0 < height <= 1 - y + 1e-6:
            raise ValueError("a part that is not inside the picture")
    except (ValueError, OverflowError, RecursionError) as error:
        said = "no JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
        detail = (
            "Expected crop as JSON with x, y, width and height, fractions of the upright picture, inside it, e.g. "
            f'{{"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}}; found {said}.'
        )
        raise Problem(422, "crop", detail) from error
    return Crop(x, y, width, height)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        shown = kind.decode("latin-1")[:60] or "none"
        raise Problem(415, "media-type", f"Expected Content-Type multipart/form-data; found {shown}.")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise Problem(400, "form", "Expected a boundary of 1 to 70 characters in Content-Type.")
    return boundary


def _body_too_large(most: int, found: str) -> Problem:
    detail = f"Expected a request of at most {most:,} bytes; found {found}. To do: send a smaller picture, or fewer."
    return Problem(413, "too-large", detail)


__all__ = ["ClientDisconnect", "Form", "Limits", "Memory", "crop_of", "held", "parts_of", "read_form"]
