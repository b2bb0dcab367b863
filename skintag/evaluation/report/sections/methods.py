"""How the figures were made, what they rest on, and how to make them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from skintag.evaluation.report.blocks import Block, Text
from skintag.evaluation.report.cells import Cell, Table, count
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import RULE
from skintag.evaluation.report.registry import report_section

REFERENCES: Final = (
    "Field, C. A., Welsh, A. H. (2007). Bootstrapping clustered data. J. R. Stat. Soc. B 69, 369-390.",
    "Efron, B., Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall.",
    "Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6, 65-70.",
    "Hardt, M., Price, E., Srebro, N. (2016). Equality of opportunity in supervised learning. NeurIPS 29.",
    "Borkan, D., et al. (2019). Nuanced metrics for measuring unintended bias. WWW '19. doi:10.1145/3308560.3317593",
    "Youden, W. J. (1950). Index for rating diagnostic tests. Cancer 3, 32-35.",
    "Fawcett, T. (2006). An introduction to ROC analysis. Pattern Recognit. Lett. 27, 861-874.",
    "Davis, J., Goadrich, M. (2006). The relationship between precision-recall and ROC curves. ICML 23.",
    "Guo, C., et al. (2017). On calibration of modern neural networks. ICML 34.",
    "Collins, G. S., Ogundimu, E. O., Altman, D. G. (2016). Sample size considerations for the external validation of "
    "a multivariable prognostic model. Stat. Med. 35, 214-226.",
    "Collins, G. S., et al. (2024). TRIPOD+AI statement. BMJ 385, e078378.",
    "Daneshjou, R., et al. (2022). CLEAR Derm consensus guidelines. JAMA Dermatol. 158, 90-96.",
)  # fmt: skip


@report_section("methods", "Methods", order=110)
def methods_section(evidence: Evidence) -> Sequence[Block]:
    """Intervals, p-values and rules in words, with the papers that they come from."""
    s = evidence.assessment.settings
    unit = "whole clusters (patients, lesions and near-duplicates that hang together)"
    clusters = evidence.level(evidence.main, "accuracy")["n_clusters"]
    drawn = (
        f"Intervals hold with {s.confidence:.0%} confidence and stand on {s.resamples:,} bootstrap resamples of "
        + (
            f"{unit}, {count(clusters)} in the test set"
            if evidence.clustered
            else "images, for clusters are not known"
        )
        + f", drawn with seed {s.seed}; all models and groups see the same draws."
    )
    items = (
        drawn,
        "Intervals of levels, of pairwise differences and of gaps are built from these draws by the methods in "
        "skintag/evaluation/statistics/intervals.py; experiments/calibrated_intervals holds the simulation of their "
        "coverage.",
        f"The gap expected by chance and the p-value of a gap come from {s.permutations:,} exchanges of groups among "
        "whole clusters, see skintag/evaluation/statistics/permutation.py.",
        RULE,
        f"Groups with fewer than {s.minimum} images of a class that a value needs are shown and marked, and left out "
        "of gaps and pairs. A missing value is not a group.",
        "Decisions are score ≥ threshold, with one threshold per model for everyone.",
        "ECE is the mean absolute difference of score and frequency over 15 equal bins of the score, weighted by their "
        "rows. It is above zero even for a perfect model, the more so in small groups.",
        "An undefined value is a dash, never 0 or 1.",
        *evidence.assessment.notes,
        *(f"Not in this report: {part}, because {why}" for part, why in evidence.missing.items()),
    )
    blocks = (Text(items=items), Text(items=REFERENCES, title="References"))
    return blocks


@report_section("provenance", "Provenance", order=120)
def provenance_section(evidence: Evidence) -> Sequence[Block]:
    """What made the run: command, commit, seeds, data, machine, versions and times."""
    origin = evidence.origin
    p = origin.provenance
    rows = [("this report", origin.command)]
    if p:
        git = p.get("git") or {}
        data = p.get("data") or {}
        view = data.get("view") or {}
        rows += [
            ("trained with", "python " + " ".join(map(str, p.get("command") or []))),
            ("finished", str(p.get("finished"))),
            ("commit", f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}"),
            ("seed", f"{p.get('seed')}, of the split {p.get('split_seed')}"),
            ("data", f"{data.get('name')}, shards {data.get('shards')}, view {view.get('fingerprint')}"),
            ("machine", json.dumps(p.get("machine"), ensure_ascii=False)),
            ("versions", ", ".join(f"{name} {v}" for name, v in (p.get("versions") or {}).items() if v)),
            ("seconds", ", ".join(f"{name} {value:.1f}" for name, value in (p.get("seconds") or {}).items())),
        ]  # fmt: skip
    cells = tuple((Cell(name), Cell(value)) for name, value in rows if value)
    table = Table("provenance", "Where this comes from", ("what", "value"), cells, left=2)
    return (table,)
