"""Looks now and then whether a newer bundle lies at the path, and takes it into use whole, or not at all."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path

from skintag.core.errors import SkinTagError
from skintag.serving.engine import Engine
from skintag.serving.logs import log
from skintag.serving.service import Generation, Service
from skintag.serving.settings import Settings

Stamp = tuple[tuple[str, int, int, int], ...]
"""Path, size, time and number of every file."""


def load(settings: Settings, path: Path | None = None) -> Engine:
    """The engine of the bundle that the settings name, verified and tested.

    Raises:
        DataError: no bundle, or a broken one.
    """
    # a link may be led elsewhere while it is read: what it leads to now is what is read
    where = (path or Path(settings.bundle)).resolve()
    engine = Engine.load(where, settings.max_pixels, settings.threads, settings.device)
    runtime = engine.bundle.manifest.runtime
    if settings.device != "cpu" and runtime != "torch":
        why = f"a bundle of {runtime} is computed on the processor; build one with runtime=torch"
        log("device not used", logging.WARNING, device=settings.device, why=why)
    return engine


def stamp(path: Path) -> Stamp:
    """Of a bundle's files as they are now; empty where there are none."""
    try:
        where = path.resolve()
        files = sorted(p for p in where.rglob("*") if p.is_file()) if where.is_dir() else [where]
        found = ((str(p), p.stat()) for p in files[:2000])
        return tuple((name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in found)
    except OSError:
        return ()


def watch(service: Service, path: Path, loop: asyncio.AbstractEventLoop, ended: threading.Event) -> None:
    """In a thread that nobody waits for, as a disk may hang: look until it is ended.

    A folder that is still being written changes from look to look: it is loaded only when two looks see the same.
    What is broken is said once in the log, and the bundle in use goes on.
    """
    tried = before = stamp(path)
    while not ended.wait(service.settings.reload_seconds):
        now = stamp(path)
        if now == before and now != tried:
            tried = now
            if made := _newer(service, path):
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(service.use, made)
        before = now


def _newer(service: Service, path: Path) -> Generation | None:
    """What lies there, loaded; None where it is the one in use, or broken."""
    using, engine = service.current.engine.about["version"], None
    try:
        engine = load(service.settings, path)
        if engine.digest == service.current.engine.digest:
            engine.close()
            return None
        made = Generation(engine, service)
    except (SkinTagError, OSError, MemoryError) as error:
        service.metrics.loads.labels("refused").inc()
        said = str(error)[:500] if isinstance(error, SkinTagError) else type(error).__name__
        log("bundle refused", logging.ERROR, why=said, using=using)
        if engine is not None:
            engine.close()
        return None
    service.metrics.loads.labels("loaded").inc()
    log("bundle replaced", version=engine.about["version"], before=using)
    return made
