"""Contact sheets: what each step of an augmentation does to a few images, for a person to look at."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from skintag.core.errors import ConfigError, near_matches
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment.condition import Image
from skintag.data.augment.pipeline import Augmentation
from skintag.data.catalog.schema import DOMAIN_OF
from skintag.data.images.files import decode_image

_GAP = 4
_HEAD = 22
_SIDE = 96
_PAPER, _INK, _FAINT = (250, 250, 250), (20, 20, 20), (150, 150, 150)


@dataclass(frozen=True)
class SheetSettings:
    """How a contact sheet looks."""

    rows: int = 2
    """Images of each domain."""
    samples: int = 4
    """Columns with the whole pipeline, each under another seed."""
    size: int = 224
    """Side of each picture, pixels."""
    seed: int = 0
    """Seed of the first sample; also picks the images out of a prepared folder."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.samples < 0 or not 16 <= self.size <= 1024:
            raise ConfigError(f"{self}: rows from 1, samples from 0 and size from 16 to 1024")


@dataclass(frozen=True, eq=False)
class Picture:
    """One image to show."""

    name: str
    """What stands beside its row."""
    domain: str
    """One of DOMAINS."""
    image: Image
    """uint8 [H, W, 3], any size."""


def find_pictures(
    settings: SheetSettings, pattern: str | None, domain: str | None, prepared: Path
) -> tuple[list[Picture], str]:
    """The images to show and, in words, where they are from: a file pattern, a prepared folder, or drawn.

    Raises:
        ConfigError: the pattern matches no file, or the domain of a file is not known.
    """
    if pattern is not None:
        return _from_files(settings, pattern, domain), pattern
    if (prepared / "shards").is_dir():
        return _from_prepared(settings, prepared), str(prepared)
    drawn = [
        Picture(f"drawn {k}", name, _draw(name, settings.seed + k))
        for name in DOMAINS
        for k in range(settings.rows)
    ]
    return drawn, f"drawn, for there is no prepared folder at {prepared}"


def _from_files(settings: SheetSettings, pattern: str, domain: str | None) -> list[Picture]:
    if domain is not None and domain not in DOMAINS:
        raise ConfigError(f"domain={domain}: {near_matches(domain, DOMAINS)}")
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (Path.glob refuses absolute patterns)
    files = [Path(name) for name in names if Path(name).is_file()]
    if not files:
        raise ConfigError(
            f"images={pattern}: no file matches; put the pattern in quotes: images='folder/*.jpg'"
        )
    by_domain: dict[str, list[Path]] = {}
    for file in files:
        by_domain.setdefault(domain or _domain_of(file), []).append(file)
    pictures = []
    for name, candidates in sorted(by_domain.items()):
        # spread over the list, not its beginning: neighbours are often photographs of one lesion
        chosen = np.random.default_rng(settings.seed).permutation(len(candidates))[: settings.rows]
        pictures += [
            Picture(candidates[i].stem, name, decode_image(candidates[i].read_bytes(), str(candidates[i])))
            for i in chosen
        ]
    return pictures


def _domain_of(file: Path) -> str:
    known = [DOMAIN_OF[part] for part in file.resolve().parts if part in DOMAIN_OF]
    if not known:
        raise ConfigError(f"{file}: no dataset's name in its path, so say domain=<{'|'.join(DOMAINS)}>")
    return known[-1]


def _from_prepared(settings: SheetSettings, prepared: Path) -> list[Picture]:
    from skintag.data.shards.reader import ShardStore

    pictures = []
    for domain in DOMAINS:
        datasets = [d for d, its in DOMAIN_OF.items() if its == domain and (prepared / "shards" / d).is_dir()]
        if not datasets:
            continue
        store = ShardStore(prepared, datasets)
        chosen = np.random.default_rng(settings.seed).permutation(len(store.image_ids))[: settings.rows]
        for i in map(int, chosen):
            name = str(store.image_ids[i])
            pictures.append(Picture(name.rsplit("/", 1)[-1], domain, decode_image(store.read(i), name)))
    return pictures


def _draw(domain: str, seed: int, side: int = 256) -> Image:
    """A blotch on skin, as a stand-in; a dermoscopic one has corners and hairs that can be removed."""
    rng = np.random.default_rng([seed, DOMAINS.index(domain)])
    y, x = np.mgrid[:side, :side] / side - 0.5
    skin = np.array([226, 178, 152]) * rng.uniform(0.6, 1.05)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), 2) * 14
    angle = np.arctan2(y, x)
    edge = 0.2 * (
        1 + 0.12 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.07 * np.sin(7 * angle + rng.uniform(0, 6))
    )
    inside = 1 / (1 + np.exp((np.hypot(x, y) - edge) * 60))
    image = skin * (1 - inside[..., None] * np.array([0.45, 0.6, 0.65])) + texture[..., None]
    canvas = np.clip(image, 0, 255).astype(np.uint8)
    if domain == "dermoscopic":
        for _ in range(9):
            ends = rng.integers(-40, side + 40, (2, 2))
            cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), (50, 34, 28), 2, cv2.LINE_AA)
        canvas[np.hypot(x, y) > 0.56] = 8
    return canvas


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
