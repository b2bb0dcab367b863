"""How long a view takes at 50,000 images, beside the plain ways to make a grouped split and its weights.

    python experiments/speed/view.py [--rows 50000] [--repeats 5]

Ours does the whole view: labels, grouped split, leakage audit, weights, fingerprint. The peers do less: the
loop over pandas groups makes a grouped split and weights; scikit-learn's StratifiedGroupKFold makes the
folds alone (test is the first fold of five). All run in this process, in turn; best and median are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import StratifiedGroupKFold

from skintag.core.bands import fst_group_of
from skintag.core.vocabulary import MALIGNANCY
from skintag.data.catalog.schema import CATALOG_COLUMNS, conform
from skintag.data.sources import adapter_of
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.data.view.splits import Grouped
from skintag.data.view.view import build_view

SHARE = {"ham10000": 0.21, "bcn20000": 0.39, "pad_ufes_20": 0.05, "fitzpatrick17k": 0.34, "ddi": 0.01}


def make_catalog(rows: int, seed: int = 0) -> pd.DataFrame:
    """A catalog of `rows` images with the five datasets' proportions and about two images per group."""
    rng = np.random.default_rng(seed)
    dataset = rng.choice(list(SHARE), size=rows, p=list(SHARE.values()))
    group = np.char.add(np.char.add(dataset, "/g"), rng.integers(0, rows // 2, rows).astype(str))
    lit = np.isin(dataset, ["pad_ufes_20", "fitzpatrick17k", "ddi"]) & (rng.random(rows) < 0.8)
    fitzpatrick = pd.Series(np.where(lit, rng.integers(1, 7, rows), -1)).astype("Int8")
    fitzpatrick = fitzpatrick.where(lit)
    frame = pd.DataFrame({name: pd.Series([None] * rows, dtype="object") for name in CATALOG_COLUMNS})
    frame = frame.assign(
        image_id=np.char.add(np.char.add(dataset, "/"), np.char.zfill(np.arange(rows).astype(str), 6)),
        dataset=dataset,
        domain=pd.Series(dataset).map(lambda name: adapter_of(name).domains[0]),
        malignancy=rng.choice(MALIGNANCY, size=rows, p=[0.7, 0.05, 0.25]),
        condition=rng.integers(0, 10, rows),
        fitzpatrick=fitzpatrick,
        fst_group=fst_group_of(fitzpatrick),
        status="ok",
        lesion_id=group,
        duplicate_id=group,
        group_id=group,
    )
    return conform(frame, CATALOG_COLUMNS, "made-up catalog")


def ours(catalog: pd.DataFrame, seed: int) -> None:
    """The whole view."""
    build_view(catalog, LabelPolicy(), Grouped(), Balance(("domain", "fitzpatrick")), seed=seed)


def pandas_loop(catalog: pd.DataFrame, seed: int) -> None:
    """Grouped split and weights as they are often written: a loop over groups, `transform` per level."""
    order = np.random.default_rng(seed).permutation(catalog["group_id"].unique())
    members = {str(name): rows.index for name, rows in catalog.groupby("group_id")}
    split = pd.Series("train", index=catalog.index)
    filled = 0
    for name in order:
        if filled >= 0.3 * len(catalog):
            break
        split.loc[members[name]] = "test" if filled < 0.2 * len(catalog) else "val"
        filled += len(members[name])
    train = catalog[split == "train"]
    weight = 1 / train.groupby("domain")["image_id"].transform("size")
    weight *= 1 / train.groupby(["domain", "fst_group"], dropna=False)["image_id"].transform("size")
    weight / weight.mean()


def sklearn_folds(catalog: pd.DataFrame, seed: int) -> None:
    """The folds of StratifiedGroupKFold over the same strata and groups; one is taken."""
    strata = catalog["dataset"] + catalog["malignancy"]
    folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=seed)
    next(iter(folds.split(catalog, strata, catalog["group_id"])))


def timed(make: Callable[[pd.DataFrame, int], None], catalog: pd.DataFrame, repeats: int) -> list[float]:
    """Seconds of each of `repeats` calls, after one that is not counted."""
    make(catalog, 0)
    seconds = []
    for seed in range(1, repeats + 1):
        start = time.perf_counter()
        make(catalog, seed)
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="time of a view against plain ways to split")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    catalog = make_catalog(options.rows)
    shuffled = catalog.sample(frac=1, random_state=0).reset_index(drop=True)
    catalog = catalog.sort_values("image_id", ignore_index=True)
    table = Table(title=f"A view of {options.rows:,} images, {catalog['group_id'].nunique():,} groups")
    for name in ("what", "best, s", "median, s", "x ours"):
        table.add_column(name, justify="left" if name == "what" else "right")
    runs = {
        "skintag view, whole": timed(ours, catalog, options.repeats),
        "skintag view, whole, catalog not sorted": timed(ours, shuffled, options.repeats),
        "pandas loop over groups: split and weights": timed(pandas_loop, catalog, options.repeats),
        "scikit-learn StratifiedGroupKFold: folds": timed(sklearn_folds, catalog, options.repeats),
    }
    reference = median(next(iter(runs.values())))
    for name, seconds in runs.items():
        table.add_row(
            name, f"{min(seconds):.3f}", f"{median(seconds):.3f}", f"{median(seconds) / reference:.1f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
