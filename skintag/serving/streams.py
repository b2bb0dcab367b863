"""An answer that streams, and what is held for as long as it does."""

from __future__ import annotations

from typing import Any

from starlette.responses import StreamingResponse


class Held:
    """Contexts that are left when an answer that streams has ended, or never begins."""

    def __init__(self, contexts: list[Any]) -> None:
        self._open: list[Any] = []
        try:
            for context in contexts:
                self.hold(context)
        except BaseException:
            self.close()
            raise

    def hold(self, context: Any) -> None:
        """Enter one more."""
        context.__enter__()
        self._open.append(context)

    def close(self) -> None:
        while self._open:
            self._open.pop().__exit__(None, None, None)


class Stream(StreamingResponse):
    """Leaves what is held even where the client went away before the first line."""

    def __init__(self, *args: Any, held: Held, **more: Any) -> None:
        super().__init__(*args, **more)
        self._held = held

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            self._held.close()
