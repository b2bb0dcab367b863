"""The server as a process, spoken to over sockets: rude clients, slow ones, and the signal to end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.serving.conftest import Process
from tests.serving.raw import BOUNDARY, answer, connect, request
from tests.serving.small import ROOT, encoded, form, plain


def resident(server: Process) -> int:
    """Bytes."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def well(server: Process) -> bool:
    return httpx.post(f"{server.url}/api/analyze", **form(), timeout=30).status_code == 200


def value(told: str, name: str) -> float:
    """Of a metric without labels."""
    return next(float(line.split()[1]) for line in told.splitlines() if line.startswith(f"{name} "))


def test_rude_clients_are_told_so_and_cut_off(serve: Callable[..., Process]) -> None:
    server = serve(header_timeout=0.6, idle_timeout=0.6, keep_alive=0.6, max_connections=40)

    with connect(server.port) as slow:  # a byte now and then, headers that never end
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for letter in b"GET / HTTP/1.1\r\nA: " + b"b" * 100:
                slow.sendall(bytes([letter]))
                time.sleep(0.1)
                if time.monotonic() - began > 5:
                    break
        assert time.monotonic() - began < 4
        assert answer(slow)[0] in (0, 408)

    with connect(server.port) as silent:  # not a byte
        assert answer(silent)[0] in (0, 408)

    with connect(server.port) as stalled:  # a body that stops
        stalled.sendall(request()[:-50])
        status, headers, said = answer(stalled)
        assert (status, headers["connection"], said["type"]) == (408, "close", "urn:skintag:problem:too-slow")

    with connect(server.port) as empty:  # blank lines, to keep a connection for ever
        empty.sendall(request())
        assert answer(empty)[0] == 200
        with contextlib.suppress(OSError):
            for _ in range(30):
                empty.sendall(b"\r\n")
                time.sleep(0.1)
            raise AssertionError("the connection was kept")

    with connect(server.port) as long, contextlib.suppress(ConnectionError):
        for _ in range(100):
            long.sendall(b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 8000)
        assert answer(long)[0] in (0, 400, 431)

    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
    ):
        with connect(server.port) as other:
            other.sendall(nonsense)
            assert answer(other)[0] in (0, 400, 408)

    with connect(server.port) as piped, contextlib.suppress(ConnectionError):
        piped.sendall(b"GET /api/health HTTP/1.1\r\nHost: it\r\n\r\n" * 3)
        assert [answer(piped)[0]] == [200]
    with connect(server.port) as flood, contextlib.suppress(ConnectionError):
        flood.sendall(b"GET /api/health HTTP/1.1\r\nHost: it\r\n\r\n" * 3000)

    many = [connect(server.port) for _ in range(60)]
    status, headers, said = answer(many[50])
    assert (status, headers["retry-after"], said["type"]) == (503, "2", "urn:skintag:problem:connections")
    for one in many:
        one.close()
    time.sleep(0.2)
    assert well(server)
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"failed"' not in log
    assert server.terminate() == 0


