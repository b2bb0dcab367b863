"""The bundle's files that a phone needs, the web app's, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.serving.small import FIXTURES


def test_manifest_is_what_was_written_and_never_stale(client: TestClient, tiny: Path) -> None:
    answer = client.get("/bundle/bundle.json")
    assert answer.content == (tiny / "bundle.json").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    etag = answer.headers["etag"]
    again = client.get("/bundle/bundle.json", headers={"if-none-match": f'"x", W/{etag}'})
    assert (again.status_code, again.content) == (304, b"")


def test_files_are_there_to_the_byte_and_may_be_kept(client: TestClient, tiny: Path) -> None:
    entries = {e["path"]: e for e in client.get("/bundle/bundle.json").json()["files"]}
    for path in ("model/model.onnx", "model/resize.onnx", "texts.json", "metrics.json", "triage.json"):
        answer = client.get(f"/bundle/{path}", params={"v": entries[path]["sha256"]})
        assert hashlib.sha256(answer.content).hexdigest() == entries[path]["sha256"]
        assert answer.content == (tiny / path).read_bytes()
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["etag"] == f'"{entries[path]["sha256"]}"'
        head = client.head(f"/bundle/{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(answer.content)


def test_another_version_is_not_served_under_its_name(client: TestClient) -> None:
    assert client.get("/bundle/texts.json", params={"v": "0" * 64}).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["provenance.json", "model_card.md", "../bundle.json", "model/weights.safetensors", "probes/majority.npz",
     "model/trained_on.safetensors", "%2e%2e/%2e%2e/etc/passwd", "", "/etc/passwd"],
)  # fmt: skip
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/bundle/{path}").status_code == 404


def test_bundle_that_no_phone_can_run_gives_no_network(client_of: Callable[..., TestClient]) -> None:
    client = client_of(FIXTURES / "bundle_onnx.zip")
    assert client.get("/bundle/model/model.onnx").status_code == 404
    assert client.get("/bundle/ood/ood.safetensors").status_code == 200


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>" + "x" * 2000)
    (folder / "assets" / "app-1a2b.js").write_text("let a = 1;\n" * 500)
    (folder / "sw.js").write_text("1")
    (folder / "manifest.webmanifest").write_text("{}")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def test_web_app_is_served(client_of: Callable[..., TestClient], web: Path) -> None:
    client = client_of(web=str(web))
    for path in ("/", "/history", "/result/12", "/index.html"):
        answer = client.get(path)
        assert answer.text.startswith("<!doctype html>")
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-cache"
    script = client.get("/assets/app-1a2b.js")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["content-encoding"] == "gzip"
    assert script.text == "let a = 1;\n" * 500
    for accepted in ("identity", "gzip;q=0, identity", "gzip; q=0.000"):
        plain = client.get("/assets/app-1a2b.js", headers={"accept-encoding": accepted})
        assert (plain.text, "content-encoding" in plain.headers) == (script.text, False)
        assert plain.headers["etag"] != script.headers["etag"]
    assert client.get("/sw.js").headers["cache-control"] == "no-cache"
    assert client.get("/manifest.webmanifest").headers["content-type"] == "application/manifest+json"
    assert client.get("/", headers={"if-none-match": client.get("/").headers["etag"]}).status_code == 304
    assert client.head("/assets/app-1a2b.js").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/link.txt",
        "/none.js",
        "/api/none",
        "/api",
        "/assets/../../secret.txt",
    ],
)
def test_nothing_outside_the_web_app_is_served(
    client_of: Callable[..., TestClient], web: Path, path: str
) -> None:
    answer = client_of(web=str(web)).get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_web_app_that_was_built_again_is_read_again(client_of: Callable[..., TestClient], web: Path) -> None:
    client = client_of(web=str(web))
    before = client.get("/").headers["etag"]
    (web / "index.html").write_text("<!doctype html>new")
    after = client.get("/")
    assert after.text.endswith("new")
    assert after.headers["etag"] != before


def test_packed_file_is_the_file(client_of: Callable[..., TestClient], web: Path) -> None:
    client = client_of(web=str(web))
    with client.stream("GET", "/assets/app-1a2b.js") as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())) == (web / "assets" / "app-1a2b.js").read_bytes()


def test_without_the_web_app_the_root_says_how_to_build_it(
    client_of: Callable[..., TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skintag.serving.app.BUILT", tmp_path / "none")
    answer = client_of().get("/")
    assert answer.status_code == 200
    assert "make app" in answer.text
