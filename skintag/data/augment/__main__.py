"""`python -m skintag.data.augment out=sheet.png`: a look at what the augmentation does."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from skintag.cli import run_command
from skintag.config import instantiate
from skintag.data.augment.contact_sheet import SheetSettings, draw_sheet, find_pictures
from skintag.io import atomic_path


def main(config: DictConfig) -> None:
    """Write the contact sheet that `config` describes and print its path."""
    settings = SheetSettings(rows=config.rows, samples=config.samples, size=config.size, seed=config.seed)
    pictures, origin = find_pictures(settings, config.images, config.domain, Path(config.data.prepared))
    sheet = draw_sheet(instantiate(config.augment), pictures, settings)
    with atomic_path(config.out) as part:
        sheet.save(part, format="PNG")
    print(f"{config.out}  ({sheet.width} x {sheet.height}; {len(pictures)} images: {origin})")


if __name__ == "__main__":
    run_command("contact_sheet", main)
