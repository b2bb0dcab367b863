"""A bundle in a few lines: what it is, what it decides by, how good it was, and what it consists of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skintag.bundle.bundle import Bundle
from skintag.evaluation.decisions.promise import promise_of

_METRICS = ("auroc", "sensitivity", "specificity", "f1_macro", "brier")


def description(path: Path) -> str:
    """The text for a bundle that is verified first. Raises as `Bundle.load`."""
    bundle = Bundle.load(path)
    manifest, policy, ood = bundle.manifest, bundle.policy, bundle.ood
    lines = [
        f"{manifest.name}: model {manifest.model}, runtime {manifest.runtime}",
        *([f"note: {manifest.note}"] if manifest.note else []),
        f"digest: {manifest.digest}",
        f"input: {bundle.preprocessing.image_size} px, {bundle.preprocessing.fit}; "
        f"{len(bundle.taxonomy.conditions)} conditions, taxonomy version {bundle.taxonomy.version}",
        f"threshold: {bundle.threshold.value:.4f} ({bundle.threshold.objective}); "
        f"calibration: {bundle.calibration.kind}; LOW below {policy.low:.4f}, HIGH above {policy.high:.4f}",
        f"triage: {promise_of(policy)}",
        "out of distribution: "
        + ("no reference" if ood is None else f"{ood.settings.kind}, flagged above {ood.threshold:.4g}"),
        f"probes: {', '.join(bundle.probe_names) or 'none'}",
        *(f"warning: {said}" for said in chance_warnings(bundle.metrics)),
        f"test: {_figures(bundle.metrics, manifest.model) or 'no figures'}",
        *(f"  {entry.bytes:>12,}  {entry.sha256[:12]}  {entry.path}" for entry in manifest.files),
        f"  {manifest.total_bytes:>12,}  bytes in {len(manifest.files)} files",
    ]
    return "\n".join(lines)


def chance_warnings(metrics: dict[str, Any]) -> list[str]:
    """What is to be said of datasets and domains that the model learned nothing of and ranks no better than chance."""
    said = []
    for entry in metrics.get("held_out", ()):
        if entry["at_chance"]:
            figure = f"AUROC {_number({'value': entry['auroc'], 'low': entry['low'], 'high': entry['high']})}"
            said.append(
                f"not shown to be better than chance on the {entry['grouping']} {entry['group']}, of which it learned "
                f"nothing ({figure}, {entry['n']:,} images)"
            )
    return said


def _figures(metrics: dict[str, Any], model: str) -> str:
    """The model's overall test figures with their intervals."""
    try:
        cells = metrics["models"][model]["levels"]["overall"]["all"]
        found = {name: cells[name] for name in _METRICS if cells[name]["value"] is not None}
    except (KeyError, TypeError):
        return ""
    return ", ".join(f"{name} {_number(cell)}" for name, cell in found.items())


def _number(cell: dict[str, Any]) -> str:
    if cell["low"] is None or cell["high"] is None:
        return f"{cell['value']:.3f}"
    return f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]"
