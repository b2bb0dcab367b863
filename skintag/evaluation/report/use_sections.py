"""Calibration, triage, robustness and errors: what matters once a model is used."""

from __future__ import annotations

from skintag.evaluation.report.blocks import Section
from skintag.evaluation.report.evidence import Evidence


def use_sections(evidence: Evidence) -> list[Section]:
    """Those that the evidence has something for."""
    return []
