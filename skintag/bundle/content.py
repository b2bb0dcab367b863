"""Refuses files that could run code when they are read, by their names and by what is in them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import numpy as np

from skintag.core.checksums import ZIP_ERRORS
from skintag.core.errors import DataError

_FIX: Final = "do not use this bundle: SkinTag writes no such file, so somebody has changed it"
_NPZ_LIMIT: Final = 4 << 30  # bytes, unpacked
_JSON_LIMIT: Final = 256 << 20
_PROTOCOLS: Final = (b"\2", b"\3", b"\4", b"\5")


def refuse_code(path: Path) -> None:
    """Refuse a file that is a pickle, hides one, or is not what its name says.

    Names are held to those few formats that a bundle is made of, and content to the name: a pickle called
    `model.json` is not JSON, and one of an old protocol in a `.md` is text that nobody unpickles. Nothing is
    unpickled to find out.

    Raises:
        DataError: names the file and what it is.
    """
    check = _CHECKS.get(path.suffix)
    if check is None:
        raise _refused(
            path, f"one of {', '.join(_CHECKS)}", f"a {path.suffix or 'nameless'} file{_also(path)}"
        )
    if pickled := _pickle_in(path):
        raise _refused(path, "a file without pickle", pickled)
    try:
        wrong = check(path)
    except (*ZIP_ERRORS, MemoryError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        raise _refused(path, f"what {path.suffix} stands for", wrong)


def _pickle_in(path: Path) -> str:
    """What pickle the file is or holds; empty where none."""
    with path.open("rb") as stream:
        start = stream.read(4)
        # PROTO opcode, protocols 2 to 5; in a safetensors file the same byte may be a header's length
        if start[:1] == b"\x80" and start[1:2] in _PROTOCOLS and path.suffix != ".safetensors":
            return f"a pickle, protocol {start[1]}"
        if start == b"PK\x03\x04" and path.suffix != ".npz":
            return f"a zip{_with_pickle(stream)}"
    return ""


def _also(path: Path) -> str:
    found = _pickle_in(path) if path.is_file() and path.stat().st_size > 1 else ""
    return f": {found}" if found else ", which may hold a pickle"


def _with_pickle(stream: IO[bytes]) -> str:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = [n for n in archive.namelist() if n.endswith((".pkl", ".pickle"))]
    except ZIP_ERRORS:
        return ""
    return f" with the pickle {names[0]}, as torch.save writes it" if names else ""


def _json(path: Path) -> str:
    if path.stat().st_size > _JSON_LIMIT:
        return f"{path.stat().st_size:,} bytes"
    json.loads(path.read_text(encoding="utf-8"))
    return ""


def _text(path: Path) -> str:
    path.read_text(encoding="utf-8")
    return ""


def _safetensors(path: Path) -> str:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= path.stat().st_size - 8 or length > 100_000_000:
            return f"a header of {length:,} bytes"
        json.loads(stream.read(length).decode("utf-8"))
    return ""


def _ubjson(path: Path) -> str:
    start = _start(path, 1)
    return "" if start == b"{" else f"a file that begins with {start!r}, not with an object"


def _onnx(path: Path) -> str:
    # field 1 of a ModelProto, ir_version, as a varint: protobuf writers put it first
    start = _start(path, 1)
    return "" if start == b"\x08" else f"a file that begins with {start!r}, not with a model's version"


def _npy(path: Path) -> str:
    with path.open("rb") as stream:
        return _array_problem(stream)


def _npz(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > _NPZ_LIMIT:
            return f"more than {_NPZ_LIMIT:,} bytes, unpacked"
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                return f"the member {member.filename!r}, which is no array"
            with archive.open(member) as stream:
                if problem := _array_problem(stream):
                    return f"{member.filename}: {problem}"
    return ""


def _array_problem(stream: IO[bytes]) -> str:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        return f"an array of format {version}"
    _, _, dtype = readers[version](stream)
    return "an array of Python objects, which is a pickle" if dtype.hasobject else ""


def _start(path: Path, n: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(n)


def _refused(path: Path, expected: str, found: str) -> DataError:
    return DataError(path, expected=expected, found=found, fix=_FIX)


_CHECKS: Final[dict[str, Callable[[Path], str]]] = {
    ".json": _json, ".md": _text, ".safetensors": _safetensors, ".ubj": _ubjson, ".onnx": _onnx, ".npy": _npy,
    ".npz": _npz,
}  # fmt: skip
