"""Who may ask and how often; limits, headers, ids, and what is held while a request is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from skintag.serving.guards import RateLimit
from skintag.serving.guards import client_of as whom
from skintag.serving.middleware import CSP
from skintag.serving.problems import Problem
from tests.serving.small import encoded, form, plain


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_bucket_fills_steadily_and_says_how_long_to_wait() -> None:
    clock = Clock()
    limit = RateLimit(60, 3, 100, clock)
    for _ in range(3):
        limit.take("a")
    with pytest.raises(Problem) as said:
        limit.take("a")
    assert (said.value.status, said.value.retry_after) == (429, 1)
    limit.take("b")
    clock.now = 1.0
    limit.take("a")
    with pytest.raises(Problem):
        limit.take("a")
    clock.now = 1000.0
    limit.take("a", 3)
    with pytest.raises(Problem):
        limit.take("a", 3)


def test_only_so_many_clients_are_kept_count_of() -> None:
    limit = RateLimit(60, 1, 50, Clock())
    for i in range(1000):
        limit.take(f"client {i}")
    assert len(limit) == 50


@pytest.mark.parametrize(
    ("host", "client"),
    [("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
     ("testclient", "testclient")],
)  # fmt: skip
def test_a_client_is_its_address_or_its_network(host: str, client: str) -> None:
    assert whom(Request({"type": "http", "client": (host, 1), "headers": []})) == client


def test_too_many_pictures_are_told_when_to_go_on(client_of: Callable[..., TestClient]) -> None:
    client = client_of(rate_per_minute=1, rate_burst=2, max_images=2)
    assert [client.post("/api/analyze", **form()).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.post("/api/analyze", **form())
    assert int(refused.headers["retry-after"]) > 1
    assert client.get("/api/health").status_code == 200


def test_key_is_asked_for_but_of_those_who_watch(client_of: Callable[..., TestClient]) -> None:
    client = client_of(api_key="sésame")
    for path in ("/api/model", "/metrics", "/bundle/bundle.json"):
        refused = client.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for headers in ({"x-api-key": "sésame".encode()}, {"authorization": "Bearer sésame".encode()}):
            assert client.get(path, headers=headers).status_code == 200
    assert client.post("/api/analyze", **form(), headers={"x-api-key": "sesame"}).status_code == 401
    assert client.post("/api/analyze", **form(), headers={"authorization": "Basic x"}).status_code == 401
    for path in ("/api/health", "/api/ready", "/api/openapi.json", "/"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/model", "/api/nothing", "/bundle/none", "/bundle/bundle.json", "/x.js"]
)
def test_every_answer_has_the_headers_that_protect(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert "unsafe-inline" not in CSP
    assert headers["permissions-policy"].startswith("camera=(self)")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]
    assert "server" not in headers


def test_request_id_is_taken_over_where_it_is_one(client: TestClient) -> None:
    assert client.get("/api/health", headers={"x-request-id": "a-1"}).headers["x-request-id"] == "a-1"
    for bad in ("a b", "x" * 65, "<script>", "a\\nb"):
        assert client.get("/api/health", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_other_sites_are_let_in_by_name(client_of: Callable[..., TestClient]) -> None:
    client = client_of(cors="https://clinic.example")
    for origin, allowed in (("https://clinic.example", True), ("https://other.example", False)):
        answer = client.get("/api/health", headers={"origin": origin})
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
        asked = client.options(
            "/api/analyze", headers={"origin": origin, "access-control-request-method": "POST"}
        )
        assert (asked.status_code == 200) is allowed
    assert (
        "access-control-allow-origin" not in client_of().get("/", headers={"origin": "https://a.b"}).headers
    )


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "multipart/form-data; boundary=x", 400),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        (b"nothing", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\ncut',
            "multipart/form-data; boundary=x",
            400,
        ),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json", 415),
        (b"--x", "multipart/form-data", 400),
        (b"--x", "multipart/form-data; boundary=" + "x" * 100, 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="y"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
        (b"--x\r\n" + b"A: b\r\n" * 100, "multipart/form-data; boundary=x", 400),
        (b"--x\r\nA: " + b"b" * 9000, "multipart/form-data; boundary=x", 400),
    ],
)
def test_what_is_no_form_is_refused(client: TestClient, content: bytes, kind: Any, status: int) -> None:
    answer = client.post("/api/analyze", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text


def test_bytes_are_bounded_as_they_arrive(client_of: Callable[..., TestClient]) -> None:
    client = client_of(max_image_bytes=100_000)
    noise = encoded(plain(1), "PNG") + bytes(100_001)
    assert client.post("/api/analyze", **form(data=noise)).status_code == 413
    said = {"content-type": "multipart/form-data; boundary=x", "content-length": "9" * 30}
    assert client.post("/api/analyze", content=b"", headers=said).status_code == 413
    fields = client.post("/api/analyze", **form(crop="1" * 3000))
    assert fields.status_code == 413


def test_pixels_are_bounded_by_the_header(client_of: Callable[..., TestClient]) -> None:
    client = client_of(max_pixels=5000)
    refused = client.post("/api/analyze", **form())
    assert refused.status_code == 413
    assert "96 x 64" in refused.json()["detail"]


def test_two_pictures_where_one_is_wanted_are_refused(client: TestClient) -> None:
    files = [("image", ("a", encoded(plain(1)), "image/png"))] * 2
    assert client.post("/api/analyze", files=files).status_code == 422


def test_full_queue_and_full_memory_say_when_to_ask_again(client_of: Callable[..., TestClient]) -> None:
    client = client_of(queue=1)
    service = client.app.state.service  # type: ignore[attr-defined]
    with service.admission():
        refused = client.post("/api/analyze", **form())
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.post("/api/analyze/batch", **form("images")).status_code == 503
    assert client.post("/api/analyze", **form()).status_code == 200
    small = client_of(memory_bytes=1500, max_image_bytes=1500)
    files = [("images", (f"{i}.jpg", b"x" * 900, "image/jpeg")) for i in range(2)]
    refused = small.post("/api/analyze/batch", files=files)
    assert (refused.status_code, refused.json()["type"][-6:]) == (503, "memory")


def test_what_is_held_is_given_back_whatever_happens(client: TestClient) -> None:
    for data in (encoded(plain(1)), b"nothing", b""):
        client.post("/api/analyze", **form(data=data))
        client.post("/api/analyze/batch", **form("images", data))
    client.post("/api/analyze", **form(crop="nothing"))
    client.post("/api/analyze", **form("other"))
    told = client.get("/metrics").text
    assert "skintag_upload_bytes 0.0" in told
    assert "skintag_queue_images 0.0" in told


def test_slow_body_is_given_up(client_of: Callable[..., TestClient]) -> None:
    app = client_of(idle_timeout=0.05, body_timeout=0.2).app

    async def drip(pause: float) -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
        for _ in range(50):
            await asyncio.sleep(pause)
            yield b"x"

    async def ask(pause: float) -> int:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://it") as client:
            headers = {"content-type": "multipart/form-data; boundary=x"}
            return (await client.post("/api/analyze", content=drip(pause), headers=headers)).status_code

    assert asyncio.run(ask(0.2)) == 408  # a pause
    assert asyncio.run(ask(0.01)) == 408  # never done