def test_body_without_end_is_answered_and_cut_off(serve: Callable[..., Process]) -> None:
    server = serve(max_image_bytes=1_000_000)
    before = resident(server)
    head = (
        "POST /api/analyze HTTP/1.1\r\nHost: it\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"\r\n\r\n'.encode()
    chunk = b"%x\r\n" % (1 << 20) + bytes(1 << 20) + b"\r\n"
    with connect(server.port) as endless:
        endless.sendall(head + b"%x\r\n" % len(part) + part + b"\r\n")
        found: list[tuple[int, object, object]] = []
        reader = threading.Thread(target=lambda: found.append(answer(endless)))
        reader.start()
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 2000:
                endless.sendall(chunk)
                sent += 1
        reader.join(20)
    assert found[0][0] == 413
    assert sent < 500  # of 2,000 MB, most were never taken
    assert resident(server) - before < 40_000_000
    with connect(server.port) as declared:
        declared.sendall(request().replace(b"Content-Length: ", b"Content-Length: 2000000"))
        assert answer(declared)[0] == 413
    with connect(server.port) as polite:
        polite.sendall(
            b"POST /api/analyze HTTP/1.1\r\nHost: it\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Expect: 100-continue\r\nContent-Length: 2000000000\r\n\r\n"
        )
        assert answer(polite)[0] == 413  # before a byte of it was asked for
    assert well(server)


def test_trailers_and_chunks_without_end_are_cut_off(serve: Callable[..., Process]) -> None:
    server = serve()
    head = (
        f"POST /api/analyze HTTP/1.1\r\nHost: it\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    whole = request().split(b"\r\n\r\n", 1)[1]
    chunk = f"{len(whole):x}\r\n".encode() + whole + b"\r\n"
    with connect(server.port) as polite:  # a trailer is allowed
        polite.sendall(head + chunk + b"0\r\nX-Sum: 12\r\n\r\n")
        assert answer(polite)[0] == 200
    before = resident(server)
    endless = {
        "many trailers": (chunk + b"0\r\n", b"X-A: " + b"b" * 1000 + b"\r\n"),
        "one trailer": (chunk + b"0\r\nX-A: ", b"b" * 1000),
        "extension": (b"5;a=", b"b" * 1000),
    }
    for what, (begin, more) in endless.items():
        with connect(server.port) as rude:
            rude.sendall(head + begin)
            sent = 0
            with contextlib.suppress(OSError):
                while sent < 40_000_000:
                    rude.sendall(more * 20)
                    sent += len(more) * 20
            assert sent < 20_000_000, what
    assert resident(server) - before < 50_000_000
    assert httpx.get(f"{server.url}/api/health").status_code == 200
    assert "Traceback" not in server.log.read_text()


def test_slow_senders_keep_nobody_from_an_answer(serve: Callable[..., Process]) -> None:
    server = serve(queue=4, idle_timeout=10)
    with contextlib.ExitStack() as stack:
        for path in ("/api/analyze", "/api/analyze/batch") * 5:
            slow = stack.enter_context(connect(server.port))
            slow.sendall(request(path=path)[:-100])
        time.sleep(0.3)
        assert httpx.post(f"{server.url}/api/analyze", **form()).status_code == 200


def test_clients_that_go_away_cost_no_answer(serve: Callable[..., Process]) -> None:
    server = serve(queue=200, batch_size=1)
    whole = request(encoded(plain(9, size=(900, 900))))
    gone = [connect(server.port) for _ in range(50)]
    for one in gone:
        one.sendall(whole)
    for one in gone[:25]:
        one.close()
    for one in gone[25:]:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # by a reset
        one.close()
    cut = [connect(server.port) for _ in range(10)]
    for one in cut:
        one.sendall(whole[:1000])
        one.close()
    for _ in range(100):
        told = httpx.get(f"{server.url}/metrics").text
        if "skintag_queue_images 0.0" in told and "skintag_upload_bytes 0.0" in told:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("something is held")
    assert value(told, "skintag_abandoned_total") > 30
    assert value(told, "skintag_batch_images_sum") < 40
    assert well(server)
    assert "Traceback" not in server.log.read_text()


def test_signal_under_load_leaves_nobody_without_an_answer(serve: Callable[..., Process]) -> None:
    server = serve(drain=0.6, queue=64)
    statuses: list[int] = []
    begun = threading.Barrier(17)

    def client() -> None:
        """Asks on one connection, then on others, until it is told that this one closes."""
        begun.wait()
        while True:
            try:
                connection = connect(server.port)
            except OSError:
                return  # not taken any more, and told so
            with connection:
                connection.sendall(request())
                status, headers, _ = answer(connection)
                statuses.append(status)
                if headers.get("connection") == "close":
                    return

    clients = [threading.Thread(target=client) for _ in range(16)]
    for one in clients:
        one.start()
    begun.wait()
    time.sleep(0.4)
    assert server.terminate() == 0
    for one in clients:
        one.join(20)
    assert len(statuses) > 16
    assert set(statuses) == {200}
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert lines[-1]["event"] == "ended"
    answered = [line for line in lines if line.get("route") == "/api/analyze"]
    assert len(answered) == len(statuses)


@pytest.mark.long
def test_readers_that_stop_are_given_up(serve: Callable[..., Process], tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    (web / "big.bin").write_bytes(bytes(30_000_000))
    (web / "index.html").write_text("x")
    server = serve(web=web, idle_timeout=0.7, keep_alive=0.7, max_connections=20)
    readers = [connect(server.port, small=True) for _ in range(20)]
    before = resident(server)
    for one in readers[:10]:
        one.sendall(b"GET /big.bin HTTP/1.1\r\nHost: it\r\n\r\n")
    for one in readers[
        10:
    ]:  # answers that fill what the system keeps, and then less than is worth waiting for
        with contextlib.suppress(OSError):
            one.sendall(b"GET /api/model HTTP/1.1\r\nHost: it\r\n\r\n" * 10)
    time.sleep(0.4)
    assert resident(server) - before < 120_000_000  # the file once, not 10 times
    time.sleep(3)
    assert len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())) < 30
    assert httpx.get(f"{server.url}/api/health").status_code == 200
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "without completing" not in log
    began = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - began < 10


def test_wish_for_another_protocol_changes_nothing(serve: Callable[..., Process]) -> None:
    server = serve()
    wish = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    head, _, body = request(extra=wish).partition(b"\r\n\r\n")
    plain_answer = httpx.get(f"{server.url}/api/health")
    for pieces in (
        [head + b"\r\n\r\n" + body],
        [head + b"\r\n\r\n", body],
        [head[:60], head[60:] + b"\r\n\r\n", body],
    ):
        with connect(server.port) as client:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.1)
            assert answer(client)[0] == 200
            client.sendall(b"GET /api/health HTTP/1.1\r\nHost: it\r\nX-Request-ID: next\r\n\r\n")
            status, headers, said = answer(client)
            assert (status, headers["x-request-id"], said) == (200, "next", plain_answer.json())
    inner = b"GET /api/health HTTP/1.1\r\nHost: it\r\nX-Request-ID: smuggled\r\n\r\n"
    with connect(server.port) as smuggler:
        smuggler.sendall(
            b"POST /api/analyze HTTP/1.1\r\nHost: it\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(inner)
        )
        time.sleep(0.1)
        smuggler.sendall(inner)
        assert answer(smuggler)[0] == 400
        assert answer(smuggler)[0] == 0
    with connect(server.port) as asked_to_close:
        asked_to_close.sendall(
            b"GET /api/health HTTP/1.1\r\nHost: it\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        assert [answer(asked_to_close)[0] for _ in range(2)] == [200, 0]
    with connect(server.port) as tunnel:
        tunnel.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert answer(tunnel)[0] == 400
    assert "WebSocket" not in server.log.read_text()


def test_address_in_use_is_said(serve: Callable[..., Process], tiny: Path) -> None:
    first = serve()
    done = subprocess.run(
        [sys.executable, "-m", "skintag", "serve", f"bundle={tiny}", f"port={first.port}"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "in use; name another port" in done.stderr
    assert "Traceback" not in done.stderr


def test_second_signal_ends_it_at_once_and_without_a_traceback(serve: Callable[..., Process]) -> None:
    server = serve(drain=20)
    with connect(server.port) as slow:
        slow.sendall(request()[:-50])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        server.terminate()
        assert time.monotonic() - began < 5
    assert "Traceback" not in server.log.read_text()


def test_host_that_is_none_is_said(tiny: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skintag", "serve", f"bundle={tiny}", "port=0", "host=192.0.2.7"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "name another host" in done.stderr
    assert "Traceback" not in done.stderr
