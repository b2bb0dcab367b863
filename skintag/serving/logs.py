"""One JSON object a line; nothing of a picture, no file name, no address of a client is ever among it."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any, Final

LOGGER: Final = logging.getLogger("skintag.serving")
_FIELDS: Final = "skintag_fields"


class JsonLines(logging.Formatter):
    """`time`, `level`, `event`, and what was given with it; of an error its kind and where it was raised, no more.

    An error's own words may quote what a client sent, so they are left out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = getattr(record, _FIELDS, None)
        said: dict[str, Any] = {"time": f"{at}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        said |= {"event": record.msg, **fields} if fields is not None else _told(record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            said["error"] = type(error).__name__
            said["where"] = [
                f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-8:]
            ]
        return json.dumps(said, ensure_ascii=False)


def _told(message: str) -> dict[str, str]:
    """Of a library; where it quotes a whole traceback, as Starlette does when ended by force, the kind of error."""
    if "Traceback (most recent call last)" not in message:
        return {"event": message}
    return {"event": "failed", "error": message.strip().splitlines()[-1].partition(":")[0]}


def log(event: str, level: int = logging.INFO, *, error: BaseException | None = None, **fields: Any) -> None:
    """Write a line: a short event, and values that are no one's secret."""
    if LOGGER.isEnabledFor(level):
        exc = None if error is None else (type(error), error, error.__traceback__)
        # made here, for `LOGGER.log` would first look for the line of code that called it, with every request
        record = LOGGER.makeRecord(LOGGER.name, level, "", 0, event, (), exc, extra={_FIELDS: fields})
        LOGGER.handle(record)


def start_logging(level: str) -> None:
    """Let this process log JSON lines to stdout, uvicorn's own among them."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    for name in ("skintag.serving", "uvicorn", "uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], False
        logger.addHandler(handler)
        logger.setLevel(level.upper() if name.startswith("skintag") else "WARNING")
    logging.getLogger("uvicorn.error").propagate = False
    logging.getLogger("python_multipart").setLevel("ERROR")
