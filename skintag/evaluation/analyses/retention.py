"""What a student lost against its teacher, and whether any group lost more than the others.

Both are looked at on the same test images, each with the threshold and the triage policy fitted on its own val rows.
All intervals come from one bootstrap of whole patients and lesions for both models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from skintag.core.errors import DataError
from skintag.core.vocabulary import HEAD
from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.comparison import differences
from skintag.evaluation.analyses.extra_loss import REST, extra_losses, rest_of
from skintag.evaluation.analyses.tier_agreement import TierAgreement, tier_agreement
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.decisions.triage import TriagePolicy, condition_scores
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL, Grouping
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.differences import holm
from skintag.evaluation.statistics.paired import Entry, Pair, Panel, joint_clusters

TEACHER: Final = "teacher"
STUDENT: Final = HEAD
GROUPINGS: Final = (OVERALL, DOMAIN, FST_GROUP)


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
    """What the student lost against its teacher, on the test images of both."""

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
    metrics: Sequence[str] | None = None,
    groupings: Sequence[Grouping] = GROUPINGS,
    settings: AssessmentSettings = DEFAULTS,
) -> Retention:
    """Compare a student with its teacher on the test images of both; groups are those of the student's table.

    Args:
        teacher: may be of another run, as long as test images are shared.
        student: the other.
        metrics: names of levels for which more is better; those that the table `retention` lists where None.
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
    chosen = listed("retention") if metrics is None else tuple(metrics)
    rests = [(g, name) for g in groupings for name in _named(g, student)]
    panel = _panel(teacher, student, rests, chosen, groupings, settings)
    pair = panel.pair(student.name, teacher.name)
    shared = student.rows.frame["image_id"].isin(teacher.rows.frame["image_id"])
    policies = {side.name: side.policy for side in (teacher, student) if side.policy is not None}
    return Retention(
        teacher.name, student.name, _losses(pair, settings), extra_losses(pair, rests, chosen, settings),
        _agreement(teacher, student, groupings, settings), policies, int(shared.sum()), pair.only_b, pair.only_a,
        panel.clustered,
    )  # fmt: skip


def _panel(
    teacher: Side,
    student: Side,
    rests: Sequence[tuple[Grouping, str]],
    metrics: Sequence[str],
    groupings: Sequence[Grouping],
    settings: AssessmentSettings,
) -> Panel:
    """Both models with one set of draws; the others of each group are a grouping of their own."""
    extended = _with_rests(student.rows, rests)
    entries = {
        student.name: Entry(extended, student.threshold.value),
        teacher.name: Entry(teacher.rows, teacher.threshold.value),
    }
    others = [Grouping(rest_of(g, name), rest_of(g, name)) for g, name in rests]
    return Panel(
        entries,
        resamples=settings.resamples,
        seed=settings.seed,
        groupings=[*groupings, *others],
        metrics=metrics,
    )


def _losses(pair: Pair, settings: AssessmentSettings) -> pd.DataFrame:
    """Differences of both models in every group, with p-values corrected over the groups of a grouping."""
    names = {"value_a": "value_student", "value_b": "value_teacher"}
    table = differences(pair, settings).rename(columns=names)
    own = table[~table["grouping"].str.startswith(REST)].reset_index(drop=True)
    families = own["grouping"] + " / " + own["metric"]
    own["p_holm"] = holm(own["p_value"].where(~own["too_few"]), families)
    return own


def _named(grouping: Grouping, student: Side) -> tuple[str, ...]:
    """Groups of a grouping that has several."""
    names = grouping.codes(student.rows.frame)[1]
    return names if len(names) > 1 else ()


def _with_rests(rows: TestPredictions, rests: Sequence[tuple[Grouping, str]]) -> TestPredictions:
    """The rows with a column for each group that marks the rows of the other groups."""
    frame = rows.frame
    columns = {}
    for grouping, group in rests:
        codes, names = grouping.codes(frame)
        other = (codes >= 0) & (codes != names.index(group))
        columns[rest_of(grouping, group)] = pd.Series("rest", index=frame.index).where(other)
    return TestPredictions(frame.assign(**columns), rows.model)


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
