"""The site for a host of files: the app, what a phone needs of the bundle, and nothing else of it."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from skintag.bundle.bundle import Bundle
from skintag.core.errors import ConfigError, DataError
from skintag.serving.site import write_site
from tests.serving.small import write_bundle


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>SkinTag</title>")
    (folder / "assets" / "app.js").write_text("1")
    return folder


def test_the_site_holds_the_app_and_what_a_phone_needs(tiny: Path, web: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    files = write_site(Bundle.load(tiny), out, web)
    assert {"index.html", "404.html", ".nojekyll", "assets/app.js", "bundle/bundle.json"} <= set(files)
    assert {"bundle/model/model.onnx", "bundle/model/resize.onnx", "bundle/taxonomy.json"} <= set(files)
    for private in ("provenance", "trained_on", "probes", "model_card"):
        assert not [path for path in files if private in path], private
    listed = {
        each["path"]: each["sha256"] for each in json.loads((out / "bundle/bundle.json").read_text())["files"]
    }
    for path in files:
        if path.startswith("bundle/") and path != "bundle/bundle.json":
            assert sha256((out / path).read_bytes()).hexdigest() == listed[path.removeprefix("bundle/")]


def test_it_takes_no_folder_that_is_there(tiny: Path, web: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        write_site(Bundle.load(tiny), tmp_path, web)


def test_an_app_that_was_not_built_is_told(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make web"):
        write_site(Bundle.load(tiny), tmp_path / "site", tmp_path / "nothing")


def test_a_bundle_that_no_phone_can_run_is_refused(web: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(write_bundle(tmp_path / "bundle", resize=False))
    with pytest.raises(DataError, match=r"resize\.onnx"):
        write_site(bundle, tmp_path / "site", web)
    assert not (tmp_path / "site").exists()
