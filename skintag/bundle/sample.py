"""A picture that a bundle knows its own answer to, so that whoever serves it can see that it works here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError, ImageError
from skintag.core.io import atomic_path, read_json, write_json

if TYPE_CHECKING:
    from skintag.bundle.bundle import Bundle

PICTURE: Final = "sample/picture.npy"
ANSWER: Final = "sample/answer.json"
_TOLERANCE: Final = {"torch": 0.005, "onnx": 0.005, "onnx_half": 0.005, "onnx_int8": 0.05}
"""Processors round otherwise; in INT8 a rounding is a whole level."""


@dataclass(frozen=True)
class Answer:
    """What the deployed model says of the sample, before calibration."""

    p_malignant: float
    p_condition: tuple[float, ...] | None
    tolerance: float
    """How far from these probabilities another processor may be."""

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """What a bundle says now."""
        picture = np.load(bundle.folder / PICTURE, allow_pickle=False)
        pixels = bundle.square(picture)[None]
        said = bundle.outputs(pixels)
        conditions = None if said.conditions is None else tuple(map(float, said.conditions[0]))
        return cls(float(said.malignant[0]), conditions, _TOLERANCE[bundle.manifest.runtime])

    def apart(self, other: Answer) -> float:
        """The largest difference of two probabilities; 1 where one of them has conditions and the other has not."""
        mine, theirs = (np.array([a.p_malignant, *(a.p_condition or ())]) for a in (self, other))
        return float(np.abs(mine - theirs).max()) if mine.shape == theirs.shape else 1.0


def sample_picture() -> NDArray[np.uint8]:
    """A dark spot on brown, uint8 [180, 240, 3]; drawn: nobody's skin."""
    y, x = np.mgrid[:180, :240].astype(np.float64)
    spot = np.exp(-(((x - 112) / 41) ** 2 + ((y - 94) / 30 + (x - 112) / 300) ** 2))
    grain = 6 * np.sin(x / 3.7) * np.cos(y / 4.3)
    skin, dark = np.array([196.0, 150.0, 122.0]), np.array([84.0, 50.0, 40.0])
    picture = skin + (dark - skin) * spot[..., None] + grain[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def write_sample(bundle: Bundle) -> None:
    """Write the sample and the answer into a bundle's folder; its manifest has to be written after that."""
    (bundle.folder / PICTURE).parent.mkdir(exist_ok=True)
    with atomic_path(bundle.folder / PICTURE) as part, part.open("wb") as file:
        np.save(file, sample_picture())
    write_json(bundle.folder / ANSWER, asdict(Answer.of(bundle)), checksum=False)


def check_sample(bundle: Bundle) -> float | None:
    """How far a bundle's answer is from the known one here; None where it knows none, as bundles before 0.3.

    Raises:
        DataError: farther than other processors' rounding explains, or the answer is damaged.
    """
    path = bundle.folder / ANSWER
    if not path.is_file():
        return None
    try:
        known = Answer(**read_json(path))
        apart = known.apart(Answer.of(bundle))
        within = apart <= min(known.tolerance, 0.1)
    except (OSError, TypeError, ValueError, ImageError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(path, expected="the known answer to the sample", found=found, fix=AGAIN) from error
    if not within:
        fix = "use the versions of libraries in provenance.json, or build the bundle again on this machine"
        expected = f"the answer that the bundle was built with, within {known.tolerance:g}"
        raise DataError(path, expected=expected, found=f"a probability {apart:.3g} away", fix=fix)
    return apart
