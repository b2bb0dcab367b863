"""What is asked of the domain-shift grid: each question a contrast in which like is compared with like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.bootstrap import cluster_names
from skintag.grid.contrasts import (
    ConditionPairs,
    Contrast,
    Weights,
    mean_of,
    row_weights,
    standardised_difference,
)
from skintag.grid.runs import GridRun, frame_tested

SINGLE, MULTI, BALANCED = "single_ham", "multi", "multi_balanced"
HOME: Final = "dermoscopic"  # the domain of the one dataset that `single_ham` learns from
CONDITIONS: Final = tuple(range(8))  # 8 and 9, non-neoplastic and other, are other things in every dataset
DARK, LIGHTER = ("V-VI",), ("I-II", "III-IV")
YOUNG, OLD = ("<30", "30-49"), ("50-69", "70+")
MINIMUM: Final = 10  # images of a condition, for it to count on a side


@dataclass(frozen=True)
class Question:
    """One contrast that is asked about, in each seed."""

    name: str
    """Short name."""
    positive: str
    """What a positive value says."""
    negative: str
    """What a negative value says."""
    per_seed: list[Contrast]
    """A contrast for each seed."""
    knobs: tuple[str, ...] = ()
    """Which planted effects of the synthetic benchmark make it differ from zero; none: never planted."""
    follows: bool = False
    """It may follow from the planted effects, but it is no direct one: both answers are right."""


@dataclass(frozen=True)
class Study:
    """The runs of one split and the scores of one model in them, all on the same resamples."""

    runs: Mapping[str, Sequence[GridRun]]
    """Regime -> its runs, by seed."""
    model: str
    """Whose scores."""
    frame: pd.DataFrame
    """The test rows, with further attributes joined on."""
    weights: Weights
    """[R, n]"""

    @classmethod
    def of(
        cls,
        runs: Sequence[GridRun],
        model: str,
        *,
        attributes: pd.DataFrame | None = None,
        resamples: int = 2000,
        weights: Weights | None = None,
    ) -> Study:
        """A study of runs tested on the same images; `attributes` are indexed by image_id."""
        frame = frame_tested(runs[0])
        if weights is None:
            weights = row_weights(cluster_names(frame), resamples, seed=0)
        if attributes is not None:
            frame = frame.join(attributes[[c for c in attributes if c not in frame]], on="image_id")
        regimes = {name: [r for r in runs if r.name == name] for name in dict.fromkeys(r.name for r in runs)}
        return cls(regimes, model, frame, weights)

    @cached_property
    def target(self) -> NDArray[np.int64]:
        """1 malignant, 0 not; [n]."""
        return self.frame["target"].to_numpy(np.int64)

    @cached_property
    def condition(self) -> NDArray[np.int64]:
        """[n], -1 where unknown."""
        return self.frame["condition"].fillna(-1).to_numpy(np.int64)

    @cached_property
    def strata(self) -> NDArray[np.int64]:
        """Domain x condition, [n]."""
        return pd.factorize(self.frame["domain"].astype(str) + "/" + self.frame["condition"].astype(str))[0]

    def score(self, run: GridRun) -> NDArray[np.float64]:
        """p_malignant of the test rows in one run, [n]."""
        return frame_tested(run, self.model)["p_malignant"].to_numpy(np.float64)

    def right(self, run: GridRun) -> NDArray[np.float64]:
        """1 where the decision at the run's own threshold is right, [n]."""
        return (run.thresholds[self.model].apply(self.score(run)) == self.target).astype(np.float64)

    def is_in(self, column: str, values: Sequence[object]) -> NDArray[np.bool_]:
        """Rows with one of the values; [n]."""
        return self.frame[column].isin(list(values)).to_numpy()

    def rate(
        self, regime: str, target: int, side: NDArray[np.bool_], other: NDArray[np.bool_]
    ) -> list[Contrast]:
        """Sensitivity (target 1) or specificity (0) of one side minus the other, like for like, per seed.

        Standardised over domain x condition (Mantel-Haenszel).
        """
        taking = self.target == target
        sides = np.where(taking & side, 1, np.where(taking & other, 0, -1))
        return [
            standardised_difference(self.right(run), sides, self.strata, self.weights)
            for run in self.runs[regime]
        ]

    def level(self, regime: str, target: int, side: NDArray[np.bool_]) -> list[Contrast]:
        """Sensitivity (target 1) or specificity (0) of some rows, per seed."""
        rows = np.flatnonzero((self.target == target) & side)
        n = len(rows)
        if not n:
            return [Contrast(np.full(len(self.weights), np.nan), 0, 0) for _ in self.runs[regime]]
        w = self.weights[:, rows]
        total = w.sum(axis=1)
        out = []
        for run in self.runs[regime]:
            hits = w @ self.right(run)[rows].astype(np.float32)
            values = np.divide(hits, total, out=np.full(len(w), np.nan, np.float32), where=total > 0)
            out.append(Contrast(values.astype(np.float64), n, n))
        return out

    def pairs(self, domain: str) -> ConditionPairs:
        """The pairs of conditions that a domain shares with the home domain."""
        return ConditionPairs.shared(
            self.condition, self.target, self.is_in("domain", [HOME]), self.is_in("domain", [domain]),
            conditions=CONDITIONS, minimum=MINIMUM,
        )  # fmt: skip

    def auroc(self, regime: str, domain: str, pairs: ConditionPairs) -> list[Contrast]:
        """AUROC over pairs of conditions within a domain, per seed."""
        rows = self.is_in("domain", [domain])
        return [
            pairs.auroc(self.score(run), self.condition, self.target, rows, self.weights)
            for run in self.runs[regime]
        ]

    def drop(self, regime: str, domain: str) -> list[Contrast]:
        """AUROC at home minus AUROC in the domain, over the conditions that both have, per seed."""
        pairs = self.pairs(domain)
        return minus(self.auroc(regime, HOME, pairs), self.auroc(regime, domain, pairs))


