"""The door that every command goes through: streams that can be written to, and no traceback on the way out.

Nothing but the standard library is imported here, so that `skintag --help` answers at once.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from skintag.core.distributions import lacking
from skintag.core.errors import SkinTagError
from skintag.core.stopping import Stopped

ERROR: Final = "error.txt"
"""Name of the log in a run folder; a job of a sweep has its own there."""
_MEMORY: Final = (
    "take less at a time, e.g. loader.batch_size=8, loader.num_workers=1, data.workers=1, or a smaller model"
)
# What a user can do about an error of the file system.
_CURES: Final = {
    errno.ENOSPC: "free some space, or name a folder of another disk",
    errno.EDQUOT: "free some space, or name a folder of another disk",
    errno.EFBIG: "allow larger files (ulimit -f), or name a folder of another disk",
    errno.EACCES: "give yourself the right to it, or name another place",
    errno.EPERM: "give yourself the right to it, or name another place",
    errno.EROFS: "name a folder that can be written to",
    errno.EEXIST: "a file stands where a folder is wanted: name another place, or move it away",
    errno.ENOTDIR: "a file stands where a folder is wanted: name another place, or move it away",
    errno.EISDIR: "this is a folder, and a file is wanted: name the file",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ELOOP: "the link leads back to itself: name what it should lead to",
    errno.EMFILE: "allow more open files (ulimit -n), or use fewer workers",
    errno.ENFILE: "allow more open files, or use fewer workers",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "allow more processes (ulimit -u), or use fewer workers",
    errno.EIO: "the disk or its connection fails: name a folder of another one",
    errno.ESTALE: "the disk or its connection fails: name a folder of another one",
}
_folder: list[Path] = []  # the run folder, once there is one


def log_into(folder: Path) -> None:
    """From here on, what nobody foresaw is written into this folder."""
    _folder[:] = [folder]


@contextmanager
def door(name: str) -> Iterator[None]:
    """Run a command: whatever it raises becomes one line on stderr, and status 1.

    An error that a user can mend says what to do; of any other the whole is written to `error.txt` in the run
    folder, or to a file in the folder for temporary files where there is no run folder.

    Args:
        name: of the command, for messages.
    """
    open_streams()
    logging.raiseExceptions = False  # a log record that cannot be written is no reason for a traceback
    threading.excepthook = _of_a_thread
    sys.unraisablehook = _unraisable
    try:
        yield
        flush()
    except SystemExit:
        flush()
        raise
    except Stopped as stop:
        _end_stopped(stop)
    except KeyboardInterrupt:  # before signals are heeded: while modules are imported
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError as error:
        if not _reader_is_gone():
            _end(_sentence(error))  # of another pipe, to a worker say: that is no reader's doing
        _leave_stdout()
        sys.exit(1)
    except ModuleNotFoundError as error:
        own = (error.name or "").partition(".")[0] == "skintag"
        _end(_sentence(error) if own else f"{name} {lacking(error)}")
    except SkinTagError as error:
        _end(str(error))
    except Exception as error:
        _end(_sentence(error))


def _end_stopped(stop: Stopped) -> NoReturn:
    """Say how to go on, and end as a shell expects; the first process of a distributed run speaks for all."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        sys.exit(0)  # another status would have Lightning kill the first process before it has done
    with suppress(OSError, ValueError):
        print(stop, file=sys.stderr, flush=True)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    sys.exit(stop.status)


def open_streams() -> None:
    """Let all three standard streams be there, and take every character.

    A closed one leads nowhere; else the next file that is opened would get its number, and what a library prints
    would end in that file. What a stream's encoding has no sign for becomes `?`: a report is worth more than a dash.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            opened_here = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, opened_here)
        elif number == 1 and hasattr(stream, "reconfigure") and getattr(stream, "errors", "") == "strict":
            stream.reconfigure(errors="replace")


def flush() -> None:
    """Write out what stdout still holds; where that fails, say so rather than leave it to the interpreter.

    Raises:
        SystemExit: with status 1, where stdout cannot be written to.
        BrokenPipeError: where its reader has gone.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _leave_stdout()
        _end(f"what was printed could not be written to stdout: {error.strerror}")


def tell_unforeseen(error: BaseException) -> str:
    """Write the whole of an error to a log file, and give the line that says so."""
    said = " ".join(str(error).split()) or "no more is known"
    short = said if len(said) <= 500 else f"{said[:500]} ..."
    return f"{type(error).__name__}: {short} ({_logged(error)})"


def _sentence(error: Exception) -> str:
    """What is said of an error that is not one of SkinTag's own."""
    if isinstance(error, MemoryError):
        return f"out of memory: {_MEMORY} ({_logged(error)})"
    if isinstance(error, OSError) and error.errno in _CURES and error.strerror:
        where = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return f"{where + ': ' if where else ''}{error.strerror}: {_CURES[error.errno]} ({_logged(error)})"
    return tell_unforeseen(error)


def _logged(error: BaseException) -> str:
    """Write the traceback down; says where, or why not."""
    head = f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{' '.join(sys.argv)}\n\n"
    text = (head + "".join(traceback.format_exception(error))).encode("utf-8", "backslashreplace")
    for folder in (*_folder, Path(tempfile.gettempdir())):
        if folder in _folder and not folder.is_dir():
            continue
        with suppress(OSError):
            return f"the whole of it: {_written(folder, text)}"
    return "no place was found to write the whole of it to"


def _written(folder: Path, text: bytes) -> Path:
    if folder in _folder:
        path = folder / ERROR
        with path.open("ab") as stream:
            stream.write(text)
        return path
    number, name = tempfile.mkstemp(prefix="skintag-", suffix=f"-{ERROR}", dir=folder)
    with os.fdopen(number, "wb") as stream:
        stream.write(text)
    return Path(name)


def _end(message: str) -> None:
    """Say what went wrong, and end with status 1."""
    with suppress(OSError, ValueError):
        print(f"error: {message}", file=sys.stderr, flush=True)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    sys.exit(1)


def _of_a_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or isinstance(arguments.exc_value, SystemExit):
        return
    with suppress(Exception):
        print(f"in a thread: {tell_unforeseen(arguments.exc_value)}", file=sys.stderr, flush=True)


def _unraisable(arguments: Any) -> None:
    """An error where nothing can be raised, in a destructor say: it changes no result, and is written down."""
    with suppress(Exception):
        if arguments.exc_value is not None and _folder:
            _logged(arguments.exc_value)


def _leave_stdout() -> None:
    """Lead stdout nowhere: the interpreter flushes once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_is_gone() -> bool:
    """Whether nobody reads stdout any more."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False
