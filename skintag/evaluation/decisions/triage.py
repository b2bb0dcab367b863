"""From a score and a condition to a tier (LOW, MODERATE, HIGH), a category and advice; numpy only.

The rules, in this order:

1. LOW where `p_malignant < low`, HIGH where `p_malignant > high`, MODERATE between, both bounds included.
2. A lesion whose likeliest condition is inflammatory (non-neoplastic, 8) or other/unknown (9) is never LOW: it
   is lifted to MODERATE. Under a fitted policy melanoma, basal and squamous cell carcinoma and other malignant (0, 1,
   2, 10) are never LOW either. Nothing is ever lowered. A model without conditions has nothing to lift by.

The published bounds, 0.30 and 0.60, let about 15% of malignancies into LOW; `triage_fit.py` beside this
fits both on val.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json, write_json
from skintag.core.vocabulary import Condition

TIERS: Final = ("LOW", "MODERATE", "HIGH")
CATEGORIES: Final = ("malignant", "inflammatory", "benign")
NEVER_LOW: Final = (8, 9)
"""Conditions that the published policy lifts: non-neoplastic, other/unknown."""
FITTED_NEVER_LOW: Final = (0, 1, 2, *NEVER_LOW, 10)
"""Those that a fitted one lifts: melanoma, the carcinomas and other malignant too."""
FORMAT_VERSION: Final = 2
"""1: lifts `NEVER_LOW`, calls malignant from 0.5 on, and has none of the fields that say so."""

DISCLAIMER: Final = (
    "This is a screening aid, not a diagnosis. It can be wrong, and more often so on skin, lesions and cameras "
    "that it has seen little of. Have a clinician look at any lesion that is new, changing, bleeding or worrying, "
    "whatever is shown here."
)
ADVICE: Final[dict[str, str]] = {
    "LOW": "Low estimated risk. Keep an eye on the spot, photograph it again in a month or two, and see a "
    "clinician if it grows, changes colour or shape, itches or bleeds.",
    "MODERATE": "The risk cannot be told from this photograph. Have a clinician look at the spot within the "
    "next few weeks, sooner if it changes.",
    "HIGH": "High estimated risk. See a dermatologist as soon as you can, within two weeks.",
}
INFLAMMATORY_ADVICE: Final = (
    "It may be an inflammation rather than a growth. See a clinician if it does not heal within a few weeks, "
    "spreads, hurts or comes with fever."
)


@dataclass(frozen=True)
class TriagePolicy:
    """Where the tiers lie, and what they were fitted on; `TriagePolicy()` is the published one."""

    low: float = 0.30
    """`p_malignant < low` is LOW, unless the likeliest condition lifts it."""
    high: float = 0.60
    """`p_malignant > high` is HIGH."""
    name: str = "published"
    """`published` or `fitted`, or a name of your own: how tables call the policy."""
    model: str | None = None
    """The model whose val rows the bounds were fitted on; None for bounds that were not fitted."""
    target_sensitivity: float | None = None
    """The least share of val malignancies outside LOW that was asked for."""
    target_specificity: float | None = None
    """The least share of val non-malignant rows outside HIGH that was asked for."""
    n: int | None = None
    """Val rows it was fitted on."""
    n_malignant: int | None = None
    """Malignant ones among them."""
    val_low_share: float | None = None
    """Share of the val malignancies in LOW by their score alone, before lifting: at most 1 - target."""
    val_low_share_lifted: float | None = None
    """The same after lifting: what the tiers really let through on val."""
    confidence: float | None = None
    """Of the promise that `low` makes; None: it makes none."""
    n_independent: int | None = None
    """Patients or lesions with a malignancy in val, which count once each."""
    sensitivity_low: float | None = None
    """With `confidence`, at least this share of patients or lesions with a malignancy has no malignant picture below
    `low`: at least the target where val is large enough, else less."""
    never_low: tuple[int, ...] = NEVER_LOW
    """Likeliest conditions that are lifted out of LOW."""
    malignant_from: float = 0.5
    """From this score on a MODERATE lesion is called malignant; above 1: none is."""

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:  # also refuses nan
            raise ConfigError(
                f"triage policy {self.name!r} has low={self.low} and high={self.high}: expected "
                "0 <= low <= high <= 1"
            )
        object.__setattr__(self, "never_low", tuple(int(code) for code in self.never_low))
        if not set(self.never_low) <= {*map(int, Condition)} or not 0 <= self.malignant_from < 2:
            raise ConfigError(
                f"triage policy {self.name!r} has never_low={self.never_low} and malignant_from="
                f"{self.malignant_from}: expected conditions from 0 to 10, and a score"
            )

    @property
    def promised(self) -> bool:
        """Whether at least the target sensitivity is promised."""
        known = self.sensitivity_low is not None and self.target_sensitivity is not None
        return known and self.sensitivity_low >= self.target_sensitivity  # type: ignore[operator]

    def around(self, threshold: float) -> Self:
        """This policy about a decision threshold, so that the two never disagree.

        LOW is below the threshold and HIGH at or above it, whatever val said of the bounds: the lower is not raised
        by that, nor the upper lowered, so what they promise holds. What is called malignant is what reaches it.
        """
        low, high = min(self.low, threshold), min(max(self.high, threshold), 1.0)
        return replace(self, low=low, high=high, malignant_from=threshold)

    def tiers(self, p_malignant: ArrayLike, p_condition: ArrayLike | None = None) -> NDArray[np.str_]:
        """The tier of each row, one of `TIERS`, str [n].

        Args:
            p_malignant: float [n], in [0, 1].
            p_condition: float [n, 10] or [n, 11]. None, or a row of nan: no conditions, nothing is lifted.

        Raises:
            ValueError: a score outside [0, 1] or nan, or a shape that does not fit.
        """
        return np.array(TIERS)[self.tier_codes(p_malignant, p_condition)]

    def tier_codes(self, p_malignant: ArrayLike, p_condition: ArrayLike | None = None) -> NDArray[np.int8]:
        """The tiers as positions in `TIERS`, int8 [n]; arguments and errors as `tiers`."""
        score = _scores(p_malignant)
        codes = (score >= self.low).astype(np.int8) + (score > self.high)
        top = top_condition(p_condition, len(score))
        return np.where(np.isin(top, self.never_low), np.maximum(codes, 1), codes).astype(np.int8)

    def categories(self, p_malignant: ArrayLike, p_condition: ArrayLike | None = None) -> NDArray[np.str_]:
        """What kind of lesion is likeliest, one of `CATEGORIES`, str [n]; arguments and errors as `tiers`.

        Malignant: HIGH, or MODERATE and `p_malignant` at least `malignant_from`. Inflammatory: the likeliest condition
        is, and the lesion is not malignant by the above. Benign: the rest, so LOW is always benign.
        """
        score = _scores(p_malignant)
        codes = self.tier_codes(score, p_condition)
        malignant = (codes == 2) | ((codes == 1) & (score >= self.malignant_from))
        inflamed = top_condition(p_condition, len(score)) == Condition.NON_NEOPLASTIC
        return np.array(CATEGORIES)[np.where(malignant, 0, np.where(inflamed, 1, 2))]

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the version of the format."""
        return {"version": FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], where: object = "triage policy") -> TriagePolicy:
        """What `to_json` gave. Raises DataError where it is not that, or of a version that is not known."""
        names = [field.name for field in fields(cls)]
        try:
            if entry["version"] not in (1, FORMAT_VERSION):
                raise ValueError(f"version {entry['version']!r}")
            known = names if entry["version"] == FORMAT_VERSION else names[: names.index("confidence")]
            return cls(**{name: entry[name] for name in known})
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise DataError(
                where,
                expected=f"a triage policy of version 1 or {FORMAT_VERSION} with {', '.join(names)}",
                found=f"{type(error).__name__}: {error}",
                fix="fit the policy again with this version of SkinTag",
            ) from error


