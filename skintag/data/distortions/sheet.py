"""A picture of what each distortion does to a few images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from skintag.data.distortions.distortions import CLEAN, DISTORTIONS, Distortion, Image, distortion_seeds

_GAP: Final = 4
_HEAD: Final = 34
_SIDE: Final = (
    160  # pixels of a picture's longest side on the sheet; smaller ones are enlarged, pixel by pixel
)
_PAPER, _INK = (255, 255, 255), (25, 25, 25)


def distortion_sheet(
    images: Sequence[Image],
    distortions: Mapping[str, Distortion] = DISTORTIONS,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Pillow.Image:
    """The sheet, RGB: a row per image, a column per distortion after the clean image.

    Args:
        images: uint8 [H, W, 3] each, at the size that the model sees.
        distortions: name -> distortion.
        names: of the images, which seed their distortions; None: their numbers.
        seed: as in `distortion_seeds`.
    """
    names = [str(i) for i in range(len(images))] if names is None else list(names)
    step = _SIDE + _GAP
    sheet = Pillow.new("RGB", (step * (1 + len(distortions)), _HEAD + step * len(images)), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for column, name in enumerate([CLEAN, *distortions]):
        severity = f"\n{distortions[name].severity:g}" if name in distortions else ""
        pen.text((column * step + 2, 2), name.replace("_", " ") + severity, fill=_INK, font=font)
    for row, (image, name) in enumerate(zip(images, names, strict=True)):
        cells = [image]
        for distortion in distortions.values():
            cells.append(distortion(image, int(distortion_seeds([name], distortion, seed)[0])))
        for column, cell in enumerate(cells):
            sheet.paste(_fitted(cell), (column * step, _HEAD + row * step))
    return sheet


def _fitted(image: Image) -> Pillow.Image:
    """The image with its longest side at `_SIDE` pixels."""
    picture = Pillow.fromarray(image)
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.BOX)
