"""What an ONNX file holds, read from its bytes: a server needs neither the onnx package nor to load the model first.

An ONNX file is one protobuf message. A message is a run of fields, each a number, a wire type and a value, and a value
may be a message again (https://protobuf.dev/programming-guides/encoding). Here the messages that can hold tensors are
walked; everything else is stepped over, so a gigabyte of weights takes no longer than a few.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from skintag.core.errors import DataError

_DEEPEST: Final = 100  # protobuf's own limit of messages within messages
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10

# onnx.proto: message -> field -> the message in it, wherever a tensor can be below
_WITHIN: Final[dict[str, dict[int, str]]] = {
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


class _Field(NamedTuple):
    number: int
    wire: int
    start: int
    """Where its value begins; of a varint, the value itself."""
    end: int


def refuse_external(path: Path, fix: str) -> None:
    """Refuse a model any of whose tensors lies in another file: it could name any file of the machine.

    Initialisers, sparse ones, constants in nodes, and those of subgraphs, functions and training graphs are looked at.

    Args:
        path: a model.
        fix: what to do with a file that is no model.

    Raises:
        DataError: a tensor has its data elsewhere, or the file is not whole.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            name = _external(data, "model", 0, len(data), 0)
    except (OSError, ValueError, IndexError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(path, expected="an ONNX model", found=found, fix=fix) from error
    if name is not None:
        fix = "export the model into one file"
        raise DataError(path, expected="weights inside the file", found=f"{name} outside", fix=fix)


def _external(data: mmap.mmap, message: str, start: int, end: int, depth: int) -> str | None:
    """The name of a tensor below a message whose data lies elsewhere; None where there is none."""
    if depth > _DEEPEST:
        raise ValueError(f"messages more than {_DEEPEST} deep")
    if message == "tensor":
        return _external_tensor(data, start, end)
    within = _WITHIN[message]
    for field in _fields(data, start, end):
        if field.wire == _MESSAGE and field.number in within:
            found = _external(data, within[field.number], field.start, field.end, depth + 1)
            if found is not None:
                return found
    return None


def _external_tensor(data: mmap.mmap, start: int, end: int) -> str | None:
    name, outside = "a tensor without a name", False
    for field in _fields(data, start, end):
        if field.number == _TENSOR_NAME and field.wire == _MESSAGE:
            name = data[field.start : field.end].decode("utf-8", "replace")
        located = field.number == _DATA_LOCATION and field.wire == _VARINT and field.start != 0
        outside |= located or (field.number == _EXTERNAL_DATA and field.wire == _MESSAGE)
    return name if outside else None


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    """The fields of a message. Raises ValueError where they do not end where the message does."""
    at = start
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            field = _Field(number, wire, value, at)
        else:
            if wire == _MESSAGE:
                length, at = _varint(data, at)
            elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
                length = 8 if wire == _EIGHT_BYTES else 4
            else:
                raise ValueError(f"a field of wire type {wire} at byte {at:,}")
            field = _Field(number, wire, at, at + length)
            at += length
        if number == 0 or at > end:
            raise ValueError(f"a message that is cut short, or none, at byte {at:,}")
        yield field


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and where it ends."""
    value = 0
    for i in range(_LONGEST_VARINT):
        byte = data[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError(f"a number of more than {_LONGEST_VARINT} bytes at byte {at:,}")
