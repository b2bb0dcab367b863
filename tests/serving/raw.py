"""HTTP on bare sockets, for what a well-behaved client would never send."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.serving.small import encoded, plain

BOUNDARY = "b6f2"


def connect(port: int, timeout: float = 20, *, small: bool = False) -> socket.socket:
    """A connection; a small one takes next to nothing that is not read."""
    found = socket.socket()
    if small:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.settimeout(timeout)
    found.connect(("127.0.0.1", port))
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def request(data: bytes | None = None, extra: str = "", path: str = "/api/analyze") -> bytes:
    """The bytes of a whole request with a picture."""
    picture = encoded(plain(120)) if data is None else data
    part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="anna.png"\r\n\r\n'.encode()
    )
    body = part + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: it\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON (or bytes) of the next answer; status 0 where the connection ends before."""
    stream = connection.makefile("rb")
    first = stream.readline()
    if not first:
        return 0, {}, None
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return (
        int(first.split()[1]),
        headers,
        json.loads(body) if "json" in headers.get("content-type", "") else body,
    )
