"""What a student lost against its teacher, in sentences for a page and a model card."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.evaluation.analyses.retention import TEACHER, Retention
from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.cells import count, interval, number, percent, words

PLOTTED: Final = ("auroc", "sensitivity", "specificity")
"""Metrics that sentences and figures show; tables show all that the table `retention` lists."""


def retention_sentences(lost: Retention) -> list[str]:
    """The loss, who lost more, and how tiers agree; a sentence each."""
    out = [_loss_sentence(lost), _fairness_sentence(lost)]
    if lost.agreement is not None:
        row = lost.agreement.groups.iloc[0]
        out.append(
            f"Each by its own bounds fitted on val, they agree on the triage tier of {percent(row['agreement'])} of "
            f"the images ({percents(row, 'agreement')}; Cohen's kappa {number(row['kappa'], 2)}); "
            f"{count(row['n_dangerous'])} that {the_teacher(lost)} has in HIGH are in LOW with {lost.student}, "
            f"{count(row['n_dangerous_malignant'])} of them malignant."
        )
    return [sentence for sentence in out if sentence]


def _loss_sentence(lost: Retention) -> str:
    overall = lost.losses[lost.losses["grouping"] == "overall"]
    overall = overall[overall["metric"].isin(PLOTTED) & overall["difference"].notna()]
    parts = []
    for _, row in overall.iterrows():
        metric = str(row["metric"])
        parts.append(
            f"{label_of(metric)} {number(row['value_student'])} against {number(row['value_teacher'])} "
            f"(difference {number(row['difference'])}, {interval(row['low'], row['high'])})"
        )
    left = [
        f"{count(n)} that {name} alone was tested on are left out"
        for name, n in ((the_teacher(lost), lost.n_only_teacher), (lost.student, lost.n_only_student))
        if n
    ]
    return (
        f"On the {count(lost.n_images)} test images of both{' (' + words(left) + ')' if left else ''}, {lost.student} "
        f"reaches {words(parts) or 'nothing that is defined'} of {the_teacher(lost)}, each at its own threshold."
    )


def the_teacher(lost: Retention) -> str:
    """What a sentence calls the teacher."""
    return "the teacher" if lost.teacher == TEACHER else lost.teacher


def _fairness_sentence(lost: Retention) -> str:
    table = lost.fairness
    if table.empty:
        return ""
    more = [
        f"{row['group']} ({label_of(row['metric'])}: {number(row['loss'])} against {number(row['loss_rest'])} in the "
        "rest)"
        for _, row in table[table["verdict"] == "lost more"].iterrows()
    ]
    asked = int((table["verdict"] != "too few").sum())
    small = sorted({str(g) for g in table.loc[table["verdict"] == "too few", "group"]})
    few = f" Too small for some or all questions: {words(small)}." if small else ""
    if more:
        return f"More than the others lost: {words(more)}.{few}"
    if not asked:
        return f"Whether a group lost more than the others cannot be told.{few}"
    return (
        f"No group lost more than the others beyond chance in {asked} questions; what is not excluded stands in the "
        f"table.{few}"
    )


def percents(row: pd.Series, column: str) -> str:
    """The interval of a share in percent; empty where it has none."""
    text = interval(100 * row[f"{column}_low"], 100 * row[f"{column}_high"], 1)
    return f"{text}%" if text else ""
