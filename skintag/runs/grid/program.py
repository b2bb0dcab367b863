"""What the table programs of the experiments share: arguments, the list of runs, the caption of a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from skintag.core.errors import SkinTagError
from skintag.core.vocabulary import HEAD
from skintag.runs.grid.runs import GridRun, caption_of, read_grid

R = TypeVar("R")

# from the floor to what learned most
MODEL_ORDER = (
    "majority", "logistic_frozen", "mlp_frozen", "xgboost_frozen", HEAD, "logistic_finetuned", "mlp_finetuned",
    "xgboost_finetuned",
)  # fmt: skip


def grid_parser(description: str) -> argparse.ArgumentParser:
    """`--runs A B --out folder`, with how much is resampled."""
    parser = argparse.ArgumentParser(
        description=description.split("\n", 1)[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="run folders and sweep folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and figures")
    parser.add_argument("--resamples", type=int, default=2000, help="of whole clusters")
    parser.add_argument("--model", default=HEAD, help="the model that questions are asked of")
    return parser


def run_program(
    work: Callable[[argparse.Namespace, R], None],
    arguments: argparse.Namespace,
    read: Callable[[Sequence[Path]], R] = read_grid,  # type: ignore[assignment]
) -> None:
    """Read the runs and work on them; a mistake in what was given ends the program with its message."""
    try:
        work(arguments, read(arguments.runs))
    except SkinTagError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def models_of(runs: Sequence[GridRun]) -> tuple[str, ...]:
    """The models that any run has, from the floor upwards, others by name."""
    present = {model for run in runs for model in run.predictions.models}
    return tuple(m for m in MODEL_ORDER if m in present) + tuple(sorted(present - set(MODEL_ORDER)))


def run_list(runs: Sequence[GridRun]) -> pd.DataFrame:
    """A row per run: what it was, its commit, its command without the paths of the machine, seconds by stage."""
    rows = []
    for run in runs:
        said = run.run.provenance
        git, seconds = said.get("git") or {}, said.get("seconds") or {}
        command = [
            c for c in said.get("command") or [] if not c.startswith(("paths.", "hydra.", "resume=", "/"))
        ]
        rows.append({
            "name": run.name, "seed": run.seed, "split": run.split, "split_seed": run.split_seed,
            "commit": str(git.get("commit") or "")[:12] + (" with changes" if git.get("dirty") else ""),
            "seconds_fit": seconds.get("fit"), "seconds": sum(v for k, v in seconds.items() if " " not in k),
            "command": " ".join(command),
        })  # fmt: skip
    return pd.DataFrame(rows)


def data_note(runs: Sequence[GridRun]) -> str:
    """What kind of data, as every caption ends."""
    caption = caption_of(runs)
    return f"Data: {caption}." if caption else ""
