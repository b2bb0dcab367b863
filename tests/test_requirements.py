"""The lists of what is installed agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins(name: str) -> dict[str, set[str]]:
    """Package -> versions, in a file of pins."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", line):
            found.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return found


def test_every_package_of_the_lock_has_hashes() -> None:
    text = (ROOT / "requirements" / "lock.txt").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text  # no index: whoever installs has one


def test_the_lock_is_of_the_versions_that_are_pinned() -> None:
    lock, constraints = pins("requirements/lock.txt"), pins("constraints.txt")
    differ = {name: (lock[name], constraints[name]) for name in lock.keys() & constraints.keys()
              if lock[name] != constraints[name]}  # fmt: skip
    assert differ == {}


@pytest.mark.parametrize("extra", [None, "dev", "joblib", "submitit", "mobile", "heic", "wandb", "serve"])
def test_the_lock_holds_what_the_project_asks_for(extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = pins("requirements/lock.txt")
    asked = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    for wanted in map(Requirement, asked):
        if canonicalize_name(wanted.name) != "skintag":
            assert any(wanted.specifier.contains(v) for v in lock[canonicalize_name(wanted.name)]), wanted


@pytest.mark.parametrize("lean", ["serve", "predict", "evaluate"])
def test_lean_lists_are_of_the_same_versions(lean: str) -> None:
    lock = pins("requirements/lock.txt")
    for name, versions in pins(f"requirements/{lean}.txt").items():
        assert versions == lock[name], name


def test_the_old_sqlalchemy_is_in_its_extra_alone() -> None:
    assert "sqlalchemy" not in pins("constraints.txt").keys() | pins("requirements/lock.txt").keys()
    assert pins("requirements/optuna.txt")["sqlalchemy"].pop().startswith("1.4")
