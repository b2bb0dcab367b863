"""Puts a bundle's folder in its place, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skintag.bundle.manifest import MANIFEST
from skintag.core.errors import ConfigError
from skintag.core.leftovers import part_of, sweep_once


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends; only another bundle is replaced.

    Raises:
        ConfigError: something else lies there.
    """
    if target.suffix == ".zip":
        raise ConfigError(
            f"out={target} names the folder: leave out .zip (build has zip=true for the zip beside it)"
        )
    there = target.exists()
    if there and not (target / MANIFEST).is_file() and (target.is_file() or any(target.iterdir())):
        raise ConfigError(f"out={target} is there, and is no bundle: name another folder")
    sweep_once(target.parent)
    part = part_of(target)
    part.mkdir(parents=True)
    try:
        yield part
        old = part.with_name(f"{part.name.removesuffix('.part')}-old.part")
        if there:
            target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
