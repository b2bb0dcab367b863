"""What a student lost against its teacher, and whether any group lost more than the others.

Both are looked at on the same test images, each with the threshold and the triage policy fitted on its own val rows.
All intervals come from one bootstrap of whole patients and lesions for both models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError
from skintag.core.vocabulary import HEAD
from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.comparison import differences
from skintag.evaluation.analyses.tier_agreement import TierAgreement, tier_agreement
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.decisions.triage import TriagePolicy, condition_scores, fit_triage
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL, Grouping
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.differences import holm, paired_differences
from skintag.evaluation.statistics.gap_replicates import n_rows, small_rows
from skintag.evaluation.statistics.paired import Entry, Pair, Panel, joint_clusters

TEACHER: Final = "teacher"
STUDENT: Final = HEAD
METRICS: Final = ("auroc", "accuracy", "f1_macro", "sensitivity", "specificity")
"""For all of them more is better, so that a loss is teacher minus student."""
GROUPINGS: Final = (OVERALL, DOMAIN, FST_GROUP)
LEVEL: Final = 0.05
_REST: Final = "rest of "


@dataclass(frozen=True)
class Side:
    """One of the two models, with what was fitted on its own val rows."""

    name: str
    """What reports call it."""
    rows: TestPredictions
    """Its test rows."""
    threshold: Threshold
    """Decisions are `score >= threshold`."""
    policy: TriagePolicy | None
    """None where val has not both classes."""

    @classmethod
    def of(cls, predictions: Predictions, model: str, threshold: Threshold, name: str | None = None) -> Side:
        """A model of a table; its triage policy is fitted on its val rows. Raises DataError: no such model."""
        val = predictions.val(model)
        both = 0 < int(val.target.sum()) < len(val)
        return cls(name or model, predictions.test(model), threshold, fit_triage(val) if both else None)


@dataclass(frozen=True)
class Retention:
    """What the student lost."""

    teacher: str
    """Name of the teacher."""
    student: str
    """Name of the student."""
    losses: pd.DataFrame
    """A row per group and metric, and per gap: `value_teacher`, `value_student`, `difference` (student minus teacher)
    with `low`, `high`, `p_value`, and what it stands on, as `comparison.differences` has them. `p_holm`: over the
    groups of a grouping, metric by metric."""
    fairness: pd.DataFrame
    """A row per group and metric: `loss` (teacher minus student) in the group, `loss_rest` in the other groups of the
    grouping together, `extra_loss` their difference with `low`, `high`, `p_value`; `p_holm` over all groups that are
    large enough, metric by metric; `verdict`: `lost more`, `lost less`, `not told apart` or `too few`."""
    agreement: TierAgreement | None
    """Of the triage tiers; None where a policy could not be fitted."""
    policies: dict[str, TriagePolicy]
    """Side's name -> its fitted policy."""
    n_images: int
    """Test images of both."""
    n_only_teacher: int
    """Test images of the teacher alone: left out."""
    n_only_student: int
    """The reverse."""
    clustered: bool
    """Whether rows say which patient or lesion they show."""


def retention(
    teacher: Side,
    student: Side,
    *,
    metrics: Sequence[str] = METRICS,
    groupings: Sequence[Grouping] = GROUPINGS,
    settings: AssessmentSettings = DEFAULTS,
) -> Retention:
    """Compare a student with its teacher on the test images of both; groups are those of the student's table.

    Args:
        teacher: may be of another run, as long as test images are shared.
        student: the other.
        metrics: names of levels for which more is better.
        groupings: how test rows fall into groups.
        settings: resamples, confidence, seed, minimum.

    Raises:
        DataError: no shared test image, an image with two targets, or both of one name.
    """
    if teacher.name == student.name:
        raise DataError(
            f"retention of {student.name!r}",
            expected="a teacher and a student of different names",
            found="the same name twice",
            fix="give one of them another name",
        )
    rests = [(g, name) for g in groupings for name in _named(g, student)]
    extended = _with_rests(student.rows, rests)
    entries = {
        student.name: Entry(extended, student.threshold.value),
        teacher.name: Entry(teacher.rows, teacher.threshold.value),
    }
    panel = Panel(
        entries,
        resamples=settings.resamples,
        seed=settings.seed,
        groupings=[*groupings, *(Grouping(_rest(g, name), _rest(g, name)) for g, name in rests)],
        metrics=metrics,
    )  # fmt: skip
    pair = panel.pair(student.name, teacher.name)
    table = differences(pair, settings).rename(
        columns={"value_a": "value_student", "value_b": "value_teacher"}
    )
    own = table[~table["grouping"].str.startswith(_REST)].reset_index(drop=True)
    families = own["grouping"] + " / " + own["metric"]
    own["p_holm"] = holm(own["p_value"].where(~own["too_few"]), families)
    shared = student.rows.frame["image_id"].isin(teacher.rows.frame["image_id"])
    policies = {side.name: side.policy for side in (teacher, student) if side.policy is not None}
    return Retention(
        teacher.name, student.name, own, _fairness(pair, rests, metrics, settings),
        _agreement(teacher, student, groupings, settings), policies, int(shared.sum()), pair.only_b, pair.only_a,
        panel.clustered,
    )  # fmt: skip


