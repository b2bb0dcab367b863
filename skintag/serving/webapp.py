"""The built web app, and whatever else is sent from memory: in pieces, compressed where asked, never stale."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from skintag.serving.middleware import Gone

BUILT: Final = Path(__file__).with_name("static")
"""Where `make app` puts the web app, and the wheel has it."""
INDEX: Final = "index.html"
_PIECE: Final = 65_536
_LOOK: Final = 1.0
"""Seconds for which it is remembered which files there are."""
_ASSETS: Final = "assets/"
"""Below it names change with content, so they may be kept for ever."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json", ".json": "application/json", ".svg": "image/svg+xml",
    ".css": "text/css", ".html": "text/html", ".onnx": "application/octet-stream",
}  # fmt: skip
_PACKED: Final = (
    ".js",
    ".mjs",
    ".css",
    ".html",
    ".json",
    ".svg",
    ".wasm",
    ".webmanifest",
    ".txt",
    ".map",
    ".md",
)


class Pieces(Response):
    """Bytes that are there already, sent piece by piece as the client takes them.

    Args:
        data: what is sent.
        patience: seconds that the client may take for a piece.
    """

    def __init__(self, data: bytes, *, patience: float, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(b"", media_type=media_type, headers={**headers, "content-length": str(len(data))})
        self._data, self._patience = data, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it. Raises Gone where the client stopped taking it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        at, view = 0, memoryview(self._data)
        try:
            while True:
                piece = bytes(view[at : at + _PIECE])
                at += _PIECE
                more = at < len(view) and scope["method"] != "HEAD"
                async with asyncio.timeout(self._patience):
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
                if not more:
                    return
        except TimeoutError as error:
            raise Gone from error


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding has gzip, and not as what is refused (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding in ("gzip", "x-gzip", "*"):
            weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
            return weight.strip("0.") != ""
    return False


def unchanged(request: Request, etag: str) -> bool:
    """Whether the client has what it would be sent."""
    given = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    return etag in given or given == ["*"]


@dataclass(frozen=True)
class _File:
    stamp: tuple[int, int]
    data: bytes
    packed: bytes | None
    digest: str
    media_type: str

    def sent(self, *, gzipped: bool) -> tuple[bytes, dict[str, str]]:
        """Bytes and headers; the packed ones are another representation, with a tag of its own (RFC 9110, 8.8.3)."""
        if gzipped and self.packed is not None:
            return self.packed, {"etag": f'"{self.digest}-gzip"', "content-encoding": "gzip"}
        return self.data, {"etag": f'"{self.digest}"'}


class WebApp:
    """A folder of built files. A file is read when it is first asked for, and again when it has changed.

    Args:
        folder: that holds `index.html`; it may be missing.
        patience: seconds that a client may take for a piece.
    """

    def __init__(self, folder: Path, patience: float) -> None:
        self.folder, self._patience = folder, patience
        self._kept: dict[str, _File] = {}
        self._there: frozenset[str] = frozenset()
        self._look_again = 0.0
        self._reading = threading.Lock()

    def there(self) -> bool:
        """Whether it was built."""
        return (self.folder / INDEX).is_file()

    async def answer(self, request: Request, path: str) -> Response | None:
        """The file of a path, `index.html` for one without an ending; None where there is none."""
        name = path.strip("/") or INDEX
        if not PurePosixPath(name).suffix:
            name = INDEX
        file = await asyncio.get_running_loop().run_in_executor(None, self._file, name)
        if file is None:
            return None
        data, headers = file.sent(gzipped=takes_gzip(request.headers.get("accept-encoding", "")))
        headers |= {
            "cache-control": FOR_EVER if name.startswith(_ASSETS) else "no-cache",
            "vary": "accept-encoding",
        }
        if unchanged(request, headers["etag"]):
            headers.pop("content-encoding", None)
            return Response(status_code=304, headers=headers)
        return Pieces(data, patience=self._patience, media_type=file.media_type, headers=headers)

    def _file(self, name: str) -> _File | None:
        """In a thread; no path is ever opened but those that a look at the folder found."""
        with self._reading:  # many ask at once for what nobody has read yet
            if time.monotonic() >= self._look_again:
                self._there = frozenset(_below(self.folder))
                self._look_again = time.monotonic() + _LOOK
            try:
                return self._read(name) if name in self._there else None
            except FileNotFoundError:  # built anew just now
                return None

    def _read(self, name: str) -> _File:
        path = self.folder / name
        about = path.stat()
        stamp = about.st_mtime_ns, about.st_size
        kept = self._kept.get(name)
        if kept is not None and kept.stamp == stamp:
            return kept
        data = path.read_bytes()
        packed = gzip.compress(data, 6, mtime=0) if path.suffix in _PACKED and len(data) > 1024 else None
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._kept[name] = file = _File(stamp, data, packed, sha256(data).hexdigest(), kind)
        return file


def _below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix()


__all__ = ["BUILT", "FOR_EVER", "INDEX", "Pieces", "WebApp", "takes_gzip", "unchanged"]
