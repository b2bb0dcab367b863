"""The Gradio app: what it says is what the engine says, and no upload is left behind."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from skintag.core.errors import ConfigError
from skintag.serving import space
from skintag.serving.engine import Engine
from skintag.serving.space import drop_left, look, said_of, settings_of
from tests.serving.small import encoded, plain

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine(tiny: Path) -> Engine:
    return Engine.load(tiny, 10_000_000, 1)


def uploaded(folder: Path, data: bytes, name: str = "anna-mueller.jpg") -> Path:
    """As Gradio lays it down: in a folder of its own."""
    path = folder / "0a1b2c" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_it_says_what_the_engine_says(engine: Engine) -> None:
    data = encoded(plain(235, 60, 60, (320, 240)))
    picture = engine.pictures(data)
    (answer,) = engine.answers(picture.pixels[None], [picture])
    html = said_of(engine, data)
    assert f'data-tier="{answer["tier"]}"' in html
    assert answer["recommendation"] in html
    assert answer["tier_reason"] in html


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_upload_is_gone_once_it_was_looked_at(engine: Engine, tmp_path: Path, kind: str) -> None:
    path = uploaded(tmp_path, encoded(plain(60), kind))
    assert "data-tier" in look(engine, str(path))
    assert list(tmp_path.rglob("*")) == []  # nor the folder, whose name is a digest


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"\xff\xd8\xff" + bytes(50)])
def test_what_cannot_be_read_is_said_and_dropped(engine: Engine, tmp_path: Path, data: bytes) -> None:
    path = uploaded(tmp_path, data)
    said = look(engine, str(path))
    assert "That did not work" in said
    assert "To do:" in said
    assert "anna" not in said
    assert "<svg onload" not in said
    assert list(tmp_path.rglob("*")) == []


def test_no_photo_is_said(engine: Engine, tmp_path: Path) -> None:
    assert space.NO_PHOTO.replace("'", "&#x27;") in look(engine, None)
    assert "That did not work" in look(engine, str(tmp_path / "gone.jpg"))


def test_too_many_pixels_are_refused_by_the_header(tiny: Path) -> None:
    small = Engine.load(tiny, 5000, 1)
    assert "That did not work" in said_of(small, encoded(plain(60, size=(200, 200))))


def test_uploads_that_nobody_looked_at_are_dropped(tmp_path: Path) -> None:
    old, new = uploaded(tmp_path / "a", b"old"), uploaded(tmp_path / "b", b"new")
    os.utime(old, (time.time() - 1000, time.time() - 1000))
    drop_left(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "bundle is not set"),
        ({"bundle": "x", "cors": "https://a.org"}, "cors means nothing here"),
        ({"bundle": "x", "prot": "1"}, "no prot"),
        ({"bundle": "x", "port": "many"}, "port"),
    ],
)
def test_settings_that_will_not_do_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_of(values)


def test_without_gradio_it_says_what_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr(sys, "argv", ["space", f"bundle={tiny}", "threads=1"])
    with pytest.raises(ConfigError, match=re.escape("skintag[space]")):
        space.main()


def test_a_real_launch_on_loopback(tiny: Path) -> None:
    pytest.importorskip(
        "gradio", reason="gradio is not installed: make test-space has an environment with it"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    end = space.launch(settings_of({"bundle": str(tiny), "port": str(port), "threads": "1"}), wait=False)
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            page = client.get("/").text
            path = _uploaded(client, encoded(plain(235, 60, 60, (320, 240))))
            said = _looked_at(client, path)
            too_large = client.post("/gradio_api/upload", files={"files": ("a.png", bytes(21_000_000))})
            foreign = client.get("/gradio_api/file=/etc/passwd")
        left = [each for each in folder.rglob("*") if each.is_file()]
    finally:
        end()
    assert Path(path).is_relative_to(folder)
    assert "data-tier" in said
    assert left == []
    assert too_large.status_code == 413
    assert foreign.status_code in (403, 404)
    assert not folder.exists()
    assert "fonts.googleapis.com" not in page
    assert "screening aid" in page
    assert re.search(r'"analytics_enabled":\s*false', page)


def _uploaded(client: httpx.Client, data: bytes) -> str:
    (path,) = client.post("/gradio_api/upload", files={"files": ("anna.png", data, "image/png")}).json()
    return str(path)


def _looked_at(client: httpx.Client, path: str) -> str:
    """As the page does it: the event joins the queue, and its answer comes as a stream."""
    given = {"path": path, "orig_name": "anna.png", "meta": {"_type": "gradio.FileData"}}
    body = {"data": [given], "fn_index": 0, "session_hash": "a1"}
    client.post("/gradio_api/queue/join", json=body).raise_for_status()
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "a1"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and '"process_completed"' in line:
                return line
    return ""


def test_the_folder_of_the_space_pins_what_its_readme_names() -> None:
    readme = (ROOT / "space" / "README.md").read_text()
    requirements = (ROOT / "space" / "requirements.txt").read_text()
    version = re.search(r"^sdk_version: (\S+)$", readme, re.M)
    assert version is not None
    assert f"\ngradio=={version[1]}\n" in requirements
    for line in requirements.splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+( ; .+)?", line), line


def test_pixels_of_the_result_are_those_of_the_model(engine: Engine) -> None:
    picture = engine.pictures(encoded(plain(90)))
    assert picture.pixels.dtype == np.uint8
    assert "data:image/png;base64," in said_of(engine, encoded(plain(90)))
