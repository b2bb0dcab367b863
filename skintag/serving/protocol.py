"""HTTP/1.1 from the wire, with bounds that uvicorn leaves to a proxy: size and time of headers, and connections."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES: Final = 32_768
_PIPELINED: Final = 16
"""Requests that may wait on a connection for the answer to the one before."""


def _answer(status: str, kind: str, detail: str, more: str = "") -> bytes:
    body = (
        f'{{"type":"urn:skintag:problem:{kind}","title":"{status[4:]}","status":{status[:3]},'
        f'"detail":"{detail}","request_id":null}}'
    )
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        f"{more}connection: close\r\n\r\n{body}"
    ).encode()


_TOO_MANY: Final = _answer(
    "503 Service Unavailable",
    "connections",
    "More connections than are taken: ask again soon.",
    "retry-after: 2\r\n",
)
_TOO_LONG: Final = _answer("431 Request Header Fields Too Large", "headers", "Expected shorter headers.")
_TOO_SLOW: Final = _answer("408 Request Timeout", "too-slow", "Expected the headers sooner.")
_BROKEN: Final = _answer("400 Bad Request", "http", "Expected HTTP/1.1; this is not.")


def bounded(header_timeout: float, max_connections: int) -> type[HttpToolsProtocol]:
    """A protocol with these bounds, for uvicorn's `http`.

    Args:
        header_timeout: seconds from a connection, or a request's first byte, to the end of its headers.
        max_connections: at a time; the next is told so, and from twice as many on none is spoken to.
    """

    class Bounded(HttpToolsProtocol):
        """One connection."""

        _head_bytes = 0
        _idle_bytes = 0
        """Received in a body without a byte of it: trailers, extensions of chunks."""
        _in_body = False
        _body_came = False
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > 2 * max_connections:
                transport.abort()
            elif len(self.connections) > max_connections:
                self._refuse(_TOO_MANY)
            else:
                self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing() or self.parser is None:
                return
            between = self.cycle is None or self.cycle.response_complete
            if between and self._timer is None:
                self._arm()
            self._body_came = False
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self._timer is not None:
                self._head_bytes += len(data)
            if self._in_body:
                self._idle_bytes = 0 if self._body_came else self._idle_bytes + len(data)
            if max(self._head_bytes, self._idle_bytes) > HEADER_BYTES:
                self._refuse(_TOO_LONG)
            if len(self.pipeline) > _PIPELINED:
                self.transport.abort()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._timer is None:
                self._arm()

        def on_headers_complete(self) -> None:
            self._disarm()
            self._in_body, self._idle_bytes = True, 0
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._body_came = True
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._in_body = False
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(_BROKEN)

        def _arm(self) -> None:
            self._head_bytes = 0
            self._timer = self.loop.call_later(header_timeout, self._refuse, _TOO_SLOW)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, answer: bytes) -> None:
            self._disarm()
            if not self.transport.is_closing():
                if self.cycle is None or self.cycle.response_complete:
                    self.transport.write(answer)
                self.transport.close()

    return Bounded
