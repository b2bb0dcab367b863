"""`skintag contact-sheet out=sheet.png`: a look at what the augmentation does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import instantiate
from skintag.core.io import atomic_path
from skintag.data.sheets.contact_sheet import draw_sheet
from skintag.data.sheets.pictures import SheetSettings, find_pictures


def task(config: DictConfig) -> None:
    """Write the contact sheet that `config` describes and print its path."""
    settings = SheetSettings(rows=config.rows, samples=config.samples, size=config.size, seed=config.seed)
    pictures, origin = find_pictures(settings, config.images, config.domain, Path(config.data.prepared))
    sheet = draw_sheet(instantiate(config.augment), pictures, settings)
    with atomic_path(config.out) as part:
        sheet.save(part, format="PNG")
    print(f"{config.out}  ({sheet.width} x {sheet.height}; {len(pictures)} images: {origin})")


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("contact_sheet", task, command=command)
