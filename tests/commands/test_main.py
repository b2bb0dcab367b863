"""The one command: it answers at once, says what a typo meant, and knows programs by the names they had before."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from skintag.commands.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; sys.argv = ['skintag', '--help']\n"
        "from skintag.commands.main import main; main()\n"
        "print(sorted({'hydra', 'omegaconf', 'rich', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert done.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_with_a_main(name: str) -> None:
    assert callable(import_module(f"skintag.commands.{name.replace('-', '_')}").main)


def test_misspelt_command_is_refused_with_its_like() -> None:
    done = python("-m", "skintag", "trian")
    assert (done.returncode, done.stderr) == (2, "error: 'trian' is no command: did you mean 'train'?\n")


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("skintag.prepare", "prepare"),
        ("skintag.robustness", "robustness"),
        ("skintag.export", "export"),
        ("skintag.bundle", "bundle"),
        ("skintag.tracking", "tracking"),
        ("skintag.tracking.dashboard", "dashboard"),
        ("skintag.data.synthetic", "synthetic"),
        ("skintag.data.augment", "contact-sheet"),
    ],
)
def test_program_of_an_earlier_name_goes_on_working_and_says_so(program: str, command: str) -> None:
    done = python("-m", program, "--help")
    assert done.returncode == 0, done.stderr
    assert f"python -m {program} is now: skintag {command}\n" in done.stderr
    assert f"skintag {command}" in done.stdout


def test_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; sys.modules['omegaconf'] = None; sys.argv = ['skintag', 'train']\n"
        "from skintag.commands.main import main; main()\n"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("error: train needs the package 'omegaconf', which is not installed here")
    assert "Traceback" not in done.stderr


def test_pipe_that_broke_elsewhere_is_no_reader_who_has_had_enough() -> None:
    code = (
        "import skintag.commands.doctor as d, sys; sys.argv = ['skintag', 'doctor']\n"
        "def broken(command): raise BrokenPipeError('a worker is gone')\n"
        "d.main = broken\n"
        "from skintag.commands.main import main; main()\n"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert "a worker is gone" in done.stderr