def _named(grouping: Grouping, student: Side) -> tuple[str, ...]:
    """Groups of a grouping that has several."""
    names = grouping.codes(student.rows.frame)[1]
    return names if len(names) > 1 else ()


def _rest(grouping: Grouping, group: str) -> str:
    return f"{_REST}{grouping.name} {group}"


def _with_rests(rows: TestPredictions, rests: Sequence[tuple[Grouping, str]]) -> TestPredictions:
    """The rows with a column for each group that marks the rows of the other groups."""
    frame = rows.frame
    columns = {}
    for grouping, group in rests:
        codes, names = grouping.codes(frame)
        other = (codes >= 0) & (codes != names.index(group))
        columns[_rest(grouping, group)] = pd.Series("rest", index=frame.index).where(other)
    return TestPredictions(frame.assign(**columns), rows.model)


def _fairness(
    pair: Pair, rests: Sequence[tuple[Grouping, str]], metrics: Sequence[str], settings: AssessmentSettings
) -> pd.DataFrame:
    """How much more each group lost than the others of its grouping.

    A difference of two differences, by `paired_differences`. Of proportions, each side counts one more discordant
    image of each kind, as there: where two models decide alike on few images, the resamples alone know no doubt.
    Simulated with losses that are alike (600 test images, groups of 40 to 150, 150 repeats), intervals of 95% held
    no extra loss in 96 to 99%, and a group was said to have lost more in 2% of the repeats.
    """
    index = pair.a.index
    position = {
        k: i for i, k in enumerate(zip(index["grouping"], index["group"], index["metric"], strict=True))
    }
    keys = [(g.name, name, metric, _rest(g, name)) for g, name in rests for metric in metrics]
    if not keys:
        return pd.DataFrame(columns=[*_FAIRNESS, "p_holm", "verdict"])
    at = np.array([position[g, name, m] for g, name, m, _ in keys])
    other = np.array([position[rest, "rest", m] for _, _, m, rest in keys])
    loss = pair.b.index["value"].to_numpy(dtype=float) - index["value"].to_numpy(dtype=float)
    drawn = pair.b.values - pair.a.values  # noqa: PD011 (no pandas object)
    inside, outside = index.iloc[at].reset_index(drop=True), index.iloc[other].reset_index(drop=True)
    units = np.minimum(*(part["n_units"].to_numpy(dtype=float) for part in (inside, outside)))
    rows = [n_rows(part) for part in (inside, outside)]
    more = np.nansum([2 / (n + 2) ** 2 for n in rows], axis=0)
    found = paired_differences(
        loss[at] - loss[other],
        drawn[:, at] - drawn[:, other],
        n_units=units,
        n_rows=np.full(len(keys), np.nan),
        confidence=settings.confidence,
        extra=(more, np.maximum(units - 1, 1)),
    )
    small = small_rows(inside, settings.minimum) | small_rows(outside, settings.minimum)
    out = inside[["grouping", "group", "metric", "n", "n_positive", "n_units"]].assign(
        loss=loss[at], loss_rest=loss[other], extra_loss=loss[at] - loss[other], low=found.low, high=found.high,
        p_value=found.p_value, too_few=small,
    )  # fmt: skip
    out["p_holm"] = _holm_over_groups(out)
    return out.assign(verdict=[_verdict(row) for _, row in out.iterrows()])


_FAIRNESS: Final = (
    "grouping", "group", "metric", "n", "n_positive", "n_units", "loss", "loss_rest", "extra_loss", "low", "high",
    "p_value", "too_few",
)  # fmt: skip


def _holm_over_groups(table: pd.DataFrame) -> pd.Series:
    """Adjusted over the groups of all groupings, metric by metric; two groups of a grouping ask one question."""
    asked = table["p_value"].where(~table["too_few"])
    together = [table["grouping"], table["metric"]]
    repeats = (asked.notna().groupby(together).transform("sum") == 2) & (
        asked.notna().groupby(together).cumsum() == 2
    )
    adjusted = pd.Series(holm(asked.where(~repeats), table["metric"]), index=table.index)
    first = adjusted.where(asked.notna()).groupby(together).transform("min")
    return adjusted.where(~(repeats & asked.notna()), first)


def _verdict(row: pd.Series) -> str:
    if row["too_few"]:
        return "too few"
    if not row["p_holm"] < LEVEL:
        return "not told apart"
    return "lost more" if row["extra_loss"] > 0 else "lost less"


def _agreement(
    teacher: Side, student: Side, groupings: Sequence[Grouping], settings: AssessmentSettings
) -> TierAgreement | None:
    if teacher.policy is None or student.policy is None:
        return None
    frame = student.rows.frame
    other = teacher.rows.frame.set_index("image_id", drop=False)
    frame = frame[frame["image_id"].isin(other.index)].reset_index(drop=True)
    other = other.loc[frame["image_id"]].reset_index(drop=True)
    first, second = (
        policy.tier_codes(rows["p_malignant"], condition_scores(rows))
        for policy, rows in ((teacher.policy, other), (student.policy, frame))
    )
    clusters = joint_clusters([frame, other])
    draws = Resamples.draw(clusters.loc[frame["image_id"]], settings.resamples, settings.seed)
    return tier_agreement(frame, first, second, draws, groupings=groupings, settings=settings)
