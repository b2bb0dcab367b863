"""Nothing of a picture is ever on a disk or in a log."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np

from tests.serving.conftest import Process
from tests.serving.small import encoded, form, plain

_EXIF_TEXT = "Anna Mueller, left shoulder"


def pictures() -> list[bytes]:
    """Small and large ones (above the megabyte from which parsers spool to disk), whole and broken."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = _EXIF_TEXT
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    large = encoded(noise)
    assert len(large) > 2_000_000
    named = encoded(plain(90), "JPEG", exif=exif)
    assert _EXIF_TEXT.encode() in named
    return [
        encoded(plain(50)),
        large,
        named,
        large[:-5000],
        b"<html>" + _EXIF_TEXT.encode(),
        encoded(noise, "TIFF"),
    ]


def test_no_file_is_opened_for_writing_and_nothing_is_logged(
    serve: Callable[..., Process], tmp_path: Path
) -> None:
    """An audit hook sees every file that Python opens, and every one that is made, renamed or removed."""
    hook, seen = tmp_path / "hook", tmp_path / "seen.log"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        f"""
import os, sys
out = os.open({str(seen)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, given):
    if event == "open":
        path, mode, flags = given
        writes = isinstance(mode, str) and set(mode) & set("wax+")
        if writes or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(out, f"open {{path!r}} {{mode!r}}\\n".encode())
    elif event.split(".")[0] in ("tempfile", "shutil") or event in (
        "os.rename", "os.mkdir", "os.remove", "os.link", "os.symlink", "os.truncate", "os.memfd_create"):
        os.write(out, f"{{event}} {{given!r}}\\n".encode())
sys.addaudithook(watch)
"""
    )
    paths = os.pathsep.join([str(hook), str(Path(__file__).resolve().parents[2])])
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    server = serve(
        environment={"PYTHONPATH": paths, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert (
        httpx.post(f"{server.url}/api/analyze", **form(), timeout=30).status_code == 200
    )  # loads what is loaded late
    before, log_before = seen.read_text(), server.log.stat().st_size
    held = _written_bytes(server)
    for data in pictures():
        for path, name in (("/api/analyze", "image"), ("/api/analyze/batch", "images")):
            answer = httpx.post(f"{server.url}{path}", **form(name, data), timeout=30)
            assert answer.status_code < 500
    assert seen.read_text() == before
    assert list(temporary.iterdir()) == []
    logged = server.log.read_bytes()[log_before:].decode()
    # what the process has written at all is its log, its answers and a byte or so to wake its own loop
    assert _written_bytes(server) - held < len(logged) + 500_000
    for word in ("anna", "mueller", "shoulder", ".png", "PNG", "IHDR", "html", "127.0.0.1"):
        assert word not in logged
    known = {"time", "level", "event", "request_id", "method", "route", "status", "ms", "bytes"}
    for line in logged.splitlines():
        assert set(json.loads(line)) == known
    assert "python" in sys.executable


def _written_bytes(server: Process) -> int:
    """What the process has handed to the kernel to write, to sockets too."""
    lines = Path(f"/proc/{server.process.pid}/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def test_error_that_nobody_foresaw_tells_nothing(serve: Callable[..., Process], tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        """
import skintag.serving.pictures as pictures
def broken(*args):
    raise RuntimeError("Anna Mueller")
pictures.findings = broken
"""
    )
    paths = os.pathsep.join([str(hook), str(Path(__file__).resolve().parents[2])])
    server = serve(environment={"PYTHONPATH": paths})
    answer = httpx.post(f"{server.url}/api/analyze", **form(), timeout=30)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    logged = server.log.read_text()
    assert said["request_id"] in logged
    assert '"error": "RuntimeError"' in logged
    for text in (answer.text, logged):
        assert "Mueller" not in text
        assert "Traceback" not in text
    failed = httpx.post(f"{server.url}/api/analyze/batch", **form("images"), timeout=30)
    assert failed.status_code == 200
    assert json.loads(failed.text)["error"]["status"] == 500
    assert httpx.get(f"{server.url}/api/health").status_code == 200
