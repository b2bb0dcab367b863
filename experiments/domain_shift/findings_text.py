"""The findings in plain words, computed from the judged questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from questions import Question

from skintag.runs.grid.findings import CANNOT_TELL, FOUND, NOT_FOUND, Rules
from skintag.runs.grid.write import interval, markdown, p_text

TITLES = {FOUND: "Found", NOT_FOUND: "Not found", CANNOT_TELL: "Cannot be told from these images"}


def planted(question: Question, knobs: Mapping[str, float]) -> str:
    """`yes`, `no`, or `may follow` for what planted effects, or the training data, may bring but do not have to."""
    if question.trained_apart:
        return "may follow"
    neutral = {"dark_skin_contrast": 1.0}
    live = [k for k in question.knobs if knobs.get(k, 0.0) != neutral.get(k, 0.0)]
    if not live:
        return "no"
    return "may follow" if question.follows else "yes"


def outcome(plant: str, verdict: str) -> str:
    """Whether a verdict is what the benchmark's truth calls for."""
    if plant == "may follow":
        return "either is right"
    if plant == "yes":
        return "as planted" if verdict == FOUND else "MISSED"
    return "as planted" if verdict != FOUND else "FALSE CLAIM"


def findings_text(
    questions: Sequence[Question], judged: pd.DataFrame, *, title: str, notes: Sequence[str], rules: Rules
) -> str:
    """Markdown: what was found, what was not, what cannot be told, and, on the benchmark, what is true."""
    asked = {q.name: q for q in questions}
    seeds = min(len(q.per_seed) for q in questions)
    lines = [f"# {title}", "", *(f"{note}  " for note in notes), "", f"Rule: {rules.text(seeds)}", ""]
    for verdict, heading in TITLES.items():
        part = judged[judged["verdict"] == verdict]
        if len(part):
            lines += [
                f"## {heading}",
                "",
                *(_line(asked.get(str(r["question"])), r) for r in part.to_dict("records")),
                "",
            ]
    if "planted" in judged:
        lines += _truth(judged)
    return "\n".join(lines)


def _line(question: Question | None, row: Mapping[str, object]) -> str:
    if question is None:
        return f"- {row['question']}: it is not known any more which images show a ruler."
    value, low, high = (float(row[k]) for k in ("value", "low", "high"))  # type: ignore[arg-type]
    says = question.positive if not value < 0 else question.negative
    if row["verdict"] == CANNOT_TELL:
        return f"- {question.name}: {_few(row)}."
    figures = (
        f"{interval(value, low, high)}, p {p_text(float(row['p_value']))}, adjusted p {p_text(float(row['p_holm']))}; "  # type: ignore[arg-type]
        f"{row['n_a']} and {row['n_b']} images"
    )
    if row["verdict"] == FOUND:
        return f"- **{question.name}**: {says}: {figures}."
    return f"- {question.name}: {figures}."


def _few(row: Mapping[str, object]) -> str:
    """What a question that cannot be told stands on."""
    images, patients = min(int(row["n_a"]), int(row["n_b"])), float(row["clusters"])  # type: ignore[call-overload,arg-type]
    if not images:
        return "one side has no image"
    return f"one side has {images} image(s), of {patients:.3g} independent patient(s) or lesion(s)"


def _truth(judged: pd.DataFrame) -> list[str]:
    """What was planted against what was found, with the totals in words."""
    counts = judged["outcome"].value_counts()
    effects = judged[judged["planted"] == "yes"]
    found = int((effects["verdict"] == FOUND).sum())
    false = int(counts.get("FALSE CLAIM", 0))
    table = judged[["question", "planted", "verdict", "outcome"]]
    none = int((judged["planted"] == "no").sum())
    return [
        "## Against what was planted", "",
        f"{found} of {len(effects)} direct effects of the planted ones were found; of {none} questions about what was "
        f"not planted, {false} were claimed.", "",
        markdown(table.astype(str)),
    ]  # fmt: skip
