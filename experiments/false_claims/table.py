"""How often a report of true nulls claims something, and how often a true difference is found.

    python experiments/false_claims/table.py --reports 500

A row per cell, written when it is done; a cell that is in the table already is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from cells import Cell, cells, power_cells
from reports import QUESTIONS, judged

from skintag.runs.grid.findings import CANNOT_TELL, FOUND

HERE = Path(__file__).resolve().parent
KEYS = ["cell", "kind", "level", "correlation", "seeds", "effect"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=int, default=500, help="per cell")
    parser.add_argument("--resamples", type=int, default=200, help="of whole patients, per report")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="0/1", help="k/n: every n-th cell from the k-th")
    parser.add_argument("--out", type=Path, default=HERE / "false_claims.csv")
    arguments = parser.parse_args()
    made = pd.read_csv(arguments.out) if arguments.out.is_file() else pd.DataFrame(columns=KEYS)
    known = set(made[KEYS].itertuples(index=False, name=None))
    first, step = map(int, arguments.part.split("/"))
    commit = git("rev-parse", "HEAD")[:12] + (" with changes" if git("status", "--porcelain", "-uno") else "")
    for i, cell in list(enumerate([*cells(), *power_cells()]))[first::step]:
        if key(cell) in known:
            continue
        row = row_of(cell, arguments.reports, arguments.resamples, arguments.seed + i)
        row |= {"command": "table.py " + " ".join(sys.argv[1:]), "seed": arguments.seed + i, "commit": commit}
        made = pd.concat([made, pd.DataFrame([row])], ignore_index=True) if len(made) else pd.DataFrame([row])
        made.to_csv(arguments.out, index=False, float_format="%.5g")
        print(*list(row.values())[:12], flush=True)


def key(cell: Cell) -> tuple[object, ...]:
    """What tells a cell from the others."""
    return cell.name, cell.kind, cell.level, cell.correlation, cell.seeds, cell.effect


def row_of(cell: Cell, reports: int, resamples: int, seed: int) -> dict[str, object]:
    """What the reports of one cell claim."""
    tables = list(judged(cell, reports, resamples, seed))
    found = np.array([t["verdict"] == FOUND for t in tables])
    p = np.array([t["p_value"].to_numpy(float) for t in tables])
    nulls = slice(1, None) if cell.effect else slice(None)
    return {
        **dict(zip(KEYS, key(cell), strict=True)),
        "questions": QUESTIONS, "reports": reports, "resamples": resamples,
        "patients": round(float(tables[0]["clusters"].min()), 1),
        "cannot_be_told": float(np.mean([t["verdict"] == CANNOT_TELL for t in tables])),
        "false_claims": float(found[:, nulls].any(axis=1).mean()),
        "p_below_05": float((p[:, nulls] < 0.05).mean()),
        "p_below_0033": float((p[:, nulls] < 0.05 / QUESTIONS).mean()),
        "power_in_family": float(found[:, 0].mean()) if cell.effect else np.nan,
        "power_alone": float((p[:, 0] < 0.05).mean()) if cell.effect else np.nan,
    }  # fmt: skip


def git(*arguments: str) -> str:
    """What git says of this checkout."""
    return subprocess.run(
        ["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()


if __name__ == "__main__":
    main()
