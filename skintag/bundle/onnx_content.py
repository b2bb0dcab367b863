"""What an ONNX file holds, read as protobuf lays it out: a server needs no library beside onnxruntime for that."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError

# message -> number of a field -> the message in it; after onnx.proto, as far as tensors may lie below
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_DEPTH: Final = 100
_Span = tuple[int, int]


def refuse_external(path: Path) -> None:
    """Refuse a model whose tensors lie in other files: they could name any file of the machine.

    Raises:
        DataError: a tensor outside the file, or a file that is no ONNX model.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            outside = next(_external(data, (0, len(data)), "model", 0), None)
    except (OSError, ValueError, IndexError) as error:  # ValueError: an empty file too
        raise DataError(path, expected="an ONNX model", found=str(error)[:300], fix=AGAIN) from error
    if outside is not None:
        fix = "export the model into one file"
        raise DataError(path, expected="weights inside the file", found=f"{outside} outside", fix=fix)


def _external(data: mmap.mmap, span: _Span, message: str, depth: int) -> Iterator[str]:
    """Names of the tensors at or below a message whose data lie in other files."""
    if depth > _DEPTH:
        raise ValueError(f"more than {_DEPTH} messages inside each other")
    name, outside = "a tensor", False
    for number, value in _fields(data, span):
        inner = _INSIDE[message].get(number)
        if inner is not None and isinstance(value, tuple):
            yield from _external(data, value, inner, depth + 1)
        elif message == "tensor" and number == _TENSOR_NAME and isinstance(value, tuple):
            name = data[slice(*value)].decode("utf-8", "replace")
        elif message == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
            outside = True
    if outside:
        yield name


def _fields(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, int | _Span]]:
    """Number and value of a message's fields: an integer, or where the bytes lie."""
    at, end = span
    while at < end:
        key, at = _varint(data, at, end)
        kind = key & 7
        value: int | _Span | None = None
        if kind == _VARINT:
            value, at = _varint(data, at, end)
        elif kind == _LENGTH:
            length, at = _varint(data, at, end)
            value, at = (at, at + length), at + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of type {kind}, which ONNX has none of")
        if at > end:
            raise ValueError("it ends within a field")
        if value is not None:
            yield key >> 3, value


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """The integer at a position, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("an integer without end")
