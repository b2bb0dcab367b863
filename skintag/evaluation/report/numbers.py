"""`metrics.json`: what training wrote there, and beside it the intervals, gaps and all else that was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from skintag.evaluation.analyses.retention import Retention
from skintag.evaluation.analyses.table import metrics_json
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.gather_runs import RunsEvidence
from skintag.evaluation.report.held_out import held_out

_TABLES = (
    "comparison", "calibration", "triage", "operating_points", "oracle", "robustness", "errors", "standardised",
)  # fmt: skip
_CELL = ("n", "n_positive", "n_clusters", "value", "low", "high", "too_few", "note")


def metrics_of(evidence: Evidence) -> dict[str, Any]:
    """Plain values for `metrics.json`; the keys that training writes stay as they are."""
    origin = evidence.origin
    out = metrics_json(evidence.predictions, evidence.thresholds, caption=origin.note)
    for model, entry in out["models"].items():
        if evidence.thresholds[model].objective == "given":
            entry["threshold"]["fitted_on"] = None
        entry["levels"] = _levels(evidence.levels(model))
        entry["gaps"] = _nested(evidence.gaps(model), "grouping", "gap")
        pairs = evidence.assessment.pairs
        entry["pairs"] = _records(pairs[pairs["model"] == model].drop(columns="model"))
        entry["premalignant_as"] = {
            side: _levels(a.levels[a.levels["model"] == model])["overall"]["all"]
            for side, a in evidence.binarisations.items()
        }
    out |= {
        "main": evidence.main,
        "main_reason": evidence.main_reason,
        "clustered": evidence.clustered,
        "assessment": asdict(evidence.assessment.settings),
        "notes": [*origin.remarks, *evidence.assessment.notes],
        "missing": dict(evidence.missing),
        "held_out": held_out(evidence),
    }
    for name in _TABLES:
        table = getattr(evidence, name, None)
        if isinstance(table, pd.DataFrame):
            out[name] = _records(table)
    if evidence.retention is not None:
        out["retention"] = _retention(evidence.retention)
    return out


def _retention(lost: Retention) -> dict[str, Any]:
    """What the student lost: who was compared, the tables, and the policies that tiers come from."""
    agreement = lost.agreement
    return {
        "teacher": lost.teacher,
        "student": lost.student,
        "n_images": lost.n_images,
        "n_only_teacher": lost.n_only_teacher,
        "n_only_student": lost.n_only_student,
        "losses": _records(lost.losses),
        "fairness": _records(lost.fairness),
        "policies": {name: policy.to_json() for name, policy in lost.policies.items()},
        "agreement": None if agreement is None else _records(agreement.groups),
        "tiers": None if agreement is None else _records(agreement.table),
    }


def _levels(levels: pd.DataFrame) -> dict[str, Any]:
    """grouping -> group -> metric -> value with its interval and counts."""
    out: dict[str, Any] = {}
    for row in levels.to_dict("records"):
        group = out.setdefault(row["grouping"], {}).setdefault(row["group"], {})
        group[row["metric"]] = {key: row[key] for key in _CELL}
    return out


def _nested(frame: pd.DataFrame, outer: str, inner: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for row in frame.to_dict("records"):
        cell = {key: value for key, value in row.items() if key not in (outer, inner, "model")}
        out.setdefault(row[outer], {})[row[inner]] = cell
    return out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def runs_metrics(evidence: RunsEvidence) -> dict[str, Any]:
    """Plain values for `comparison.json`: runs, levels over seeds and differences."""
    return {
        "reference": evidence.reference,
        "main": evidence.main,
        "models": list(evidence.models),
        "clustered": evidence.clustered,
        "assessment": asdict(evidence.settings),
        "runs": [
            {
                "name": run.name,
                "seed": run.seed,
                "split": run.origin.split,
                "split_seed": run.split[0],
                "fold": run.split[1],
                "leaky": run.origin.leaky,
                "data": run.origin.note,
            }
            for run in evidence.runs
        ],
        "not_paired": dict(evidence.apart),
        "repeated": evidence.repeat,
        "overlap": dict(evidence.overlap),
        "levels": _records(evidence.levels),
        "differences": _records(evidence.differences),
    }
