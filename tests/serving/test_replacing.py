"""A newer bundle at the same path: taken into use whole, or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from skintag.bundle import Bundle
from skintag.bundle.archive import write_zip
from skintag.bundle.sample import ANSWER, write_sample
from skintag.core.errors import DataError
from skintag.serving import Settings, create_app
from tests.serving.small import encoded, form, plain, sign, write_bundle


def version_of(client: TestClient) -> str:
    return client.get("/api/model").json()["bundle"]["version"]


def until(client: TestClient, done: Callable[[], bool]) -> None:
    for _ in range(300):
        client.get("/api/health")
        if done():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def refused(client: TestClient) -> bool:
    return 'skintag_bundle_loads_total{result="refused"} 1.0' in client.get("/metrics").text


@pytest.fixture
def link(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "old")
    write_bundle(tmp_path / "new", shift=2.0)
    (tmp_path / "bundle").symlink_to("old")
    return tmp_path / "bundle"


def lead(link: Path, name: str) -> None:
    """As an administrator does it: a new link, renamed over the old one."""
    (link.parent / "next").symlink_to(name)
    (link.parent / "next").rename(link)


def test_newer_bundle_is_taken_into_use(client_of: Callable[..., TestClient], link: Path) -> None:
    client = client_of(link, reload_seconds=0.02)
    before, first = version_of(client), client.post("/api/analyze", **form()).json()
    manifest = client.get("/bundle/bundle.json")
    lead(link, "new")
    until(client, lambda: version_of(client) != before)
    second = client.post("/api/analyze", **form()).json()
    assert second["bundle"]["version"] == version_of(client) != first["bundle"]["version"]
    assert second["malignancy_score"] > first["malignancy_score"]
    assert client.get("/bundle/bundle.json").headers["etag"] != manifest.headers["etag"]
    assert 'result="loaded"} 1.0' in client.get("/metrics").text


def test_folder_written_in_place_is_taken_when_it_is_whole(
    client_of: Callable[..., TestClient], tmp_path: Path
) -> None:
    folder, newer = write_bundle(tmp_path / "bundle"), write_bundle(tmp_path / "newer", shift=1.0)
    client = client_of(folder, reload_seconds=0.02)
    before = version_of(client)
    for path in sorted(p for p in newer.rglob("*") if p.is_file()):
        shutil.copyfile(path, folder / path.relative_to(newer))
        time.sleep(0.03)
        assert client.post("/api/analyze", **form()).status_code == 200
        assert client.get("/bundle/model/model.onnx").status_code == 200
    until(client, lambda: version_of(client) != before)


@pytest.mark.parametrize("how", ["changed", "cut", "gone", "other answer", "figures", "pipe"])
def test_broken_bundle_is_refused_and_the_old_goes_on(
    client_of: Callable[..., TestClient], link: Path, how: str
) -> None:
    client, new = client_of(link, reload_seconds=0.02), link.parent / "new"
    before = version_of(client)
    if how == "changed":
        (new / "texts.json").write_text("{}")
    elif how == "cut":
        (new / "model" / "model.onnx").write_bytes((new / "model" / "model.onnx").read_bytes()[:500])
        sign(new)
    elif how == "figures":
        (new / "metrics.json").write_text('{"models": {"head": {"levels": []}}}')
        sign(new)
    elif how == "pipe":
        shutil.rmtree(new)
        os.mkfifo(new)
    elif how == "gone":
        (new / "taxonomy.json").unlink()
    else:
        write_sample(Bundle.load(link.parent / "old"))
        shutil.move(link.parent / "old" / "sample", new / "sample")  # the new one says something else
        sign(new)
    lead(link, "new")
    until(client, lambda: refused(client))
    assert version_of(client) == before
    assert client.post("/api/analyze", **form()).status_code == 200
    assert client.get("/api/ready").status_code == 200


def test_path_that_is_empty_for_a_while_changes_nothing(
    client_of: Callable[..., TestClient], link: Path
) -> None:
    client = client_of(link, reload_seconds=0.02)
    before = version_of(client)
    link.unlink()
    until(client, lambda: refused(client))
    assert client.post("/api/analyze", **form()).json()["bundle"]["version"] == before
    link.symlink_to("new")
    until(client, lambda: version_of(client) != before)


def test_what_is_under_way_ends_with_the_bundle_that_it_began_with(link: Path) -> None:
    settings = Settings(rate_per_minute=0, reload_seconds=0, threads=1)
    app = create_app(link, settings=settings)
    service = app.state.service
    newer = create_app(link.parent / "new", settings=settings).state.service.current

    async def main() -> None:
        async with app.router.lifespan_context(app):
            picture = encoded(plain(150))
            before = [asyncio.ensure_future(service.analyse(picture, None)) for _ in range(20)]
            await asyncio.sleep(0)
            old = service.current
            service.use(newer)
            after = [asyncio.ensure_future(service.analyse(picture, None)) for _ in range(20)]
            versions = [answer["bundle"]["version"] for answer in await asyncio.gather(*before, *after)]
            assert versions == [old.engine.about["version"]] * 20 + [newer.engine.about["version"]] * 20
            assert old.under_way == 0

    asyncio.run(main())


def test_what_is_said_of_a_bundle_is_what_was_verified(
    client_of: Callable[..., TestClient], tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "bundle")
    client = client_of(folder, reload_seconds=0)
    before = client.get("/api/model").json()
    (folder / "model_card.md").write_text("another")
    (folder / "metrics.json").unlink()
    assert client.get("/api/model").json() == before


def test_bundle_that_is_replaced_leaves_no_folder_behind(
    client_of: Callable[..., TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    path, newer = tmp_path / "bundle.zip", tmp_path / "newer.zip"
    write_zip(write_bundle(tmp_path / "old"), path)
    write_zip(write_bundle(tmp_path / "new", shift=2.0), newer)
    client = client_of(path, reload_seconds=0.02)
    before = version_of(client)
    newer.rename(path)
    until(client, lambda: version_of(client) != before)
    until(client, lambda: len(list((tmp_path / "temporary").glob("skintag_bundle_*"))) == 1)
    assert client.post("/api/analyze", **form()).status_code == 200


def test_bundle_whose_sample_is_answered_otherwise_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    write_sample(Bundle.load(folder))
    assert create_app(sign(folder), settings=Settings(threads=1))
    known = json.loads((folder / ANSWER).read_text())
    (folder / ANSWER).write_text(json.dumps({**known, "p_malignant": known["p_malignant"] / 2}))
    with pytest.raises(DataError, match="the answer that the bundle was built with"):
        create_app(sign(folder), settings=Settings(threads=1))


def test_app_can_be_mounted(tiny: Path) -> None:
    inner = create_app(tiny, settings=Settings(rate_per_minute=0, threads=1))
    outer = FastAPI()
    outer.mount("/skin", inner)
    with TestClient(outer) as client:
        assert client.post("/skin/api/analyze", **form()).status_code == 200
        assert client.get("/skin/bundle/texts.json").status_code == 200
        assert client.get("/skin/api/openapi.json").status_code == 200
        assert client.get("/api/health").status_code == 404
