"""`skintag contact-sheet out=sheet.png`: a look at what the augmentation does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import instantiate, plain
from skintag.core.io import atomic_path
from skintag.core.settings import settings_of
from skintag.data.sheets.contact_sheet import draw_sheet
from skintag.data.sheets.pictures import SheetSettings, find_pictures


def task(config: DictConfig) -> None:
    """Write the contact sheet that `config` describes and print its path."""
    values = plain(config)
    settings = settings_of(
        SheetSettings, {name: values[name] for name in ("rows", "samples", "size", "seed")}
    )
    prepared = Path(values["data"]["prepared"])
    pictures, origin = find_pictures(settings, values["images"], values["domain"], prepared)
    sheet = draw_sheet(instantiate(values["augment"]), pictures, settings)
    with atomic_path(values["out"]) as part:
        sheet.save(part, format="PNG")
    print(f"{values['out']}  ({sheet.width} x {sheet.height}; {len(pictures)} images: {origin})")


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("contact_sheet", task, command=command)