def minus(a: Sequence[Contrast], b: Sequence[Contrast]) -> list[Contrast]:
    """Seed by seed."""
    return [x - y for x, y in zip(a, b, strict=True)]


def questions(study: Study) -> list[Question]:
    """All questions that the runs and the attributes of a study can be asked."""
    return [*_drops(study), *_shortcut(study), *_groups(study), *_balancing(study)]


def others_of(study: Study) -> list[str]:
    """The domains besides the home domain that test images come from."""
    present = set(study.frame["domain"])
    return [d for d in ("clinical", "smartphone") if d in present and HOME in present]


def _drops(study: Study) -> Iterator[Question]:
    """What single_ham loses away from home beyond what multi, which knows all domains, finds harder there."""
    if SINGLE not in study.runs or MULTI not in study.runs:
        return
    others = others_of(study)
    if not others:
        return
    by_domain = [minus(study.drop(SINGLE, d), study.drop(MULTI, d)) for d in others]
    yield Question(
        "cross-domain drop of single_ham",
        f"from {HOME} to other images single_ham loses more AUROC than multi, on the same conditions",
        f"from {HOME} to other images single_ham loses less AUROC than multi, on the same conditions",
        [mean_of(of_seed) for of_seed in zip(*by_domain, strict=True)], ("domain_gap",),
    )  # fmt: skip


def _shortcut(study: Study) -> Iterator[Question]:
    if "ruler" not in study.frame or MULTI not in study.runs:
        return
    home = study.is_in("domain", [HOME])
    ruler = home & study.frame["ruler"].eq(True).to_numpy()
    bare = home & study.frame["ruler"].eq(False).to_numpy()
    for target, name in ((0, "specificity"), (1, "sensitivity")):
        kind = "malignant" if target else "benign"
        yield Question(
            f"ruler, {name} of multi",
            f"{kind} {HOME} images are called rightly more often with a ruler than without",
            f"{kind} {HOME} images are called rightly less often with a ruler than without",
            study.rate(MULTI, target, ruler, bare), ("shortcut",),
        )  # fmt: skip


def _groups(study: Study) -> Iterator[Question]:
    """Gaps between groups of patients in multi, adjusted for domain and condition."""
    if MULTI not in study.runs:
        return
    rate = (("sensitivity", 1), ("specificity", 0))
    for a, b, knobs in ((DARK, LIGHTER, ("dark_skin_contrast",)), (("III-IV",), ("I-II",), ())):
        sides = study.is_in("fst_group", a), study.is_in("fst_group", b)
        for name, target in rate:
            yield Question(
                f"skin type {a[0]} against {'I-IV' if b == LIGHTER else b[0]}, {name} of multi",
                f"{name} is higher on skin type {a[0]}", f"{name} is lower on skin type {a[0]}",
                study.rate(MULTI, target, *sides), knobs,
                follows=bool(knobs) and target == 0,
            )  # fmt: skip
    for name, target in rate:
        men, women = study.is_in("sex", ["male"]), study.is_in("sex", ["female"])
        yield Question(
            f"sex, male against female, {name} of multi", f"{name} is higher in men",
            f"{name} is higher in women",
            study.rate(MULTI, target, men, women),
        )  # fmt: skip
        old, young = study.is_in("age_group", OLD), study.is_in("age_group", YOUNG)
        yield Question(
            f"age, 50 and over against under 50, {name} of multi", f"{name} is higher from the age of 50",
            f"{name} is lower from the age of 50",
            study.rate(MULTI, target, old, young),
        )  # fmt: skip


def _balancing(study: Study) -> Iterator[Question]:
    """What multi_balanced does better than multi."""
    if BALANCED not in study.runs or MULTI not in study.runs:
        return
    for domain in others_of(study):
        pairs = study.pairs(domain)
        yield Question(
            f"balancing, AUROC in {domain}", f"multi_balanced has more AUROC than multi on {domain} images",
            f"multi_balanced has less AUROC than multi on {domain} images",
            minus(study.auroc(BALANCED, domain, pairs), study.auroc(MULTI, domain, pairs)),
            ("domain_gap",), follows=True,
        )  # fmt: skip
    dark, lighter = study.is_in("fst_group", DARK), study.is_in("fst_group", LIGHTER)
    yield Question(
        "balancing, sensitivity on skin type V-VI", "balancing raises the sensitivity on dark skin",
        "balancing lowers the sensitivity on dark skin",
        minus(study.level(BALANCED, 1, dark), study.level(MULTI, 1, dark)), ("dark_skin_contrast",), follows=True,
    )  # fmt: skip
    gap = minus(study.rate(BALANCED, 1, dark, lighter), study.rate(MULTI, 1, dark, lighter))
    yield Question(
        "balancing, sensitivity gap of skin type V-VI",
        "balancing brings the sensitivity on dark skin closer to that on lighter skin",
        "balancing takes the sensitivity on dark skin further from that on lighter skin",
        gap, ("dark_skin_contrast",), follows=True,
    )  # fmt: skip
    if "ruler" in study.frame:
        home = study.is_in("domain", [HOME])
        ruler = home & study.frame["ruler"].eq(True).to_numpy()
        bare = home & study.frame["ruler"].eq(False).to_numpy()
        yield Question(
            "balancing, specificity lost to rulers", "with balancing a ruler costs less specificity",
            "with balancing a ruler costs more specificity",
            minus(study.rate(BALANCED, 0, ruler, bare), study.rate(MULTI, 0, ruler, bare)),
            ("shortcut",), follows=True,
        )  # fmt: skip
