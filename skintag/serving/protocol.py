"""HTTP/1.1 from the wire, with bounds that uvicorn leaves to a proxy: size and time of headers, and connections."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
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
_ONE_HOP: Final = (b"connection", b"upgrade", b"http2-settings")


class Bounded(HttpToolsProtocol):
    """One connection; `bounded` makes it with bounds."""

    header_timeout: float
    max_connections: int
    patience: float

    _head_bytes = 0
    _idle_bytes = 0
    """Received in a body without a byte of it: trailers, extensions of chunks."""
    _in_body = False
    _body_came = False
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _watching: asyncio.TimerHandle | None = None
    _was_closing = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watching = self.loop.call_later(self.patience, self._watch)
        if len(self.connections) > 2 * self.max_connections:
            transport.abort()
        elif len(self.connections) > self.max_connections:
            self._refuse(_TOO_MANY)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        for timer in (self._stalled, self._watching):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self.parser is None:
            return
        between = self.cycle is None or self.cycle.response_complete
        if between and self._timer is None:
            self._arm()
        self._body_came = False
        self._feed(data)
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

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as found:
            # to another protocol, which is ignored (RFC 9110, 7.8); the parser would take the body for a request
            if self.parser.get_method() == b"CONNECT":
                self._refuse(_BROKEN)
                return
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self._feed(head)
            self._feed(data[found.args[0] :])
        except httptools.HttpParserError:
            self._refuse(_BROKEN)

    def _head_without_upgrade(self) -> bytes:
        lines = [
            self.parser.get_method() + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()
        ]
        lines += [name + b": " + value for name, value in self.headers if name not in _ONE_HOP]
        said = b",".join(value.lower() for name, value in self.headers if name == b"connection")
        if b"close" in (token.strip() for token in said.split(b",")):
            lines.append(b"connection: close")
        return b"\r\n".join([*lines, b"", b""])

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._disarm()
        self._in_body, self._idle_bytes = True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_body = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.patience, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _watch(self) -> None:
        """Now and then: a connection that is closed waits for its client to take the rest, but not for ever."""
        if self._was_closing:
            self.transport.abort()
            return
        self._was_closing = self.transport.is_closing()
        self._watching = self.loop.call_later(self.patience, self._watch)

    def _arm(self) -> None:
        self._head_bytes = 0
        self._timer = self.loop.call_later(self.header_timeout, self._refuse, _TOO_SLOW)

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


def bounded(header_timeout: float, max_connections: int, patience: float) -> type[HttpToolsProtocol]:
    """A protocol with these bounds, for uvicorn's `http`.

    Args:
        header_timeout: seconds from a connection, or a request's first byte, to the end of its headers.
        max_connections: at a time; the next is told so, and from twice as many on none is spoken to.
        patience: seconds in which a client has to take what waits for it.
    """
    bounds = {"header_timeout": header_timeout, "max_connections": max_connections, "patience": patience}
    return type("Bounded", (Bounded,), bounds)
