"""Signals that end a program: what can be saved is saved first, then it ends, with 128 plus the signal's number.

While signals are heeded, the first one raises `Stopped` where the program is, as Ctrl-C does. Where that would
spoil something, in the middle of a training step say, the program is patient (`be_patient`): it is told by `asked()`
and ends at the next good place, or after a few seconds wherever it is. A second signal ends it at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

PATIENCE: Final = 6.0
"""Seconds that a patient program has until it is ended wherever it is; `docker stop` kills after ten."""
LAST: Final = 20.0
"""Seconds after which it ends without tidying up, if something keeps it from that."""
_REPEATED: Final = (
    1.0  # seconds in which the same signal comes twice: `timeout` sends it to the group as well
)
_SIGNALS: Final = tuple(s for name in ("SIGTERM", "SIGINT", "SIGHUP") if (s := getattr(signal, name, None)))


class Stopped(BaseException):
    """A signal asks the program to end. No Exception: what goes on after an error has to end too."""

    def __init__(self, signum: int, go_on: str = "") -> None:
        super().__init__(signum, go_on)
        self.signum, self.go_on = int(signum), go_on

    @property
    def status(self) -> int:
        """Exit status, as a shell has it: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.signum

    def __str__(self) -> str:
        return f"stopped; {self.go_on or 'the same command starts it again'}"


@dataclass
class _State:
    before: dict[int, Any] | None = None  # handlers that were there; None: signals are not heeded
    asked: int | None = None
    since: float = 0.0
    seconds: float | None = PATIENCE
    patient: bool = False
    listeners: list[Callable[[int], object]] = field(default_factory=list)


_state = _State()


def asked() -> int | None:
    """The signal that asked this program to end, if one has."""
    return _state.asked


def heeding() -> bool:
    """Whether this process heeds signals."""
    return _state.before is not None


def be_patient(patient: bool = True, seconds: float | None = PATIENCE) -> None:
    """Let a signal leave a mark alone (see `asked`), for so many seconds at most; None: for as long as it takes.

    Raises:
        Stopped: patience ends, and a signal has come meanwhile.
    """
    _state.patient, _state.seconds = patient, seconds
    if not patient and _state.asked is not None and heeding():
        raise Stopped(_state.asked)


def tell(listener: Callable[[int], object]) -> None:
    """Let `listener` be called with the number of the signal, first of all; it must not take long."""
    _state.listeners.append(listener)


@contextmanager
def heeded() -> Iterator[None]:
    """Heed signals in the block; only in the main thread, and none that the program was started to ignore."""
    if heeding() or threading.current_thread() is not threading.main_thread():
        yield
        return
    heed()
    try:
        yield
    finally:
        _forget()


def heed() -> None:
    """Heed signals from now on."""
    taken = [s for s in _SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
    _state.before = {number: signal.signal(number, _came) for number in taken}
    if hasattr(signal, "SIGALRM"):
        _state.before[signal.SIGALRM] = signal.signal(signal.SIGALRM, _time_is_up)


def _forget() -> None:
    global _state
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in (_state.before or {}).items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)
    _state = _State()


def _came(signum: int, _: FrameType | None) -> None:
    now = time.monotonic()
    if _state.asked is not None:
        if now - _state.since > _REPEATED:
            _end_at_once()
        return
    _state.asked, _state.since = signum, now
    for listener in _state.listeners:
        listener(signum)
    if not _state.patient:
        _wake_after(LAST)
        raise Stopped(signum)
    if _state.seconds is not None:
        _wake_after(_state.seconds)


def _time_is_up(*_: object) -> None:
    assert _state.asked is not None
    if not _state.patient:  # it was raised before, and something has held it up, or swallowed it
        _end_at_once()
    _state.patient = False
    _wake_after(LAST)
    raise Stopped(_state.asked)


def _wake_after(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end_at_once() -> None:
    os.write(2, b"stopped at once: what was not saved is lost\n")
    os._exit(128 + (_state.asked or 0))


@contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C waits until the block has ended, and never reaches the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
