"""Worker processes that do not outlive the program that started them, however it ended."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """End this worker process as soon as the process that started it is gone; to be called first in a worker.

    Left alone, workers of a killed program (SIGKILL, out of memory) wait for work for ever: those of a fork
    server look whether their parent lives, which is the server, and the server lives as long as they do.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="end_with_parent", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # at once: there is nobody left to clean up for
