"""What holds for every answer: an id, headers that protect, a line in the log, and no traceback on the way out."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skintag.serving.logs import log
from skintag.serving.metrics import METHODS, Metrics
from skintag.serving.problems import Problem

CSP: Final = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' blob: data:; worker-src 'self' blob:; font-src 'self'; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SECURITY: Final = {
    "content-security-policy": CSP,
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    # isolated, so that the model may use several threads in the browser
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}
_RAW: Final = [(name.encode(), value.encode()) for name, value in SECURITY.items()]
_OURS: Final = {*(name for name, _ in _RAW), b"x-request-id", b"connection"}
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 64_000_000
GONE: Final = 499
"""What the log says where the client went away before its answer."""


INTERNAL: Final = Problem(500, "internal", "The server failed; its log says more under this request_id.")


class Gone(Exception):
    """The client went away."""


class Guard:
    """The outermost layer.

    A body that was not read to its end is read on for a moment after the answer, and then the connection is closed:
    were it closed at once, many clients would report a broken connection and never see why.

    Args:
        app: everything else.
        metrics: to count in.
        draining: says whether the server was asked to end; connections are not kept then.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, draining: Any) -> None:
        self._app, self._metrics, self._draining = app, metrics, draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._draining())
        started = time.perf_counter()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Gone:
            exchange.status = GONE
        except Exception as error:
            log("failed", logging.ERROR, error=error, request_id=exchange.id)
            if exchange.status:  # an answer has begun: all that is left is to break it off
                raise
            await INTERNAL.response(exchange.id)(scope, exchange.receive, exchange.send)
        finally:
            self._note(scope, exchange, time.perf_counter() - started)

    def _note(self, scope: Scope, exchange: _Exchange, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        status = exchange.status or GONE
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        log("request", request_id=exchange.id, method=method, route=route, status=status,
            ms=round(1000 * seconds, 1), bytes=exchange.received)  # fmt: skip


class _Exchange:
    """A request and its answer on their way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, draining: bool) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.id
        self.status, self.received, self._receive, self._send = 0, 0, receive, send
        length = headers.get("content-length")
        self._whole = "transfer-encoding" not in headers and length in (None, "0")
        self._draining, self._closing, self._gone = draining, False, False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        elif message["type"] == "http.disconnect":
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = [pair for pair in message.get("headers", ()) if pair[0] not in _OURS]
            given += _RAW
            given.append((b"x-request-id", self.id.encode()))
            if not any(name == b"cache-control" for name, _ in given):
                given.append((b"cache-control", b"no-store"))
            self._closing = not self._whole
            if self._closing or self._draining:
                given.append((b"connection", b"close"))
            message = {**message, "headers": given}
        elif (
            message["type"] == "http.response.body" and self._closing and not message.get("more_body", False)
        ):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        left = self.received + _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._whole and not self._gone and self.received < left:
                    await self.receive()
        except TimeoutError:
            pass
