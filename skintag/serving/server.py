"""uvicorn over the app: one process, ended with care."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import time
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from skintag.core.errors import ConfigError
from skintag.serving.logs import log, start_logging
from skintag.serving.protocol import bounded
from skintag.serving.settings import Settings

_SETTLE: Final = 0.2
"""Seconds for requests that lie in a socket when no more connections are taken."""


class Server(uvicorn.Server):
    """Ends in two steps: first it says that it is ending, answers and closes connections; then it takes no more.

    The first signal begins that; whoever watches /api/ready sends nobody any more, and no client finds its connection
    closed under a request. A second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, service: Any, drain: float) -> None:
        super().__init__(config)
        self._service, self._drain, self._ends = service, drain, 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Of a signal."""
        if self._ends:
            self.should_exit = self.force_exit = True
            return
        self._service.draining, self._ends = True, time.monotonic() + self._drain

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if self._ends and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No more connections; what has been asked is answered."""
        self._service.draining = True
        for server in self.servers:
            server.close()
        if not self.force_exit:
            await asyncio.sleep(_SETTLE)
        await super().shutdown(sockets)
        log("ended")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, it does not end itself by the signal afterwards: it ended as it was asked to."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until a signal comes.

    Raises:
        ConfigError: the address cannot be listened at.
    """
    start_logging(settings.log_level)
    warnings.simplefilter("ignore")  # Pillow's, which may quote what a file says of itself
    config = uvicorn.Config(
        app,
        http=bounded(settings.header_timeout, settings.max_connections, settings.idle_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]
        timeout_graceful_shutdown=settings.shutdown_timeout,  # type: ignore[arg-type]
    )
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    about = app.state.service.current.engine.about
    log("serving", address=f"http://{host}:{port}", bundle=about["name"], version=about["version"])
    if settings.api_key is not None and app.state.web.there():
        why = "it knows no key, and is answered 401: leave api_key unset, or let a proxy add it"
        log("web app cannot be used", logging.WARNING, why=why)
    gc.collect()
    gc.freeze()  # what is loaded stays: no use in looking through it again and again
    Server(config, app.state.service, settings.drain).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        fix = "another host: an address of this machine, or 0.0.0.0 for all of them"
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            fix = "another port, or 0 (make app PORT=<port>)"
        raise ConfigError(
            f"host={settings.host} port={settings.port}: {error.strerror or error}; name {fix}"
        ) from error
    return listening
