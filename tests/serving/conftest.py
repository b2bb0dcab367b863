"""Tiny bundles, the app over one, and a server in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from skintag.serving import Settings, create_app
from tests.serving.small import ROOT, write_bundle


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle's folder; copy it before changing anything in it."""
    return write_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("SKINTAG_SERVE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def client_of(tiny: Path) -> Iterator[Callable[..., TestClient]]:
    """`client_of(queue=2, ...)`: a client of the app over the tiny bundle, with these settings."""
    with contextlib.ExitStack() as stack:

        def make(bundle: object = tiny, **values: object) -> TestClient:
            settings = Settings(**{"rate_per_minute": 0, "reload_seconds": 0, "threads": 1, **values})  # type: ignore[arg-type]
            client = TestClient(create_app(bundle, settings=settings), raise_server_exceptions=False)  # type: ignore[arg-type]
            return stack.enter_context(client)

        yield make


@pytest.fixture
def client(client_of: Callable[..., TestClient]) -> TestClient:
    """A client of the app over the tiny bundle."""
    return client_of()


@dataclass
class Process:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def terminate(self) -> int:
        """Ask it to end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@pytest.fixture
def serve(tiny: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """`serve(queue=2, ...)`: starts `skintag serve` over the tiny bundle and waits until it is ready."""
    started: list[Process] = []

    def start(bundle: Path = tiny, environment: dict[str, str] | None = None, **values: object) -> Process:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "rate_per_minute": 0,
            "threads": 1,
            "drain": 0.3,
            "bundle": bundle,
            "port": port,
            **values,
        }
        command = [sys.executable, "-m", "skintag", "serve", *(f"{k}={v}" for k, v in settings.items())]
        log = tmp_path / f"server-{port}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdout=stream, stderr=stream, cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            )  # fmt: skip
        started.append(made := Process(process, port, log))
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{made.url}/api/ready", timeout=5).status_code == 200:
                    return made
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
