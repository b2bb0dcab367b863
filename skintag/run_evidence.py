"""What a run folder says about itself, in the words of a report: data, split, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from skintag.errors import DataError
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.gather_runs import RunEntry
from skintag.run_folder import RunFolder


def origin_of(run: RunFolder, command: str) -> Origin:
    """The run's data, split, audit, choices and provenance; what the folder lacks is left out."""
    provenance = _optional(run, "provenance") or {}
    audit = _optional(run, "audit")
    note = str((provenance.get("data") or {}).get("note") or "")
    return Origin(
        name=_label(run),
        data=str((provenance.get("data") or {}).get("name") or "not known"),
        note=note,
        split=_split(run, audit),
        audit=audit,
        provenance=provenance,
        choices=choices_of(run, provenance),
        command=command,
        run=str(run.path),
        premalignant=_premalignant(run),
    )


def entries_of(runs: Sequence[RunFolder]) -> list[RunEntry]:
    """The runs with names that tell them apart: the experiment, and the split where that differs too."""
    origins = [origin_of(run, f"python evaluate.py run={run.path}") for run in runs]
    splits = {origin.split for origin in origins}
    names = [
        f"{_name(run)} {o.split}" if len(splits) > 1 else _name(run)
        for run, o in zip(runs, origins, strict=True)
    ]
    keys = [(name, _seed(run)) for name, run in zip(names, runs, strict=True)]
    # the same name and seed: other settings, which the folder's name has to tell
    names = [
        f"{name} {run.path.resolve().name}" if keys.count(key) > 1 else name
        for name, key, run in zip(names, keys, runs, strict=True)
    ]
    return [
        RunEntry(name, seed, run.predictions, run.thresholds, origin)
        for name, (_, seed), run, origin in zip(names, keys, runs, origins, strict=True)
    ]


def choices_of(run: RunFolder, provenance: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What was chosen and on what, from the run's configuration and its probes' own records."""
    out = []
    if _config(run, "fit") is False:
        out.append(("backbone and head", "not trained in this run"))
    elif _config(run, "trainer.max_epochs") is not None:
        patience = _config(run, "callbacks.patience")
        stop = f", training stopped after {patience} epochs without a better one" if patience else ""
        out.append(
            ("checkpoint", f"lowest loss on val{stop}; at most {_config(run, 'trainer.max_epochs')} epochs")
        )
    for name, record in (provenance.get("probes") or {}).items():
        chosen = {k: v for k, v in (record.get("chosen") or {}).items() if not k.endswith("unconverged")}
        if chosen:
            values = ", ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in chosen.items() if v is not None)
            out.append((f"probe {name}", f"on val: {values}"))
    if provenance.get("seed") is not None:
        out.append(("seed of training", f"{provenance['seed']}, given"))
        out.append(("seed of the split", f"{provenance.get('split_seed')}, given"))
    return tuple(out)


def _label(run: RunFolder) -> str:
    try:
        return run.label
    except DataError:
        return run.path.resolve().name


def _name(run: RunFolder) -> str:
    try:
        return run.name
    except DataError:
        return run.path.resolve().name


def _seed(run: RunFolder) -> int:
    try:
        return run.seed
    except DataError:
        return 0


def _split(run: RunFolder, audit: dict[str, Any] | None) -> str:
    try:
        return run.split
    except DataError:
        return str((audit or {}).get("split") or "")


def _premalignant(run: RunFolder) -> str:
    value = _config(run, "labels.premalignant")
    return {"exclude": "excluded", "excluded": "excluded"}.get(str(value), str(value)) if value else ""


def _config(run: RunFolder, key: str) -> Any:
    try:
        return OmegaConf.select(run.config, key)
    except DataError:
        return None


def _optional(run: RunFolder, part: str) -> dict[str, Any] | None:
    try:
        return dict(getattr(run, part))
    except DataError:
        return None
