"""What killed processes leave is removed, what live ones write is not; a full disk is told by the file's name."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skintag.core.io import atomic_path, write_bytes
from skintag.core.leftovers import part_of, sweep

LEAVES = """
import os, sys
from skintag.core.io import atomic_path
with atomic_path(sys.argv[1]) as part:
    part.write_bytes(b"half")
    os._exit(137)
"""
LIMITED = """
import resource, signal, sys
from skintag.core.io import atomic_path
import numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with atomic_path(sys.argv[1]) as part, part.open("wb") as stream:
        np.save(stream, np.zeros(100_000))
except OSError as error:
    print(error.errno, error.filename)
"""


def leave(path: Path) -> Path:
    """What a process leaves that is killed while it writes `path`."""
    done = subprocess.run([sys.executable, "-c", LEAVES, str(path)], check=False)
    assert done.returncode == 137
    return next(path.parent.glob(f".{path.name}.*.part"))


def test_the_next_one_that_writes_into_a_folder_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    part = leave(tmp_path / "table.csv")
    write_bytes(tmp_path / "other.csv", b"whole")
    assert not part.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["other.csv"]


def test_what_a_live_process_writes_stays_and_so_do_files_of_other_names(tmp_path: Path) -> None:
    mine = part_of(tmp_path / "a.bin")
    theirs = [
        tmp_path / ".notes.part",
        tmp_path / ".a.bin.01234567-1-0123abcd.part",
        tmp_path / "b.0123abcd.part",
    ]
    for path in (mine, *theirs):
        path.write_bytes(b"x")
    sweep(tmp_path)
    assert all(path.exists() for path in (mine, *theirs))


def test_below_a_folder_everything_is_swept_and_what_names_nobody_after_a_day(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    part = leave(tmp_path / "checkpoints" / "last.ckpt")
    old, young = tmp_path / ".bundle.0123abcd.part", tmp_path / ".bundle.0123abce.part"
    for path in (old, young):
        path.mkdir()
        (path / "weights").write_bytes(b"x")
    os.utime(old, (time.time() - 100_000,) * 2)
    sweep(tmp_path)
    assert (part.exists(), old.exists(), young.exists()) == (False, False, True)


def test_a_library_that_hides_why_it_could_not_write_is_asked(tmp_path: Path) -> None:
    """numpy says `100000 requested and 512 written`, without the number of the error or the file."""
    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "rows.npy")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said == [str(errno.EFBIG), str(tmp_path / "rows.npy")]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES])
def test_an_error_of_the_disk_names_the_file_and_leaves_nothing(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / "report.html"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        write_bytes(target, b"x")
    assert (caught.value.errno, caught.value.filename) == (number, str(target))
    assert list(tmp_path.iterdir()) == []


def test_other_errors_come_through_as_they_are(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        part.write_bytes(b"x")
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"), atomic_path(tmp_path / "a") as part:
        fail(part)
    assert list(tmp_path.iterdir()) == []
