"""The images that a contact sheet shows: of a file pattern, of a prepared folder, or drawn."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from skintag.core.errors import ConfigError, near_matches
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment.condition import Image
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.images.files import decode_image, read_image
from skintag.data.shards.reader import ShardStore
from skintag.data.sources import adapter_of, registered


@dataclass(frozen=True)
class SheetSettings:
    """How a contact sheet looks, and how many images it shows."""

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
    """One image to show on a sheet, and where it comes from."""

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
    if (prepared / CATALOG).is_file():
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
        pictures += [Picture(candidates[i].stem, name, _decoded(candidates[i])) for i in chosen]
    return pictures


def _decoded(file: Path) -> Image:
    return decode_image(read_image(file, file), file)


def _domain_of(file: Path) -> str:
    """The domain of the dataset whose name is in the path, where all of its pictures are of one."""
    named = [part for part in file.resolve().parts if part in registered()]
    if not named:
        raise ConfigError(f"{file}: no dataset's name in its path, so say domain=<{'|'.join(DOMAINS)}>")
    domains = adapter_of(named[-1]).domains
    if len(domains) > 1:
        raise ConfigError(f"{file}: {named[-1]} has several domains, so say domain=<{'|'.join(domains)}>")
    return domains[0]


def _from_prepared(settings: SheetSettings, prepared: Path) -> list[Picture]:
    """Some images of each domain, by what the catalog says of each image."""
    rows = read_catalog(prepared / CATALOG)
    rows = rows[rows["status"] == "ok"]
    pictures = []
    for domain in DOMAINS:
        of_domain = rows[rows["domain"] == domain]
        chosen = np.random.default_rng(settings.seed).permutation(len(of_domain))[: settings.rows]
        shown = of_domain.iloc[chosen]
        store = ShardStore(prepared, sorted(shown["dataset"].unique()))
        for name, position in zip(
            shown["image_id"], store.positions(shown["image_id"]).tolist(), strict=True
        ):
            image = decode_image(store.read(position), name)
            pictures.append(Picture(name.rsplit("/", 1)[-1], domain, image))
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
