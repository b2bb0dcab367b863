"""The web app: its unit tests, and its screens in Chromium, where Node, its packages and Chromium are there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from skintag.serving.webapp import BUILT, INDEX

WEB = Path(__file__).resolve().parents[2] / "skintag" / "serving" / "web"
SOURCES = ("src", "public", "index.html", "package-lock.json", "vite.config.ts")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def node() -> str:
    """Node's program; skips where it or the app's packages are missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not here: the web app's tests need it")
    if not (WEB / "node_modules" / "vitest").is_dir():
        pytest.skip("the web app's packages are not here: run `npm ci` in skintag/serving/web, or `make web`")
    return found


@pytest.fixture(scope="module")
def chromium() -> str:
    """Chromium's program; skips where it is missing, or the app was not built since its sources changed."""
    named = os.environ.get("CHROMIUM", "")
    found = named if Path(named).is_file() else next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip(
            "Chromium is not here: install it (Debian: apt-get install chromium), or name it in CHROMIUM"
        )
    if not (BUILT / INDEX).is_file():
        pytest.skip("the web app is not built: make web")
    files = [path for name in SOURCES for path in [WEB / name, *(WEB / name).rglob("*")]]
    if (
        max(path.stat().st_mtime for path in files if path.name != "schema.d.ts")
        > (BUILT / INDEX).stat().st_mtime
    ):
        pytest.skip("the built web app is older than its sources: make web")
    return found


def run(command: list[str], seconds: float, **environment: str) -> str:
    """Run a program of Node's in the app's folder; what it said. Fails where it fails or takes longer."""
    process = subprocess.Popen(
        command,
        cwd=WEB,
        env={**os.environ, "NO_COLOR": "1", "CI": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its browser as well
        said, _ = process.communicate()
        pytest.fail(f"took more than {seconds:.0f} s\n{said[-4000:]}")
    assert process.returncode == 0, said[-8000:]
    return said


def playwright(node: str, chromium: str, seconds: float, *arguments: str) -> str:
    """Run the browser's tests."""
    command = [node, "node_modules/@playwright/test/cli.js", "test", *arguments]
    return run(command, seconds, CHROMIUM=chromium)


def test_units(node: str) -> None:
    said = run([node, "node_modules/vitest/vitest.mjs", "run"], 120)
    assert "failed" not in said


def test_smoke(node: str, chromium: str, tmp_path: Path) -> None:
    said = playwright(node, chromium, 180, "--grep", "@smoke", "--output", str(tmp_path))
    assert "3 passed" in said


@pytest.mark.long
def test_types(node: str) -> None:
    run([node, "node_modules/typescript/bin/tsc", "--noEmit"], 300)


@pytest.mark.long
def test_every_screen(node: str, chromium: str, tmp_path: Path) -> None:
    said = playwright(node, chromium, 3000, "--output", str(tmp_path))
    assert "failed" not in said
    assert "flaky" not in said
