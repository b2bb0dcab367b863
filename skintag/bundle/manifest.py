"""`bundle.json`: which files a bundle consists of, with the size and SHA-256 of each, and a digest of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from skintag.core.errors import DataError
from skintag.core.hashing import file_sha256
from skintag.core.io import write_json

KIND: Final = "skintag bundle"
FORMAT_VERSION: Final = 2
"""Of what a bundle holds and how; raised whenever an older SkinTag would misread a new bundle. In 1 threshold and tiers
are held against the score before calibration, from 2 on against the calibrated probability."""
MANIFEST: Final = "bundle.json"
MANIFEST_LIMIT: Final = 4_000_000  # bytes
AGAIN: Final = "copy or download the bundle again, or build it again from its run: skintag bundle build"


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle."""

    path: str
    """Below the bundle, `/` between its parts."""
    bytes: int
    """Size."""
    sha256: str
    """Of its bytes, hex."""

    @classmethod
    def of(cls, folder: Path, path: str) -> FileEntry:
        """The entry of a file that is there."""
        return cls(path, (folder / path).stat().st_size, file_sha256(folder / path))


@dataclass(frozen=True)
class Manifest:
    """What `bundle.json` says of a bundle: what it deploys, and which files it consists of."""

    name: str
    """Of the run, e.g. `multi seed 0 grouped`."""
    model: str
    """The model of the run that is deployed: `head`, or a probe on the embeddings, e.g. `xgboost_finetuned`."""
    runtime: str
    """What computes it: `torch`, `onnx`, `onnx_half` or `onnx_int8`."""
    note: str
    """What has to stand beside every figure: synthetic or low-resolution pictures; empty if neither."""
    skintag: str
    """Version of SkinTag that wrote it."""
    files: tuple[FileEntry, ...]
    """Every other file, sorted by path."""
    format_version: int = FORMAT_VERSION
    """Of the bundle; an older one keeps its own."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything else that `bundle.json` says, hex: it names the bundle's exact content."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def total_bytes(self) -> int:
        """Size of all files together."""
        return sum(entry.bytes for entry in self.files)

    def _content(self) -> dict[str, Any]:
        return {"kind": KIND, "format_version": self.format_version, **asdict(self), "files": self._listed()}

    def _listed(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.files]

    def write(self, folder: Path) -> None:
        """Write `bundle.json` into the folder, atomically."""
        write_json(folder / MANIFEST, {**self._content(), "digest": self.digest}, checksum=False)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in a folder; its version is looked at before anything else in it.

        Raises:
            DataError: there is none, it is of a newer format, or it is not what was written.
        """
        return cls.parse(_bytes_of(folder / MANIFEST), folder / MANIFEST)

    @classmethod
    def parse(cls, data: bytes, where: object) -> Manifest:
        """The manifest in the bytes of a `bundle.json`; raises as `read`."""
        expected = f"the {MANIFEST} of a SkinTag bundle, format {FORMAT_VERSION}"
        try:
            raw = json.loads(data.decode("utf-8"))
            if raw["kind"] != KIND:
                raise ValueError(f"kind {raw['kind']!r}")
            _check_version(raw["format_version"], where)
            entries = tuple(FileEntry(**entry) for entry in raw["files"])
            names = ("name", "model", "runtime", "note", "skintag")
            said = {name: str(raw[name]) for name in names}
            manifest = cls(**said, files=entries, format_version=raw["format_version"])
            digest = str(raw["digest"])
            for entry in entries:
                check_name(entry.path, where)
            unlike = _unlike(entries)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            found = f"{type(error).__name__}: {error}"
            raise DataError(where, expected=expected, found=found, fix=AGAIN) from error
        if unlike:
            raise DataError(where, expected="each file listed once", found=unlike, fix=AGAIN)
        if manifest.digest != digest:
            found = f"digest {digest[:12]}... over content whose digest is {manifest.digest[:12]}..."
            raise DataError(where, expected=f"{MANIFEST} as it was written", found=found, fix=AGAIN)
        return manifest


def check_name(path: str, where: object) -> None:
    """Refuse a file name that could lead out of the bundle's folder on any system.

    Raises:
        DataError: it is absolute, has `..`, a drive letter, a backslash or a NUL, or is not in plain form.
    """
    plain = PurePosixPath(path).as_posix() if isinstance(path, str) else ""
    parts = plain.split("/")
    odd = any(letter in path for letter in ("\\", ":", "\0")) if isinstance(path, str) else True
    if odd or plain != path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise DataError(
            where,
            expected="files below the bundle's own folder",
            found=f"{path!r}",
            fix="do not use this bundle: it was not written by SkinTag, or somebody has changed it",
        )


def newer(version: int, where: object) -> DataError:
    """The error for a bundle of a newer format."""
    return DataError(
        where,
        expected=f"bundle format {FORMAT_VERSION} or older, which this SkinTag reads",
        found=f"format {version}, written by a newer SkinTag",
        fix="update SkinTag, or build the bundle again with this version",
    )


def _check_version(version: object, where: object) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f"format_version {version!r}")
    if version > FORMAT_VERSION:
        raise newer(version, where)


def _unlike(entries: Iterable[FileEntry]) -> str:
    """The first path that is there twice, in any case of its letters, or is `bundle.json`; empty where none is."""
    seen = {MANIFEST.casefold()}
    for entry in entries:
        if entry.path.casefold() in seen:
            return f"{entry.path!r} twice, or as another file's name in other letters"
        seen.add(entry.path.casefold())
    return ""


def _bytes_of(path: Path) -> bytes:
    expected = f"a bundle: a folder, or a zip, with {MANIFEST}"
    if path.is_symlink() or not path.is_file():
        there = sorted(p.name for p in path.parent.iterdir())[:5] if path.parent.is_dir() else []
        found = f"no {MANIFEST}; there are {', '.join(there) or 'no files'}"
        raise DataError(path, expected=expected, found=found, fix="check the path, or " + AGAIN)
    if path.stat().st_size > MANIFEST_LIMIT:
        found = f"{path.stat().st_size:,} bytes"
        raise DataError(path, expected=f"at most {MANIFEST_LIMIT:,} bytes", found=found, fix=AGAIN)
    return path.read_bytes()
