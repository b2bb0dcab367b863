"""How the data were split, what leaks, and what was chosen on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from skintag.core.vocabulary import RECALL_NOTE
from skintag.evaluation.report.blocks import Block, Text
from skintag.evaluation.report.cells import UNDEFINED, Cell, Table, count, estimate, percent
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.registry import report_section


@report_section("split", "Split", order=20)
def split_section(evidence: Evidence) -> Sequence[Block]:
    """The split, its leakage audit, and what was chosen on what."""
    origin, blocks = evidence.origin, list[Block]()
    if origin.audit is None:
        blocks.append(
            Text(f"Split: {origin.split or 'not known'}. There is no leakage audit for these predictions.")
        )
    else:
        verdict = "related images lie on both sides" if origin.leaky else "no related images on two sides"
        known = "" if origin.leaky else f" as far as is known. {RECALL_NOTE}"
        blocks.append(
            Text(f"Split {origin.split}: {verdict}{known or '.'}", tone="bad" if origin.leaky else "good")
        )
        blocks.append(audit_table(origin.audit))
        if origin.seen_before:
            blocks.append(pretraining_table(origin.seen_before))
        if origin.leaky and origin.audit.get("examples"):
            blocks.append(Text(items=list(origin.audit["examples"])[:6], title="Examples"))
    rows = tuple((Cell(what), Cell(how)) for what, how in origin.choices)
    note = "Test images made no choice." if origin.audit is not None else ""
    blocks.append(Table("choices", "What was chosen, and on what", ("what", "how"), rows, note, left=2))
    blocks.append(threshold_table(evidence))
    return blocks


def audit_table(audit: Any) -> Table:
    """Images with relatives on the other side, absolute and in percent."""
    keys = list(dict.fromkeys(o["key"] for o in audit["overlaps"]))
    grouped: dict[tuple[str, str, str], dict[str, Any]] = {}
    for o in audit["overlaps"]:
        grouped.setdefault((o["dataset"], o["split"], o["against"]), {})[o["key"]] = o
    rows = []
    for (dataset, split, against), overlaps in grouped.items():
        if dataset != "all" and (split, against) != ("test", "train"):
            continue
        first = next(iter(overlaps.values()))
        name = f"{split} with {against}" + ("" if dataset == "all" else f", {dataset}")
        rows.append(
            (Cell(name), Cell(count(first["images"])), *(_overlap(overlaps.get(key)) for key in keys))
        )
    return Table(
        "leakage", "Leakage audit", ("images", "n", *(f"shared {key}" for key in keys)), tuple(rows),
        "Images whose patient, lesion or near-duplicate is also on the other side; a dash where no such key is known.",
        pd.DataFrame(list(audit["overlaps"])),
    )  # fmt: skip


def pretraining_table(seen: Sequence[Mapping[str, Any]]) -> Table:
    """Test images of datasets that the backbone's published weights have, or may have, learned from."""
    rows = [
        (
            Cell(entry["dataset"]), Cell(count(entry["images"]), kind="bad"), Cell(count(entry["malignant"])),
            Cell(entry["backbone"]), Cell(entry["sure"]), Cell(entry["source"]),
        )
        for entry in seen
    ]  # fmt: skip
    return Table(
        "pretraining", "Test images that pretraining has or may have seen",
        ("dataset", "test images", "malignant", "backbone", "how sure", "source"), tuple(rows),
        "Given: the run was told so. Stated: by the makers. Reported: it is said of them. Possible: not excluded.",
        pd.DataFrame(list(seen)), left=1,
    )  # fmt: skip


def threshold_table(evidence: Evidence) -> Table:
    """Each model's threshold and what it did where it was fitted."""
    rows, data = [], []
    for model in evidence.predictions.models:
        t = evidence.thresholds[model]
        fitted = f"{t.n_positive:,}/{t.n:,}" if t.n else UNDEFINED
        cells = [estimate(v, float("nan"), float("nan")) for v in (t.value, t.sensitivity, t.specificity)]
        rows.append((Cell(model), Cell(t.objective), cells[0], Cell(fitted), cells[1], cells[2]))
        data.append((model, t.objective, t.value, t.n, t.n_positive, t.sensitivity, t.specificity))
    columns = ["model", "objective", "value", "n", "n_positive", "sensitivity", "specificity"]
    return Table(
        "thresholds", "Decision thresholds",
        ("model", "chosen for", "threshold", "val malignant", "val sens.", "val spec."),
        tuple(rows),
        "One threshold per model for everyone, fitted on validation rows only; decisions are score ≥ threshold."
        if all(evidence.thresholds[model].n for model in evidence.predictions.models)
        else "One threshold per model for everyone, given where no val rows stand; decisions are score ≥ threshold.",
        pd.DataFrame(data, columns=columns), left=2, folded=True,
    )  # fmt: skip


def _overlap(overlap: Any) -> Cell:
    if not overlap or not overlap["known"]:
        return Cell(UNDEFINED, kind="muted")
    return Cell(count(overlap["shared"]), percent(overlap["share"]), kind="bad" if overlap["shared"] else "")
