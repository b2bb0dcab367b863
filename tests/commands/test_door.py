"""The door of every command: no traceback reaches a user, and what is printed never stops the work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def doctor(body: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`skintag doctor` with `body` in its place, started by a shell that may redirect its streams."""
    code = (
        "import sys, skintag.commands.doctor as d\n"
        "sys.argv = ['skintag', 'doctor']\n"
        f"def main(command):\n    {body}\n"
        "d.main = main\n"
        "from skintag.commands.main import main; main()\n"
    )
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {shell}', sys.executable, code],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False, timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("raised", ["KeyError('policy')", "RecursionError('deep')", "ZeroDivisionError()"])
def test_error_that_nobody_foresaw_is_one_line_with_the_file_that_holds_all(
    raised: str, tmp_path: Path
) -> None:
    done = doctor(f"raise {raised}", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {raised.partition('(')[0]}: ")
    assert done.stderr.count("\n") == 1
    (log,) = tmp_path.iterdir()
    assert str(log) in done.stderr
    assert log.read_text().splitlines()[-1].startswith(raised.partition("(")[0])
    assert "Traceback" in log.read_text()


def test_log_lies_in_the_run_folder_where_there_is_one(tmp_path: Path) -> None:
    done = doctor(
        "from skintag.commands.door import log_into; from pathlib import Path; "
        f"log_into(Path({str(tmp_path)!r})); 1 / 0"
    )
    assert (
        f"error: ZeroDivisionError: division by zero (the whole of it: {tmp_path / 'error.txt'})"
        in done.stderr
    )
    assert "Traceback" in (tmp_path / "error.txt").read_text()


def test_error_of_the_file_system_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = doctor(f"from pathlib import Path; Path({str(tmp_path / 'file' / 'below')!r}).mkdir()")
    assert (
        f"error: {tmp_path}/file/below: Not a directory: a file stands where a folder is wanted"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_error_in_a_thread_is_one_line(tmp_path: Path) -> None:
    body = "import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); print('on')"
    done = doctor(body, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "on\n")
    assert done.stderr.startswith("in a thread: ZeroDivisionError")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere_and_no_file_gets_their_numbers(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = (
        f"f = open({str(path)!r}, 'w'); assert f.fileno() > 2, f.fileno(); print('a'); "
        "print('b', file=sys.stderr); import os; os.write(1, b'c'); sys.stdin.read(); f.write('whole')"
    )
    done = doctor(body, closed)
    assert done.returncode == 0, done.stderr
    assert path.read_text() == "whole"


def test_full_disk_behind_stdout_is_said_and_is_no_success() -> None:
    done = doctor("print('a')", "> /dev/full")
    assert (done.returncode, done.stderr) == (
        1, "error: what was printed could not be written to stdout: No space left on device\n",
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252:strict"])
def test_terminal_of_few_characters_gets_question_marks(encoding: str) -> None:
    done = doctor("print('0.5 \\u2264 \\u4e2d'); sys.stderr.write('\\u2264')", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0.5 ? ?\n"


def test_reader_who_has_had_enough_ends_it_without_a_word() -> None:
    done = doctor(
        "print('x' * 10); sys.stdout.flush(); [print('x' * 9999) for _ in range(99)]", "| head -c 5"
    )
    assert (done.stdout, done.stderr) == ("xxxxx", "")
