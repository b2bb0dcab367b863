"""The runs of one split and one model's scores in them, with the contrasts that questions are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.statistics.bootstrap import cluster_names
from skintag.evaluation.statistics.contrasts import ConditionPairs, share_of, standardised_difference
from skintag.evaluation.statistics.sides import Contrast, RowDraws
from skintag.runs.grid.runs import GridRun, frame_tested

SINGLE, MULTI, BALANCED = "single_ham", "multi", "multi_balanced"
HOME: Final = "dermoscopic"  # the domain of the one dataset that `single_ham` learns from
CONDITIONS: Final = tuple(range(8))  # 8 and 9, non-neoplastic and other, are other things in every dataset
DARK, LIGHTER = ("V-VI",), ("I-II", "III-IV")
YOUNG, OLD = ("<30", "30-49"), ("50-69", "70+")
MINIMUM: Final = 10  # images of a condition, for it to count on a side


@dataclass(frozen=True)
class Study:
    """The runs of one split and the scores of one model in them, all on the same resamples."""

    runs: Mapping[str, Sequence[GridRun]]
    """Regime -> its runs, by seed."""
    model: str
    """Whose scores."""
    frame: pd.DataFrame
    """The test rows, with further attributes joined on."""
    rows: RowDraws
    """How often each of the n test rows counts, in every resample."""

    @classmethod
    def of(
        cls,
        runs: Sequence[GridRun],
        model: str,
        *,
        attributes: pd.DataFrame | None = None,
        resamples: int = 2000,
        rows: RowDraws | None = None,
    ) -> Study:
        """A study of runs tested on the same images; `attributes` are indexed by image_id."""
        frame = frame_tested(runs[0])
        if rows is None:
            rows = RowDraws.draw(cluster_names(frame), resamples, seed=0)
        if attributes is not None:
            frame = frame.join(attributes[[c for c in attributes if c not in frame]], on="image_id")
        regimes = {name: [r for r in runs if r.name == name] for name in dict.fromkeys(r.name for r in runs)}
        return cls(regimes, model, frame, rows)

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

    def called(self, run: GridRun) -> NDArray[np.float64]:
        """1 where an image is called malignant at the run's own threshold, [n]."""
        return run.thresholds[self.model].apply(self.score(run)).astype(np.float64)

    def right(self, run: GridRun) -> NDArray[np.float64]:
        """1 where that is right, [n]."""
        return (self.called(run) == self.target).astype(np.float64)

    def is_in(self, column: str, values: Sequence[object]) -> NDArray[np.bool_]:
        """Rows with one of the values; [n]."""
        return self.frame[column].isin(list(values)).to_numpy()

    def rate(
        self,
        regime: str,
        target: int,
        side: NDArray[np.bool_],
        other: NDArray[np.bool_],
    ) -> list[Contrast]:
        """Sensitivity (target 1) or specificity (0) of one side minus the other, like for like, per seed.

        Standardised over domain x condition (Mantel-Haenszel).
        """
        taking = self.target == target
        sides = np.where(taking & side, 1, np.where(taking & other, 0, -1))
        return [
            standardised_difference(self.right(run), sides, self.strata, self.rows)
            for run in self.runs[regime]
        ]

    def ruler_effect(self, regime: str) -> list[Contrast]:
        """How much more often images at home are called malignant with a ruler than without, per seed.

        Standardised over condition and target (Mantel-Haenszel): the same diagnosis on both sides. An artefact that
        makes images harder lowers sensitivity and specificity alike, and so moves this little; one that is taken for
        a sign of malignancy raises it.
        """
        ruler = self.frame["ruler"].map({True: 1, False: 0}).fillna(-1).to_numpy(np.int64)
        sides = np.where(self.is_in("domain", [HOME]), ruler, -1)
        strata = self.strata * 2 + self.target
        return [
            standardised_difference(self.called(run), sides, strata, self.rows) for run in self.runs[regime]
        ]

    def level(self, regime: str, target: int, side: NDArray[np.bool_]) -> list[Contrast]:
        """Sensitivity (target 1) or specificity (0) of some rows, per seed."""
        chosen = (self.target == target) & side
        return [share_of(self.right(run), chosen, self.rows) for run in self.runs[regime]]

    def pairs(self, domain: str, among: NDArray[np.bool_] | None = None) -> ConditionPairs:
        """The pairs of conditions that a domain shares with the home domain, among the rows [n] of a mask."""
        home, there = self.is_in("domain", [HOME]), self.is_in("domain", [domain])
        if among is not None:
            home, there = home & among, there & among
        return ConditionPairs.shared(
            self.condition, self.target, home, there, conditions=CONDITIONS, minimum=MINIMUM
        )

    def auroc(
        self, regime: str, domain: str, pairs: ConditionPairs, among: NDArray[np.bool_] | None = None
    ) -> list[Contrast]:
        """AUROC over pairs of conditions within a domain, per seed."""
        rows = self.is_in("domain", [domain])
        rows = rows if among is None else rows & among
        return [
            pairs.auroc(self.score(run), self.condition, self.target, rows, self.rows)
            for run in self.runs[regime]
        ]

    @cached_property
    def bare(self) -> NDArray[np.bool_]:
        """Rows that are not known to show a ruler, which may give the diagnosis away in one domain alone; [n]."""
        if "ruler" not in self.frame:
            return np.ones(len(self.frame), dtype=bool)
        return ~self.frame["ruler"].eq(True).to_numpy()

    def drop(self, regime: str, domain: str, among: NDArray[np.bool_] | None = None) -> list[Contrast]:
        """AUROC at home minus AUROC in the domain, over the conditions that both have, per seed."""
        pairs = self.pairs(domain, among)
        return minus(self.auroc(regime, HOME, pairs, among), self.auroc(regime, domain, pairs, among))


def minus(a: Sequence[Contrast], b: Sequence[Contrast]) -> list[Contrast]:
    """One model on some rows less the same on others, seed by seed."""
    return [x - y for x, y in zip(a, b, strict=True)]


def paired(a: Sequence[Contrast], b: Sequence[Contrast]) -> list[Contrast]:
    """One regime less the other on the same rows, seed by seed."""
    return [x.against(y) for x, y in zip(a, b, strict=True)]


def others_of(study: Study) -> list[str]:
    """The domains besides the home domain that test images come from."""
    present = set(study.frame["domain"])
    return [d for d in ("clinical", "smartphone") if d in present and HOME in present]
