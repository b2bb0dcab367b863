"""Pictures that show no skin lesion: crops of photographs that come with libraries, and patterns drawn here.

All are brought to the size of a lesion photograph of the run, so that no method can tell them by their sharpness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
DEVELOPMENT: Final = "development"
REPORT: Final = "report"
_SKIN: Final = np.array([[241, 208, 190], [224, 177, 149], [190, 139, 108], [141, 93, 66], [92, 60, 44]])


@dataclass(frozen=True)
class Family:
    """Pictures of one kind."""

    pictures: tuple[Picture, ...]
    """uint8 [H, W, 3] RGB."""
    role: str
    """`development`: choices are made on it, with val; `report`: it is reported on, with test."""
    sources: tuple[str, ...]
    """What each picture is from: crops of one photograph are no independent pictures."""


def draw_families(sizes: NDArray[np.int64], each: int, seed: int = 0) -> dict[str, Family]:
    """Families by name.

    Args:
        sizes: [n, 2] width and height of lesion photographs; each picture takes one of them.
        each: pictures in a family.
        seed: of all that is drawn.
    """
    photographs = sample_photographs()
    makers: dict[str, tuple[str, Callable[[np.random.Generator], Picture]]] = {
        "crops of a palace": (DEVELOPMENT, lambda rng: crop(photographs["palace"], rng)),
        "colour gradients": (DEVELOPMENT, gradient),
        "Gaussian noise": (DEVELOPMENT, lambda rng: noise(rng, 1)),
        "crops of a flower": (REPORT, lambda rng: crop(photographs["flower"], rng)),
        "crops of a portrait": (REPORT, lambda rng: crop(photographs["portrait"], rng)),
        "checkerboards": (REPORT, checkerboard),
        "coarse colour noise": (REPORT, lambda rng: noise(rng, 16)),
        "bare skin, drawn": (REPORT, bare_skin),
    }
    families = {}
    for number, (name, (role, make)) in enumerate(makers.items()):
        rng = np.random.default_rng([seed, number])
        chosen = sizes[rng.integers(0, len(sizes), each)]
        pictures = tuple(resized(make(rng), int(w), int(h)) for w, h in chosen)
        sources = tuple(name if "crops" in name else f"{name} {i}" for i in range(each))
        families[name] = Family(pictures, role, sources)
    return families


def sample_photographs() -> dict[str, Picture]:
    """What comes with scikit-learn (`palace`, `flower`, 427 x 640) and with matplotlib (`portrait`, 600 x 512)."""
    from matplotlib.cbook import get_sample_data
    from PIL import Image
    from sklearn.datasets import load_sample_image

    with get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Image.open(file).convert("RGB"))
    return {
        "palace": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
        "portrait": portrait,
    }


def crop(photograph: Picture, rng: np.random.Generator) -> Picture:
    """A square of 100 to 400 pixels, anywhere."""
    side = int(rng.integers(100, min(400, *photograph.shape[:2]) + 1))
    y, x = (int(rng.integers(0, n - side + 1)) for n in photograph.shape[:2])
    return photograph[y : y + side, x : x + side]


def gradient(rng: np.random.Generator) -> Picture:
    """From one colour to another, in any direction."""
    a, b = rng.uniform(0, 255, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    share = (np.cos(angle) * x + np.sin(angle) * y) / 2.83 + 0.5
    return _bytes(a + (b - a) * share[..., None])


def noise(rng: np.random.Generator, coarseness: int) -> Picture:
    """Colours at random about a mean, in blobs of about `coarseness` pixels."""
    side = 128 // coarseness
    small = (rng.uniform(60, 195, 3) + rng.normal(0, 60, (side, side, 3))).astype(np.float32)
    return _bytes(cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC) if coarseness > 1 else small)


def checkerboard(rng: np.random.Generator) -> Picture:
    """Two colours in squares of 4 to 32 pixels, turned."""
    a, b = rng.uniform(0, 255, (2, 3))
    side, angle = rng.uniform(4, 32), rng.uniform(0, np.pi)
    y, x = np.mgrid[0:128, 0:128]
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    odd = (np.floor(u / side) + np.floor(v / side)) % 2
    return _bytes(a + (b - a) * odd[..., None])


def bare_skin(rng: np.random.Generator) -> Picture:
    """A tone between light and dark with soft shadows and fine grain, and no lesion: what a hurried user sends."""
    place = rng.uniform(0, len(_SKIN) - 1)
    low = int(place)
    tone = _SKIN[low] + (place - low) * (_SKIN[min(low + 1, len(_SKIN) - 1)] - _SKIN[low])
    soft = cv2.resize(rng.normal(0, 1, (4, 4)).astype(np.float32), (128, 128), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 1.2)
    return _bytes(tone * (1 + 0.08 * soft + 0.06 * grain)[..., None])


def resized(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size, averaged by area where it shrinks."""
    smaller = width * height < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _bytes(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
