"""Whatever is sent: an answer, 4xx, or 503; never 5xx from an error, and memory within bounds."""

from __future__ import annotations

import asyncio
import mmap
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from skintag.serving import Settings, create_app
from tests.serving.conftest import Process
from tests.serving.hostile import bases, bombs, mutated, polyglots
from tests.serving.small import encoded, form, plain
from tests.serving.test_server import resident

FINE = {200, 400, 408, 413, 415, 422, 429, 503}
BOUND = 900_000_000
"""Bytes that a server with the tiny bundle may hold, whatever it is sent."""


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of tags that are odd


@pytest.fixture(scope="module")
def patient(tiny: Path) -> Iterator[TestClient]:
    """One client for all; errors of the server are answers, as they are outside."""
    made = create_app(tiny, settings=Settings(rate_per_minute=0, reload_seconds=0, threads=1))
    with TestClient(made, raise_server_exceptions=False) as client:
        yield client


def schemathesis(server: Process, examples: int, *more: str) -> None:
    """Everything that the document describes, and what it does not."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/api/openapi.json"]
    command += ["--checks", "all", "--max-examples", str(examples), "--no-color", "--seed", "1", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=server.log.parent)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Traceback" not in server.log.read_text()
    assert '"status": 500' not in server.log.read_text()


# bytes of any kind are a file, but few are a picture; and in a batch, what is none has a line of its own
WHOLE = ("--exclude-checks", "positive_data_acceptance,negative_data_rejection")
BUT_BATCH = ("--exclude-checks", "positive_data_acceptance", "--exclude-path", "/api/analyze/batch")


def test_whole_document(serve: Callable[..., Process]) -> None:
    schemathesis(serve(), 5, *WHOLE)


@pytest.mark.long
def test_whole_document_at_length(serve: Callable[..., Process]) -> None:
    server = serve()
    schemathesis(server, 300, *WHOLE)
    schemathesis(server, 300, *BUT_BATCH)


@pytest.mark.parametrize("name", polyglots())
def test_what_a_file_is_counts_and_not_its_name(patient: TestClient, name: str) -> None:
    data, is_picture = polyglots()[name]
    files = {"image": ("lesion.jpg", data, "image/jpeg")}
    answer = patient.post("/api/analyze", files=files)
    assert answer.status_code == (200 if is_picture else 415), answer.text
    assert "json" in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="not Linux")
@pytest.mark.parametrize("name", bombs())
def test_bombs_do_not_go_off(patient: TestClient, name: str) -> None:
    data = bombs()[name]
    forget_peak()
    before = memory("VmRSS")
    answer = patient.post("/api/analyze", **form(data=data))
    assert answer.status_code in (413, 422), answer.text
    assert memory("VmHWM") - before < 400_000_000


def forget_peak() -> None:
    """What the process took before, at its most, would hide what a bomb takes."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(which: str) -> int:
    """Bytes: VmRSS now, VmHWM at the most since the peak was forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{which}:"))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="not Linux")
def test_peak_is_forgotten_and_seen() -> None:
    def take(megabytes: int) -> None:
        with mmap.mmap(-1, megabytes << 20) as taken:  # from the system, whatever the allocator holds back
            for _ in range(megabytes):
                taken.write(b"x" * (1 << 20))

    take(300)
    forget_peak()
    before = memory("VmRSS")
    assert memory("VmHWM") - before < 50_000_000
    take(200)
    assert memory("VmHWM") - before > 150_000_000


def send_mutated(client: TestClient, n: int) -> dict[int, int]:
    rng, files = np.random.default_rng(0), bases()
    seen: dict[int, int] = {}
    for i in range(n):
        status = client.post("/api/analyze", **form(data=mutated(files[i % len(files)], rng))).status_code
        seen[status] = seen.get(status, 0) + 1
    return seen


def test_mutated_files_are_answered(patient: TestClient) -> None:
    assert set(send_mutated(patient, 200)) <= FINE


@pytest.mark.long
def test_a_thousand_mutated_files_are_answered(patient: TestClient) -> None:
    seen = send_mutated(patient, 1000)
    assert set(seen) <= FINE
    assert seen[422] > 200


@pytest.mark.long
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_files_that_hypothesis_thinks_of_are_answered(patient: TestClient, data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(bases())))
    at = data.draw(st.integers(0, len(file)))
    file[at : at + data.draw(st.integers(0, 64))] = data.draw(st.binary(max_size=64))
    assert patient.post("/api/analyze", **form(data=bytes(file))).status_code in FINE


@given(body=st.binary(max_size=400), boundary=st.sampled_from(["x", "xy", "----WebKitFormBoundary"]))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_bodies_that_are_no_form_are_answered(patient: TestClient, body: bytes, boundary: str) -> None:
    whole = f'--{boundary}\r\nContent-Disposition: form-data; name="image"\r\n'.encode() + body
    for content in (body, whole):
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        assert patient.post("/api/analyze", content=content, headers=headers).status_code in FINE - {200}


async def crowd(app: object, n: int) -> list[httpx.Response]:
    picture = encoded(plain(200))
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://it", timeout=None) as client:
        return await asyncio.gather(*(client.post("/api/analyze", **form(data=picture)) for _ in range(n)))


def test_crowd_is_told_when_to_ask_again(client_of: Callable[..., TestClient]) -> None:
    answers = asyncio.run(crowd(client_of(queue=5).app, 300))
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(a.headers["retry-after"]) > 0 for a in answers if a.status_code == 503)
    scores = [a.json()["malignancy_score"] for a in answers if a.status_code == 200]
    assert max(scores) - min(scores) < 1e-6


@pytest.mark.long
def test_ten_thousand_at_once(serve: Callable[..., Process]) -> None:
    server = serve(queue=64, threads=2)

    async def main() -> list[tuple[int, bool]]:
        limits = httpx.Limits(max_connections=900, max_keepalive_connections=900)
        pictures = [encoded(plain(red)) for red in range(0, 250, 10)]
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=400) as client:
            known = [
                (await client.post("/api/analyze", **form(data=p))).json()["map"]["values"] for p in pictures
            ]

            gate = asyncio.Semaphore(900)  # httpx looks through all that wait for a connection, each time

            async def ask(i: int) -> tuple[int, bool]:
                async with gate:
                    answer = await client.post("/api/analyze", **form(data=pictures[i % len(pictures)]))
                said = answer.json()
                if answer.status_code == 503:
                    return 503, int(answer.headers["retry-after"]) > 0
                return answer.status_code, np.allclose(
                    said["map"]["values"], known[i % len(pictures)], atol=1e-4
                )

            return await asyncio.gather(*(ask(i) for i in range(10_000)))

    found = asyncio.run(main())
    assert {status for status, _ in found} <= {200, 503}
    assert all(right for _, right in found)
    assert sum(status == 200 for status, _ in found) > 500
    assert resident(server) < BOUND
    assert "Traceback" not in server.log.read_text()


@pytest.mark.long
def test_memory_stays_within_its_bound(serve: Callable[..., Process]) -> None:
    server = serve()
    rng, files = np.random.default_rng(1), bases()
    big = [
        encoded(np.zeros((7000, 7000, 3), np.uint8), "PNG"),
        encoded(np.full((6900, 7100, 3), 9, np.uint8), "JPEG"),
    ]
    worst = 0

    async def main() -> set[int]:
        nonlocal worst
        async with httpx.AsyncClient(base_url=server.url, timeout=200) as client:
            hostile = [
                *bombs().values(),
                *big,
                *big,
                *(mutated(files[i % len(files)], rng) for i in range(300)),
            ]
            tasks = [
                asyncio.ensure_future(client.post("/api/analyze", **form(data=data))) for data in hostile
            ]
            while not all(task.done() for task in tasks):
                worst = max(worst, resident(server))
                await asyncio.sleep(0.01)
            return {task.result().status_code for task in tasks}

    assert asyncio.run(main()) <= FINE
    print(f"at most {worst / 1e6:.0f} MB")
    assert worst < BOUND
