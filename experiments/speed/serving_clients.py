"""Clients of `serving.py`: python serving_clients.py <port> <route> <folder> <requests> <clients>.

Each keeps a connection, sends one photograph after the other, and compares each answer with the one that it knows.
Written on bare sockets, for a client's time is the server's loss where both share the processors.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

BOUNDARY = b"b6f2"


def request_of(photo: bytes, route: str) -> bytes:
    """The bytes of a request; multipart for the API, the photograph itself for mosec."""
    kind = b"image/jpeg"
    body = photo
    if route.startswith("/api"):
        head = b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        body = b"--" + BOUNDARY + b"\r\n" + head + photo + b"\r\n--" + BOUNDARY + b"--\r\n"
        kind = b"multipart/form-data; boundary=" + BOUNDARY
    return (
        b"POST " + route.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind
        + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip


async def answer_of(reader: asyncio.StreamReader) -> dict[str, object] | None:
    """The JSON of an answer; None where it is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.index(b"content-length:")
    length = int(head[at + 15 : head.index(b"\r\n", at)])
    body = await reader.readexactly(length)
    return json.loads(body) if head.startswith(b"http/1.1 200") else None


async def client(
    port: int, numbers: list[int], requests: list[bytes], known: list[float], out: list[float]
) -> int:
    """Send the photographs with these numbers; how many answers were wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wrong = 0
    for number in numbers:
        begun = time.perf_counter()
        writer.write(requests[number])
        said = await answer_of(reader)
        out.append(1000 * (time.perf_counter() - begun))
        score = said.get("malignancy_score") if said else None
        wrong += not (isinstance(score, float) and abs(score - known[number]) < 1e-6)
    writer.close()
    return wrong


async def main(port: int, route: str, folder: Path, count: int, clients: int) -> None:
    photos = [path.read_bytes() for path in sorted((folder / "photos").iterdir())]
    known = json.loads((folder / "known.json").read_text())
    requests = [request_of(photo, route) for photo in photos]
    shares = [[(i + c) % len(photos) for i in range(c, count, clients)] for c in range(clients)]
    out: list[float] = []
    begun, used = time.perf_counter(), time.process_time()
    wrong = await asyncio.gather(*(client(port, share, requests, known, out) for share in shares))
    seconds = time.perf_counter() - begun
    work = time.process_time() - used
    print(json.dumps({"seconds": seconds, "milliseconds": out, "wrong": sum(wrong), "work": work}))


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
