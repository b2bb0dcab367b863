"""What levels.csv says: how many places are within 93-97%, marked by the report, or neither; and the figure.

python experiments/calibrated_intervals/levels_summary.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE: Final = Path(__file__).resolve().parent
LEAST, MOST = 0.93, 0.97
MOSTLY: Final = 0.5
"""Share of a place's tables in which the report has to mark the interval for the place to count as marked."""


def main() -> None:
    """Print the tables as Markdown and draw levels.png."""
    told = judged(pd.read_csv(HERE / "levels.csv"))
    print(counts(told), end="\n\n")
    print(by_metric(told), end="\n\n")
    print(silent(told))
    draw(told)


def judged(told: pd.DataFrame) -> pd.DataFrame:
    """A column `within` and a column `marked`; coverage near a bound is judged as it is, noise and all."""
    return told.assign(within=told["covered"].round(6).between(LEAST, MOST), marked=told["warned"] >= MOSTLY)


def counts(told: pd.DataFrame) -> str:
    """How many places there are of each kind."""
    within, marked = told["within"], told["marked"]
    error = np.sqrt(told["covered"] * (1 - told["covered"]) / told["simulations"])
    far = (told["covered"] < LEAST - 2 * error) | (told["covered"] > MOST + 2 * error)
    silently = ~within & ~marked
    rows = [
        ("all places (20 cells x 22 intervals)", len(told)),
        ("within 93-97%, not marked", int((within & ~marked).sum())),
        ("within 93-97%, marked all the same", int((within & marked).sum())),
        ("outside, marked", int((~within & marked).sum())),
        ("outside, not marked", int(silently.sum())),
        ("of these below 93%", int((silently & (told["covered"] < LEAST)).sum())),
        ("of these further out than two standard errors", int((silently & far).sum())),
    ]
    return markdown(pd.DataFrame(rows, columns=["what", "places"]))


def by_metric(told: pd.DataFrame) -> str:
    """A row per kind of interval."""
    rows = []
    for what, part in told.groupby("what", sort=False):
        quiet = part[~part["marked"]]
        rows.append(
            {
                "interval": what,
                "unmarked cells": len(quiet),
                "their coverage": spread(quiet["covered"]),
                "outside": int((~quiet["within"]).sum()),
                "marked cells": int(part["marked"].sum()),
                "coverage there": spread(part.loc[part["marked"], "covered"]),
                "marked needlessly": int((part["marked"] & part["within"]).sum()),
            }
        )
    return markdown(pd.DataFrame(rows))


def silent(told: pd.DataFrame) -> str:
    """Places outside that the report does not mark."""
    rows = told[~told["within"] & ~told["marked"]].sort_values("covered")
    columns = {"cell": rows["cell"], "interval": rows["what"]}
    for name in ("covered", "truth_below", "truth_above"):
        columns[name.replace("truth_below", "limits above").replace("truth_above", "limits below")] = (
            100 * rows[name]
        ).map("{:.1f}".format)
    return markdown(pd.DataFrame(columns))


def spread(covered: pd.Series) -> str:
    """Lowest and highest in percent."""
    return f"{100 * covered.min():.1f} to {100 * covered.max():.1f}" if len(covered) else ""


def markdown(table: pd.DataFrame) -> str:
    """A pipe table."""
    lines = [
        table.columns,
        ["---"] * len(table.columns),
        *table.astype(str).itertuples(index=False, name=None),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw(told: pd.DataFrame) -> None:
    """Coverage of every place, by kind of interval; open where the report marks it."""
    names = list(dict.fromkeys(told["what"]))
    figure, axes = plt.subplots(figsize=(7.5, 0.26 * len(names) + 0.9), layout="constrained")
    axes.axvspan(100 * LEAST, 100 * MOST, color="#dfe9df", linewidth=0)
    y = told["what"].map({name: i for i, name in enumerate(names)})
    for marked, face, label in ((True, "none", "marked by the report"), (False, "#1b6ca8", "not marked")):
        at = told["marked"] == marked
        axes.scatter(
            100 * told.loc[at, "covered"], y[at], s=16, facecolors=face, edgecolors="#1b6ca8", label=label
        )
    axes.set(
        yticks=range(len(names)), yticklabels=names, xlabel="tables whose 95% interval covers the truth, %"
    )
    axes.invert_yaxis()
    axes.legend(loc="lower left", fontsize=8)
    figure.savefig(HERE / "levels.png", dpi=110)


if __name__ == "__main__":
    main()