PUBLISHED: Final = TriagePolicy()


def advice(tier: str, category: str = "benign") -> str:
    """What to tell the person: the tier's advice, a word on inflammation where that fits, and the disclaimer.

    Raises:
        ValueError: no such tier or category.
    """
    if tier not in TIERS or category not in CATEGORIES:
        raise ValueError(f"no advice for {tier!r} and {category!r}: known are {TIERS} and {CATEGORIES}")
    inflamed = [INFLAMMATORY_ADVICE] if category == "inflammatory" else []
    return " ".join([ADVICE[tier], *inflamed, DISCLAIMER])


def top_condition(p_condition: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """The likeliest condition of each of n rows, int64 [n]; the first among equals, -1 without conditions."""
    table = _conditions(p_condition, n)
    if table is None:
        return np.full(n, -1)
    known = ~np.isnan(table[:, 0])
    return np.where(known, np.argmax(np.nan_to_num(table, nan=-1.0), axis=1), -1)


def condition_scores(frame: Any) -> NDArray[np.float64]:
    """`p_condition_0..9` (and 10, where it is there) of a predictions frame, float64 [n, 10 or 11]; null is nan."""
    columns = [f"p_condition_{condition.value}" for condition in Condition]
    return frame[[name for name in columns if name in frame]].to_numpy(dtype=np.float64)


def write_policies(path: str | os.PathLike[str], policies: Mapping[str, TriagePolicy]) -> None:
    """Write policies by model, atomically, as JSON."""
    write_json(path, {"policies": {model: policy.to_json() for model, policy in policies.items()}})


def read_policies(path: str | os.PathLike[str]) -> dict[str, TriagePolicy]:
    """What `write_policies` wrote. Raises DataError where there is no file, or it is not that."""
    try:
        entries = dict(read_json(path)["policies"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            path,
            expected="triage policies by model",
            found=f"{type(error).__name__}: {error}",
            fix="write the file again by evaluating the run",
        ) from error
    return {model: TriagePolicy.from_json(entry, f"{path}: {model}") for model, entry in entries.items()}


def _scores(values: ArrayLike) -> NDArray[np.float64]:
    score = np.asarray(values, dtype=np.float64)
    if score.ndim != 1 or not ((score >= 0) & (score <= 1)).all():
        raise ValueError("p_malignant has to be a 1-d array of numbers in [0, 1]")
    return score


def _conditions(values: ArrayLike | None, n: int) -> NDArray[np.float64] | None:
    if values is None:
        return None
    table = np.asarray(values, dtype=np.float64)
    if table.shape not in ((n, len(Condition) - 1), (n, len(Condition))):
        raise ValueError(f"p_condition has shape {table.shape}, expected [{n}, 10 or 11]")
    return table
