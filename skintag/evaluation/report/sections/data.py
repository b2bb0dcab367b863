"""What was tested on: prevalence, skin types, both binarisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from skintag.core.vocabulary import SPLITS
from skintag.evaluation.analyses.assess import Assessment
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.report.blocks import Block, Text
from skintag.evaluation.report.cells import UNDEFINED, Cell, Table, count, level_cell, percent
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.held_out import foremost
from skintag.evaluation.report.phrases import short
from skintag.evaluation.report.registry import report_section


@report_section("data", "Data", order=10)
def data_section(evidence: Evidence) -> Sequence[Block]:
    """Data, prevalence, both binarisations, split and audit."""
    origin = evidence.origin
    blocks: list[Block] = [Text(items=[*origin.remarks, *_ignored(evidence)], title="How the table was read")]
    blocks = blocks if origin.remarks else []
    blocks.append(skin_table(evidence))
    left_out = _left_out(evidence)
    if left_out:
        blocks.append(left_out)
    if evidence.binarisations:
        blocks.append(binarisation_table(evidence))
    return blocks


def headline_table(evidence: Evidence) -> Table:
    """The main model on what was held out, then on all test images under both binarisations of premalignant.

    Under the table's own where rows do not say more.
    """
    metrics = listed("headline")
    own = evidence.origin.premalignant
    sides = {f"as {side}": a for side, a in evidence.binarisations.items()}
    sides = sides or {"as labelled": evidence.assessment}
    columns = ["model", "metric", "n", "n_positive", "value", "low", "high", "note"]
    rows, data = _held_out_rows(evidence, metrics, columns)
    unseen = bool(rows)
    for side, assessment in sides.items():
        levels = [_level(assessment, evidence.main, metric) for metric in metrics]
        n, positive = int(levels[0]["n"]), int(levels[0]["n_positive"])
        cells = [level_cell(r) for r in levels]
        rows.append(
            (
                Cell(f"all, {side}" if unseen else side, kind="main" if side == f"as {own}" else ""),
                _share_cell(positive, n),
                *cells,
            )
        )
        data += [(side, *r[columns]) for r in levels]
    note = (
        "The same scores and threshold, with premalignant lesions (actinic keratosis, ...) counted either way"
    )
    words = evidence.origin.premalignant_words
    note += f"; in all other figures they {words}." if words else "."
    reason = evidence.missing.get("the other binarisation of premalignant")
    if reason:
        note = f"Premalignant lesions cannot be counted the other way: {reason}."
    headings = ("images" if unseen else "premalignant", "malignant", *(short(m) for m in metrics))
    title = f"{evidence.main} on {'what was held out, and on ' if unseen else ''}all test images"
    return Table(
        "headline", title, headings, tuple(rows), note, pd.DataFrame(data, columns=["premalignant", *columns])
    )


def _held_out_rows(
    evidence: Evidence, metrics: Sequence[str], columns: Sequence[str]
) -> tuple[list[tuple[Cell, ...]], list[tuple[Any, ...]]]:
    """Cells and numbers of `headline_table` for each held-out group that is not all of the test set."""
    rows: list[tuple[Cell, ...]] = []
    data: list[tuple[Any, ...]] = []
    for entry in foremost(evidence):
        name = f"{entry['group']}, held out"
        levels = [evidence.level(evidence.main, m, entry["grouping"], entry["group"]) for m in metrics]
        share = _share_cell(entry["n_positive"], entry["n"])
        rows.append((Cell(name, kind="main"), share, *(level_cell(level) for level in levels)))
        data += [(name, *level[list(columns)]) for level in levels]
    return rows, data


def prevalence_table(evidence: Evidence) -> Table:
    """Images and malignant ones, split x domain."""
    frame = evidence.predictions.frame
    frame = frame[frame["model"] == evidence.main]
    codes, domains = DOMAIN.codes(frame)
    rows, data = [], []
    for split in SPLITS:
        part = frame["split"] == split
        cells = [Cell(split)]
        totals = _train_totals(evidence) if split == "train" and not part.any() else None
        if totals:
            cells.append(_share_cell(totals[1], totals[0]))
            cells += [Cell("not in the table", kind="muted")] * len(domains)
            data.append((split, "all", *totals))
        elif part.any():
            for name, mask in (("all", part), *((d, part & (codes == i)) for i, d in enumerate(domains))):
                n, positive = int(mask.sum()), int(frame.loc[mask, "target"].sum())
                cells.append(_share_cell(positive, n))
                data.append((split, name, n, positive))
        else:
            continue
        rows.append(tuple(cells))
    columns = ["split", "domain", "n", "n_positive"]
    return Table(
        "prevalence", "Prevalence of malignancy", ("split", "all", *domains), tuple(rows),
        "Share of images that are malignant under the run's binarisation, with malignant / all images.",
        pd.DataFrame(data, columns=columns),
    )  # fmt: skip


def skin_table(evidence: Evidence) -> Table:
    """Test images per domain and skin-type group, unknown ones among them."""
    frame = evidence.test.frame
    codes, domains = DOMAIN.codes(frame)
    skin, groups = FST_GROUP.codes(frame)
    rows, data = [], []
    for d, domain in enumerate(domains):
        cells = [Cell(domain)]
        for g, group in (*enumerate(groups), (-1, "unknown")):
            mask = (codes == d) & (skin == g)
            n, positive = int(mask.sum()), int(frame.loc[mask, "target"].sum())
            cells.append(_share_cell(positive, n))
            data.append((domain, group, n, positive))
        rows.append(tuple(cells))
    return Table(
        "skin_types", "Test images by domain and skin type", ("domain", *groups, "unknown"), tuple(rows),
        "Share that is malignant, with malignant / all images. An unknown skin type is not a group.",
        pd.DataFrame(data, columns=["domain", "fst_group", "n", "n_positive"]),
    )  # fmt: skip


def binarisation_table(evidence: Evidence) -> Table:
    """Overall metrics of every model with premalignant lesions counted as malignant and as benign."""
    metrics = listed("headline")
    headings = ("premalignant as", "model", "malignant", *(short(m) for m in metrics))
    rows, data = [], []
    for side, assessment in evidence.binarisations.items():
        for model in evidence.predictions.models:
            cells, n, positive = [], 0, 0
            for metric in metrics:
                row = _level(assessment, model, metric)
                n, positive = int(row["n"]), int(row["n_positive"])
                cells.append(level_cell(row))
                data.append((side, *row[["model", "metric", "n", "n_positive", "value", "low", "high"]]))
            rows.append((Cell(side), Cell(model), Cell(percent(positive / n), f"{positive:,}/{n:,}"), *cells))
    words = evidence.origin.premalignant_words
    note = "The same scores and the same thresholds, with premalignant lesions (actinic keratosis, ...) counted either "
    note += f"way. In all other figures they {words}." if words else "way."
    columns = ["premalignant", "model", "metric", "n", "n_positive", "value", "low", "high"]
    frame = pd.DataFrame(data, columns=columns)
    return Table(
        "binarisations",
        "All models, premalignant lesions counted either way",
        headings,
        tuple(rows),
        note,
        frame,
        left=2,
        folded=True,
    )


def _share_cell(positive: int, n: int) -> Cell:
    return Cell(percent(positive / n), f"{positive:,}/{n:,}") if n else Cell(UNDEFINED, kind="muted")


def _level(assessment: Assessment, model: str, metric: str) -> pd.Series:
    rows = assessment.levels
    return rows[(rows["model"] == model) & (rows["metric"] == metric) & (rows["grouping"] == "overall")].iloc[
        0
    ]


def _ignored(evidence: Evidence) -> list[str]:
    ignored = evidence.origin.ignored
    return [f"columns that nothing was made of: {', '.join(ignored)}"] if ignored else []


def _view(evidence: Evidence) -> Any:
    return dict(evidence.origin.provenance.get("data") or {}).get("view") or {}


def _train_totals(evidence: Evidence) -> tuple[int, int] | None:
    """Images and malignant ones of the training rows, which the predictions table does not hold."""
    view = _view(evidence)
    try:
        return int(view["images"]["train"]), int(view["malignant"]["train"])
    except (KeyError, TypeError):
        return None


def _left_out(evidence: Evidence) -> Table | None:
    entries = _view(evidence).get("left_out") or []
    if not entries:
        return None
    rows = tuple((Cell(str(e["dataset"])), Cell(str(e["reason"])), Cell(count(e["images"]))) for e in entries)
    return Table(
        "left_out", "Images that were left out", ("dataset", "reason", "images"), rows,
        data=pd.DataFrame(entries), left=2, folded=True,
    )  # fmt: skip
