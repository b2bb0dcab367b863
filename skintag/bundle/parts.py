"""The small parts of a bundle, as they lie in its JSON files: preprocessing, taxonomy, texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json, write_json
from skintag.core.vocabulary import CONDITIONS
from skintag.data.images.decoding import check_input
from skintag.data.images.encoding import ShardSettings
from skintag.evaluation.decisions.triage import ADVICE, CATEGORIES, DISCLAIMER, INFLAMMATORY_ADVICE, TIERS

TAXONOMY_VERSION: Final = 1
"""Raised when a number comes to mean another condition."""
OUT_OF_DISTRIBUTION: Final = (
    "This picture does not look like the lesion photographs that the model was made from: what it says here may "
    "mean nothing. Take a sharp, well-lit photograph of the spot alone, and have a clinician look at it."
)


@dataclass(frozen=True)
class Preprocessing:
    """From an image file to what the model takes; the same as on the way through shards in training."""

    image_size: int
    """Side of the model's square input, pixels."""
    fit: str
    """`squash`, `center_crop` or `pad`, see `skintag.data.images.pipeline.ImagePipeline`."""
    longest_side: int
    """Larger images are shrunk to it first, pixels."""
    jpeg_quality: int
    """And are encoded with it, as they were for the shards; upright JPEGs within the size stay as they are."""
    input: str = "uint8 RGB; normalisation is part of the model"
    """What the model is given."""
    interpolation: str = "bilinear"
    """`bilinear` or `bicubic`; the file has it where it is the latter, so that bundles of before are as they were."""

    def __post_init__(self) -> None:
        for name, most in {"image_size": 2048, "longest_side": 16_384, "jpeg_quality": 100}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value > most:
                raise ConfigError(f"{name} is {value!r}; expected a whole number up to {most:,}")
        if not isinstance(self.fit, str) or not isinstance(self.input, str):
            raise ConfigError("fit and input are texts")
        check_input(self.image_size, self.fit, self.interpolation)
        ShardSettings(self.longest_side, self.jpeg_quality)

    def write(self, folder: Path) -> None:
        """Write `preprocessing.json` into the folder, atomically."""
        values = asdict(self)
        if self.interpolation == "bilinear":
            del values["interpolation"]
        write_json(folder / "preprocessing.json", values, checksum=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `preprocessing.json`; raises DataError where it is not that."""
        return _read(cls, folder / "preprocessing.json", optional=("interpolation",))


@dataclass(frozen=True)
class Taxonomy:
    """What the numbers of the outputs mean."""

    name: str
    """`ten` or `extended`."""
    premalignant: str
    """What the malignant class makes of premalignant lesions: `malignant`, `benign` or `exclude`."""
    non_neoplastic: str
    """And of non-neoplastic ones: `benign` or `exclude`."""
    conditions: tuple[str, ...]
    """Names, in the order of the probabilities."""
    categories: tuple[str, ...] = CATEGORIES
    """Of `Prediction.category`."""
    tiers: tuple[str, ...] = TIERS
    """Of `Prediction.tier`, rising."""
    version: int = TAXONOMY_VERSION
    """Of the numbering."""

    def __post_init__(self) -> None:
        # the rules of triage go by number: under another numbering they would say something else
        for key, wanted in {
            "version": TAXONOMY_VERSION,
            "conditions": CONDITIONS[: len(self.conditions)],
            "categories": CATEGORIES,
            "tiers": TIERS,
        }.items():
            value = getattr(self, key)
            if (tuple(value) if isinstance(value, list) else value) != wanted:
                raise ConfigError(f"taxonomy.{key} is {value!r}; this SkinTag knows {wanted!r}")
            if isinstance(value, list):
                object.__setattr__(self, key, tuple(value))
        if len(self.conditions) not in (10, 11):
            raise ConfigError(f"taxonomy.conditions has {len(self.conditions)} names; expected 10 or 11")

    def write(self, folder: Path) -> None:
        """Write `taxonomy.json` into the folder, atomically."""
        write_json(folder / "taxonomy.json", asdict(self), checksum=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `taxonomy.json`; raises DataError where it is not that, or of another numbering."""
        return _read(cls, folder / "taxonomy.json")


@dataclass(frozen=True)
class Texts:
    """What people are told beside the numbers; a bundle's own, so that an old one goes on saying what it said."""

    advice: Mapping[str, str] = field(default_factory=lambda: dict(ADVICE))
    """By tier."""
    inflammatory: str = INFLAMMATORY_ADVICE
    """Added where the category is inflammatory."""
    out_of_distribution: str = OUT_OF_DISTRIBUTION
    """Said before the advice where the picture is unlike those the model was made from."""
    disclaimer: str = DISCLAIMER
    """Stands with every output."""

    def __post_init__(self) -> None:
        if not isinstance(self.advice, Mapping) or set(self.advice) != set(TIERS):
            raise ConfigError(f"texts.advice needs a text for each of {', '.join(TIERS)}")
        said = [*self.advice.values(), self.inflammatory, self.out_of_distribution, self.disclaimer]
        if not all(isinstance(text, str) and text.strip() for text in said):
            raise ConfigError("texts: every text has to be there; an empty one would say nothing")

    def recommendation(self, tier: str, category: str, *, unlike: bool) -> str:
        """What to tell the person, without the disclaimer.

        Args:
            unlike: the picture is out of distribution; then nobody is told that the risk is low.
        """
        said = [self.out_of_distribution] if unlike else []
        if not (unlike and tier == "LOW"):
            said.append(self.advice[tier])
        if category == "inflammatory":
            said.append(self.inflammatory)
        return " ".join(said)

    def write(self, folder: Path) -> None:
        """Write `texts.json` into the folder, atomically."""
        write_json(folder / "texts.json", asdict(self), checksum=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `texts.json`; raises DataError where it is not that."""
        return _read(cls, folder / "texts.json")


def _read(kind: Any, path: Path, optional: tuple[str, ...] = ()) -> Any:
    """A dataclass from its JSON file; every field has to be there, but for the optional ones, and no other."""
    names = [f.name for f in fields(kind)]
    try:
        values = read_json(path)
        if not set(names) - set(optional) <= set(values) <= set(names):
            raise ValueError(f"keys {', '.join(map(str, values))}")
        return kind(**values)
    except (OSError, ValueError, TypeError, ConfigError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(
            path, expected=f"an object with {', '.join(names)}", found=found, fix=AGAIN
        ) from error
