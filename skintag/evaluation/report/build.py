"""The report of one table of predictions: its sections in order, and what stands above them."""

from __future__ import annotations

from datetime import UTC, datetime

from skintag.evaluation.report.cautions import cautions
from skintag.evaluation.report.cells import count, percent, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import findings
from skintag.evaluation.report.headline import headline
from skintag.evaluation.report.held_out import foremost
from skintag.evaluation.report.page import Fact, FindingGroup, Page
from skintag.evaluation.report.registry import sections_of
from skintag.evaluation.report.sections.data import headline_table, prevalence_table

HEADINGS = {
    "chance": "At chance here",
    "clear": "Distinguishable from chance",
    "calibration": "Calibration by group (described, not tested)",
    "undecided": "Not distinguishable from chance, but not excluded either",
    "small": "No large gap",
    "untold": "Cannot be told",
}


def build_page(evidence: Evidence) -> Page:
    """The report as a page."""
    origin = evidence.origin
    found = findings(evidence)
    groups = [
        FindingGroup(verdict, title, [(f.text, f.detail) for f in found if f.verdict == verdict])
        for verdict, title in HEADINGS.items()
        if any(f.verdict == verdict for f in found)
    ]
    today = datetime.now(UTC).date().isoformat()
    return Page(
        title=origin.name,
        kicker=f"SkinTag evaluation report, {today}",
        lead=headline(evidence),
        note=origin.note,
        facts=_facts(evidence),
        top=(headline_table(evidence), prevalence_table(evidence)),
        cautions=cautions(evidence),
        findings=groups,
        sections=sections_of(evidence),
        footer="SkinTag is for research. What it predicts is a screening aid, not a diagnosis.",
    )


def _facts(evidence: Evidence) -> list[Fact]:
    origin, target = evidence.origin, evidence.test.target
    threshold = evidence.thresholds[evidence.main]
    s = evidence.assessment.settings
    clusters = count(evidence.level(evidence.main, "accuracy")["n_clusters"])
    leak = "leaky: related images on both sides" if origin.leaky else "no leak found by the audit"
    leak += ", but pretraining may have seen test images" if origin.seen_before else ""
    return [
        Fact("Data", origin.data, origin.note),
        Fact(
            "Split", origin.split or "not known", "no leakage audit" if origin.audit is None else leak,
            "bad" if origin.leaky or origin.seen_before else "",
        ),
        *_held_out(evidence),
        Fact(
            "Test set", f"{count(len(target))} images",
            f"{count(target.sum())} malignant ({percent(target.mean()) if len(target) else '–'})"
            + (f", {clusters} clusters" if evidence.clustered else ""),
        ),
        Fact("Detailed figures show", evidence.main, evidence.main_reason),
        Fact(
            "Threshold", f"{threshold.value:.3f}",
            "given, not fitted" if threshold.objective == "given" else f"fitted on val for {threshold.objective}",
        ),
        Fact(
            "Intervals", f"{s.confidence:.0%}, {s.resamples:,} resamples",
            "of patients and lesions" if evidence.clustered else "of images: clustering ignored",
            "" if evidence.clustered else "bad",
        ),
        Fact("Premalignant lesions", origin.premalignant_words or "not marked",
             "both ways below" if evidence.binarisations else "the other way cannot be shown"),
    ]  # fmt: skip


def _held_out(evidence: Evidence) -> list[Fact]:
    entries = foremost(evidence)
    if not entries:
        return []
    names = words([f"{entry['grouping']} {entry['group']}" for entry in entries])
    before = {entry["dataset"] for entry in evidence.origin.seen_before}
    in_test = set(evidence.test.frame["dataset"])
    but = ", but perhaps in pretraining" if before & in_test else ""
    return [Fact("Held out", names, f"nothing of it in training or validation{but}", "bad" if but else "")]
