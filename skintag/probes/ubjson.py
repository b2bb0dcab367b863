"""Universal Binary JSON (ubjson.org, draft 12), as much of it as XGBoost writes: read within bounds, and written.

XGBoost's own reader trusts what it reads. Here every length is held against the bytes that are there before anything
is made of it, so that a damaged or a crafted file gives an error and costs no more memory than it has bytes.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_DEEPEST: Final = 16
# marker -> numbers of that kind, in the big-endian order of the format
_NUMBERS: Final[dict[bytes, np.dtype[Any]]] = {
    b"i": np.dtype("i1"), b"U": np.dtype("u1"), b"I": np.dtype(">i2"), b"l": np.dtype(">i4"), b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"), b"D": np.dtype(">f8"),
}  # fmt: skip
_MARKERS: Final[dict[np.dtype[Any], bytes]] = {
    dtype.newbyteorder("="): marker for marker, dtype in _NUMBERS.items()
}


def read(data: bytes) -> Any:
    """The value that `data` holds: dicts, lists, text, numbers, and arrays of one kind as numpy arrays [n].

    Raises:
        ValueError: it is no such file, is cut off, goes on after its value, or names a key twice.
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.position != len(data):
        raise ValueError(f"{len(data) - reader.position} bytes behind its end")
    return value


def write(value: Any) -> bytes:
    """What `read` gave, as XGBoost writes it."""
    if isinstance(value, dict):
        members = b"".join(_text(key) + write(item) for key, item in value.items())
        return b"{" + members + b"}"
    if isinstance(value, np.ndarray):
        kind = value.dtype.newbyteorder("=")
        numbers = value.astype(_NUMBERS[_MARKERS[kind]]).tobytes()
        return b"[$" + _MARKERS[kind] + b"#" + _count(len(value)) + numbers
    if isinstance(value, list):
        return b"[#" + _count(len(value)) + b"".join(map(write, value))
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, int):
        return _count(value)
    raise ValueError(f"a {type(value).__name__}")


def _count(number: int) -> bytes:
    return b"L" + struct.pack(">q", number)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _count(len(encoded)) + encoded


class _Reader:
    """Goes through the bytes once, from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, n: int) -> bytes:
        """The next `n` bytes."""
        if not 0 <= n <= len(self.data) - self.position:
            raise ValueError(f"it ends before {n:,} bytes at byte {self.position:,}")
        self.position += n
        return self.data[self.position - n : self.position]

    def number(self, marker: bytes) -> Any:
        """A number of the kind that its marker names."""
        dtype = _NUMBERS.get(marker)
        if dtype is None:
            raise ValueError(f"the marker {marker!r} at byte {self.position:,}")
        return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()

    def length(self) -> int:
        """A count of what is to come."""
        value = self.number(self.take(1))
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"the length {value!r} at byte {self.position:,}")
        return value

    def text(self) -> str:
        """A text with its length before it."""
        return self.take(self.length()).decode("utf-8")

    def value(self, marker: bytes, depth: int) -> Any:
        """The value that begins with `marker`."""
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} objects within each other")
        if marker == b"{":
            return self.object(depth)
        if marker == b"[":
            return self.array(depth)
        return self.text() if marker == b"S" else self.number(marker)

    def object(self, depth: int) -> dict[str, Any]:
        """Members up to the closing bracket."""
        found: dict[str, Any] = {}
        while self.data[self.position : self.position + 1] != b"}":
            key = self.text()
            if key in found:
                raise ValueError(f"{key!r} twice")
            found[key] = self.value(self.take(1), depth + 1)
        self.take(1)
        return found

    def array(self, depth: int) -> list[Any] | NDArray[Any]:
        """An array with its length; of one kind where that is named."""
        sign = self.take(1)
        if sign == b"$":
            dtype = _NUMBERS.get(self.take(1))
            if dtype is None or self.take(1) != b"#":
                raise ValueError(f"an array of a kind that is not known at byte {self.position:,}")
            raw = self.take(self.length() * dtype.itemsize)
            return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))
        if sign != b"#":
            raise ValueError(f"an array without a length at byte {self.position:,}")
        n = self.length()
        if n > len(self.data) - self.position:  # each takes a byte at least
            raise ValueError(f"{n:,} members at byte {self.position:,}")
        return [self.value(self.take(1), depth + 1) for _ in range(n)]
