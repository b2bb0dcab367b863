"""Worker processes that do not outlive the program that started them, however it ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

from skintag.core.errors import SkinTagError
from skintag.core.stopping import held_back


def end_with_parent() -> None:
    """End this worker process as soon as the process that started it is gone; to be called first in a worker.

    Left alone, workers of a killed program (SIGKILL, out of memory) wait for work for ever: those of a fork
    server look whether their parent lives, which is the server, and the server lives as long as they do.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="end_with_parent", daemon=True).start()


def process_context(name: str) -> BaseContext:
    """How further processes are started, in a job of any launcher too.

    A process that joblib started goes by a method of joblib's own, `loky`. A child is told its parent's method
    and looks it up before it does anything, so there it has to be one that Python knows.

    Args:
        name: `forkserver`, `spawn` or `fork`.
    """
    if multiprocessing.get_start_method(allow_none=True) not in (
        None,
        *multiprocessing.get_all_start_methods(),
    ):
        multiprocessing.set_start_method(name, force=True)
    return multiprocessing.get_context(name)


@contextmanager
def process_pool(
    workers: int, context: BaseContext, initializer: Callable[[], object]
) -> Iterator[ProcessPoolExecutor]:
    """A pool of worker processes, ended with the block.

    Raises:
        SkinTagError: a worker was killed, or could not start; says what a user can do about either.
    """
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=initializer) as pool:
            with held_back():
                pool.submit(int)  # starts them
            yield pool
    except BrokenProcessPool as error:
        raise SkinTagError(
            "a worker process ended before its work was done\n"
            "  expected: that each can start, and has memory enough\n"
            f"  found:    {error}\n"
            '  to do:    put a program of your own under `if __name__ == "__main__":`, for each worker imports it '
            "anew; where memory is short, use fewer (data.workers=1)"
        ) from error


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # at once: there is nobody left to clean up for
