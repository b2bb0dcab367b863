"""What a run folder says about itself, in the words of a report: data, split, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

from skintag.core.errors import DataError
from skintag.evaluation.predictions.premalignant import NONE_IN_TABLE, premalignant_side
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.gather_runs import RunEntry
from skintag.runs.files import PREDICTIONS
from skintag.runs.folder import RunFolder
from skintag.runs.regimes import regime_names, seed_of, split_of


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
        held_out=_held_out(run),
        audit=audit,
        provenance=provenance,
        choices=choices_of(run, provenance),
        command=command,
        run=str(run.path),
        premalignant=_premalignant(run),
    )


def _held_out(run: RunFolder) -> tuple[str, ...]:
    """The datasets or domains that the run's split names; of a split file, those that it tests alone."""
    if _config(run, "split.path"):
        view = ((_optional(run, "provenance") or {}).get("data") or {}).get("view") or {}
        return tuple(map(str, view.get("held_out") or ()))
    for key in ("datasets", "dataset", "domain"):
        if found := _config(run, f"split.{key}"):
            return (found,) if isinstance(found, str) else tuple(map(str, found))
    return ()


def entries_of(runs: Sequence[RunFolder]) -> list[RunEntry]:
    """The runs with names that tell them apart: runs of one name are one regime under several seeds or splits."""
    return [
        RunEntry(
            name,
            seed_of(run),
            run.predictions,
            run.thresholds,
            origin_of(run, f"skintag evaluate run={run.path}"),
            split_of(run),
        )
        for name, run in zip(regime_names(runs), runs, strict=True)
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


def _split(run: RunFolder, audit: dict[str, Any] | None) -> str:
    try:
        return run.split
    except DataError:
        return str((audit or {}).get("split") or "")


def _premalignant(run: RunFolder) -> str:
    """What the rows say; what the configuration says, where they do not, or have none because it leaves them out."""
    value = _config(run, "labels.premalignant")
    said = {"exclude": "excluded"}.get(str(value), str(value)) if value else ""
    try:
        frame = run.predictions.frame
    except DataError:
        return said
    found = premalignant_side(frame, run.path / PREDICTIONS)
    return said if not found or (found, said) == (NONE_IN_TABLE, "excluded") else found


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
