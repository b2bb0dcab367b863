"""The tables of README.md and the figure, out of coverage.csv and assessed.csv.

python experiments/calibrated_intervals/summary.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
OURS, NAIVE, BAND = "#1b6ca8", "#c1440e", "#dfe9df"


def main() -> None:
    """Print the tables as Markdown and draw coverage.png."""
    told = pd.read_csv(HERE / "coverage.csv")
    print(cells(told), end="\n\n")
    print(methods(told), end="\n\n")
    print(misses(told), end="\n\n")
    whole = HERE / "assessed.csv"
    if whole.exists():
        print(assessed(pd.read_csv(whole)))
    draw(told)


def cells(told: pd.DataFrame) -> str:
    """A row per cell: coverage of everything, and the gap's width beside the naive one's."""
    rows = []
    for (cell, gap), part in told.groupby(["cell", "gap"], sort=False):
        at = part.set_index(["what", "method"])
        ours, naive = at.loc[("gap", "ours")], at.loc[("gap", "percentile")]
        tested = ("permutation", "ours") in at.index
        rows.append(
            {
                "cell": cell,
                "true gap": f"{gap:g}",
                "levels": percent(at.loc[("level", "ours"), "covered"]),
                "(naive)": percent(at.loc[("level", "percentile"), "covered"]),
                "differences": percent(at.loc[("difference", "ours"), "covered"]),
                "all at once": percent(at.loc[("all differences", "ours"), "covered"]),
                "**gap**": f"**{percent(ours['covered'])}**",
                "width": f"{ours['median_width']:.3f}",
                "naive": percent(naive["covered"]),
                "naive width": f"{naive['median_width']:.3f}",
                "rejected": percent(at.loc[("permutation", "ours"), "covered"]) if tested else "",
                "chance": f"{at.loc[('permutation', 'ours'), 'median_width']:.3f}" if tested else "",
            }
        )
    return markdown(pd.DataFrame(rows))


def methods(told: pd.DataFrame) -> str:
    """A row per way to an interval of a gap: how often it is within the bounds, over the cells that count."""
    counted = told[(told["what"] == "gap") & ~told["cell"].str.startswith("small")]
    ours = counted[counted["method"] == "ours"].set_index(["cell", "gap"])["median_width"]
    rows = []
    for method, part in counted.groupby("method", sort=False):
        true = part[part["gap"] > 0]
        width = part.set_index(["cell", "gap"])["median_width"] / ours
        none = part[part["gap"] == 0]["covered"]
        rows.append(
            {
                "method": method,
                "within 93-98%, gap > 0": f"{int(true['covered'].between(0.93, 0.98).sum())} of {len(true)}",
                "lowest": percent(true["covered"].min()),
                "median": percent(true["covered"].median()),
                "highest": percent(true["covered"].max()),
                "at least 93%, gap 0": f"{int((none >= 0.93).sum())} of {len(none)}",
                "lowest, gap 0": percent(none.min()),
                "width / ours": f"{width.median():.2f}",
            }
        )
    return markdown(pd.DataFrame(rows))


def misses(told: pd.DataFrame) -> str:
    """What lies outside of its bounds: levels and differences 93-97%, gaps 93-98% (93-100% at 0), rejections 6%."""
    ours = told[told["method"] == "ours"].copy()
    ceiling = {"level": 0.97, "difference": 0.97, "gap": 0.98}
    high = ours["what"].map(ceiling).where((ours["what"] != "gap") | (ours["gap"] > 0), 1.0)
    outside = ours["what"].isin(list(ceiling)) & ~ours["covered"].between(0.93, high)
    outside |= (ours["what"] == "permutation") & (ours["covered"] > 0.06)
    found = ours[outside]
    table = pd.DataFrame(
        {
            "cell": found["cell"], "true gap": found["gap"].map("{:g}".format), "what": found["what"],
            "covered (rejected)": found["covered"].map(percent),
            "limits above the truth": found["truth_below"].map(percent),
            "limits below the truth": found["truth_above"].map(percent),
        }
    )  # fmt: skip
    return markdown(table)


def assessed(told: pd.DataFrame) -> str:
    """A row per cell, gap and figure of the whole path."""
    table = pd.DataFrame(
        {
            "cell": told["cell"], "true gap": told["gap"].map("{:g}".format), "what": told["what"],
            "of": told["method"], "covered (rejected)": told["covered"].map(percent),
            "median width": told["median_width"].map(lambda w: "" if np.isnan(w) else f"{w:.3f}"),
        }
    )  # fmt: skip
    return markdown(table)


def draw(told: pd.DataFrame) -> None:
    """Coverage of the gap by cell, ours beside the naive one, with the bounds."""
    counted = told[(told["what"] == "gap") & ~told["cell"].str.startswith("small")]
    names = list(dict.fromkeys(counted["cell"]))[::-1]
    figure, axes = plt.subplots(1, 3, figsize=(10, 0.27 * len(names) + 1.4), sharey=True)
    for axis, (gap, part) in zip(axes, counted.groupby("gap"), strict=True):
        axis.axvspan(0.93, 0.98 if gap > 0 else 1.0, color=BAND, zorder=0)
        for method, colour, marker in (("percentile", NAIVE, "x"), ("ours", OURS, "o")):
            chosen = part[part["method"] == method].set_index("cell")["covered"]
            axis.scatter(chosen.loc[names], range(len(names)), c=colour, marker=marker, s=24, label=method)
        axis.set_title(f"true gap {gap:g}", fontsize=10)
        axis.set_xlim(-0.03, 1.03)
        axis.set_xlabel("share of intervals that cover it")
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].legend(fontsize=8, loc="upper center")
    figure.tight_layout()
    figure.savefig(HERE / "coverage.png", dpi=110)


def percent(share: float) -> str:
    """0.9532 to 95.3."""
    return "" if np.isnan(share) else f"{100 * share:.1f}"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
