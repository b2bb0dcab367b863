"""A command that is killed at any change to the file system goes on to the figures of one that was not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def walk(folder: Path, points: int, seed: int) -> str:
    """The walk in a process of its own: it forks, which a process with threads should not."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.commands.kill_walk", str(folder / "w"), str(points), str(seed)],
        cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.long
def test_killed_commands_go_on_to_the_same_figures(tmp_path: Path) -> None:
    said = walk(tmp_path, points=18, seed=1)
    assert "wrong: 0;" in said, said
