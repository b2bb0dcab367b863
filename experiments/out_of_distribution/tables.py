"""Which images do references of a run's embeddings take for strange: detection, and wrongly turned away, by kind.

    python experiments/out_of_distribution/tables.py --runs runs/<run> --out experiments/out_of_distribution/results/x

Kind and rank are chosen on val images against development families; test images and the other families report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from detection import choose, detection, development, references, turned_away
from material import UNDIAGNOSED, Material, gather

from skintag.runs.folder import RunFolder
from skintag.runs.grid.program import data_note, grid_parser, run_list, run_program
from skintag.runs.grid.runs import GridRun
from skintag.runs.grid.write import interval, number, write_table


def main() -> None:
    parser = grid_parser(__doc__ or "")
    parser.add_argument("--each", type=int, default=60, help="pictures of each family")
    parser.add_argument(
        "--cache", type=Path, help="folder of the embedding store; the run's own if not given"
    )
    run_program(work, parser.parse_args())


def work(arguments: argparse.Namespace, runs: tuple[GridRun, ...]) -> None:
    """Choice, detection and wrong flags of each run."""
    out, note = arguments.out, data_note(runs)
    materials = {
        f"{r.name} seed {r.seed}": gather(RunFolder(r.run.path, cache=arguments.cache), arguments.each)
        for r in runs
    }
    made = {name: references(material) for name, material in materials.items()}
    table = pd.concat([development(m, made[name]).assign(run=name) for name, m in materials.items()])
    chosen, ranks = choose(table)
    found, away = [], []
    for name, material in materials.items():
        each = {kind: made[name][kind, ranks[kind]] for kind in ranks}
        found.append(detection(material, each, arguments.resamples).assign(run=name))
        away.append(turned_away(material, each, arguments.resamples).assign(run=name))
    write_table(
        out, "choice", table, shown_choice(table, chosen),
        caption=f"Val images against development families; mean over runs and families. Chosen: {chosen[0]}, "
        f"rank {chosen[1]}, the smallest within 0.005 AUROC of the best. {note}",
    )  # fmt: skip
    detected = pd.concat(found, ignore_index=True)
    write_table(
        out, "detection", detected, shown_detection(detected),
        caption="Test images against what is strange; thresholds keep 95% of each domain of val (in brackets: 95% of "
        "val as a whole). Crops of one photograph are no "
        f"independent pictures and have no interval. {not_there(materials)}{note}",
    )  # fmt: skip
    wrong = pd.concat(away, ignore_index=True)
    write_table(
        out, "turned_away", wrong, shown_away(wrong),
        caption="Test images, lesions all of them, that are flagged where the threshold keeps 95% of each domain of "
        f"val, or of val as a whole; 95% intervals by resampled patients or lesions. {note}",
    )  # fmt: skip
    listed = run_list(runs)
    write_table(out, "runs", listed, listed.drop(columns="command"), caption=f"Runs. {note}")
    print(out)


def not_there(materials: dict[str, Material]) -> str:
    """What could not be asked, as a sentence."""
    said = "; ".join(dict.fromkeys(m.missing for m in materials.values() if m.missing))
    return f"Left out: {said}. " if said else ""


def shown_choice(table: pd.DataFrame, chosen: tuple[str, int]) -> pd.DataFrame:
    """A row per kind and rank, a column per development family."""
    keys = ["kind", "rank"]
    wide = table.pivot_table(index=keys, columns="family", values="auroc").reset_index()
    wide = wide.merge(table.groupby(keys, as_index=False)["bytes"].mean(), on=keys)
    families = [c for c in wide if c not in ("kind", "rank", "bytes")]
    wide["mean"] = wide[families].mean(axis=1)
    mark = [(k, r) == chosen for k, r in zip(wide["kind"], wide["rank"], strict=True)]
    wide["kB"] = (wide.pop("bytes") / 1000).round().astype(int)
    wide["chosen"] = ["yes" if m else "" for m in mark]
    return wide[["kind", "rank", "kB", *families, "mean", "chosen"]]


def shown_detection(table: pd.DataFrame) -> pd.DataFrame:
    """A row per run and family, two columns per kind."""
    rows = []
    for (run, family), part in table.groupby(["run", "family"], sort=False):
        cells = part.to_dict("records")
        row = {"run": run, "strange": family, "n": int(part["n"].iloc[0])}
        row |= {f"{c['kind']}: AUROC": interval(c["auroc"], c["low"], c["high"]) for c in cells}
        row |= {
            f"{c['kind']}: flagged": f"{number(c['flagged'], 2)} ({number(c['flagged_single'], 2)})"
            for c in cells
        }
        rows.append(row)
    shown = pd.DataFrame(rows)
    expected_low = shown["strange"].str.startswith(UNDIAGNOSED)
    shown.loc[expected_low, "strange"] += " (lesions like those seen)"
    return shown


def shown_away(table: pd.DataFrame) -> pd.DataFrame:
    """A row per run and group, a column per kind."""
    shares = [interval(v, a, b) for v, a, b in table[["flagged", "low", "high"]].to_numpy(float)]
    keys = ["run", "keeps", "grouping", "group", "n"]
    wide = table.assign(share=shares).pivot_table(index=keys, columns="kind", values="share", aggfunc="first")
    return table[keys].drop_duplicates().merge(wide.reset_index(), on=keys, how="left")


if __name__ == "__main__":
    main()
