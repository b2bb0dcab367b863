"""Contact sheets: what each step of an augmentation does to a few images, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from skintag.data.augment.condition import Image
from skintag.data.augment.pipeline import Augmentation
from skintag.data.sheets.pictures import Picture, SheetSettings

_GAP = 4
_HEAD = 22
_SIDE = 96
_PAPER, _INK, _FAINT = (250, 250, 250), (20, 20, 20), (150, 150, 150)


def draw_sheet(
    augmentation: Augmentation, pictures: Sequence[Picture], settings: SheetSettings
) -> Pillow.Image:
    """The sheet, RGB: per picture its clean form, each step alone at p = 1, samples of the whole pipeline.

    A step that is not meant for a picture's domain leaves its place empty.
    """
    steps = augmentation.steps
    columns = ["clean", *steps, *(f"sample {k + 1}" for k in range(settings.samples))]
    step = settings.size + _GAP
    sheet = Pillow.new("RGB", (_SIDE + step * len(columns), _HEAD + step * len(pictures)), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for c, column in enumerate(columns):
        pen.text((_SIDE + c * step + 2, 4), column.replace("_", " "), fill=_INK, font=font)
    for r, picture in enumerate(pictures):
        top = _HEAD + r * step
        pen.text((4, top + 4), f"{picture.domain}\n{_wrapped(picture.name)}", fill=_INK, font=font)
        for c, cell in enumerate(_row(augmentation, picture, settings, seed=settings.seed + 1000 * r)):
            left = _SIDE + c * step
            if cell is None:
                pen.text((left + 8, top + settings.size // 2), "not for this domain", fill=_FAINT, font=font)
            else:
                sheet.paste(Pillow.fromarray(cell), (left, top))
    return sheet


def _row(
    augmentation: Augmentation, picture: Picture, settings: SheetSettings, seed: int
) -> list[Image | None]:
    cells: list[Image | None] = [_augmented(Augmentation(), picture, settings.size, seed)]
    for name, step in augmentation.steps.items():
        meant = picture.domain in step.domains
        cells.append(_augmented(augmentation.only(name), picture, settings.size, seed) if meant else None)
    return cells + [
        _augmented(augmentation, picture, settings.size, seed + k) for k in range(settings.samples)
    ]


def _augmented(augmentation: Augmentation, picture: Picture, size: int, seed: int) -> Image:
    """Crop, resize to the square, augment: the order in which training does it."""
    y0, x0, h, w = augmentation.crop(picture.image.shape[0], picture.image.shape[1], seed)
    part = picture.image[y0 : y0 + h, x0 : x0 + w]
    shrinks = size <= min(h, w)
    square = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return augmentation(square, picture.domain, seed)


def _wrapped(name: str, width: int = 13) -> str:
    return "\n".join(name[i : i + width] for i in range(0, len(name), width))
