"""A view on one screen: its images, its weights, and what it leaves out."""

from __future__ import annotations

import pandas as pd
from rich.table import Table
from rich.text import Text

from skintag.core.vocabulary import SPLITS
from skintag.data.view.levels import GROUP_NAMES
from skintag.data.view.view import View


def view_summary(view: View) -> Table:
    """Images per dataset and split, weights per group, rows left out with the reason, and what the split has to say."""
    grid = Table.grid(padding=(0, 0, 1, 0))
    grid.add_row(_images(view.frame))
    grid.add_row(_weights(view.frame))
    if view.left_out:
        grid.add_row(_left_out(view))
    for note in view.notes:
        grid.add_row(Text(f"Note: {note}"))
    grid.caption = f"view {view.fingerprint}"
    return grid


def _images(frame: pd.DataFrame) -> Table:
    """Images and malignant ones, dataset x split."""
    table = Table(title="Images (malignant)", title_justify="left", show_footer=True)
    targets = {split: frame[frame["split"] == split] for split in SPLITS}
    table.add_column("dataset", footer="all")
    for split in SPLITS:
        table.add_column(split, justify="right", footer=_pair(targets[split]["target"]))
    for dataset in sorted(frame["dataset"].unique()):
        rows = (part["target"][part["dataset"] == dataset] for part in targets.values())
        table.add_row(str(dataset), *(_pair(target) for target in rows))
    return table


def _pair(target: pd.Series) -> str:
    """`12 (3)`, or a dash where there is no image."""
    return f"{len(target):,} ({int(target.sum()):,})" if len(target) else "–"


def _weights(frame: pd.DataFrame) -> Table:
    """Train images per domain x skin-type group: number, mean weight, and share of all weight."""
    train = frame[frame["split"] == "train"]
    sampled = (train["sampling_weight"] != 1).any()
    column = "sampling_weight" if sampled else "weight"
    table = Table(title=f"Train images by {'sampling' if sampled else 'loss'} weight", title_justify="left")
    for name in ("domain/skin type", "images", "mean weight", "lowest", "highest", "share of weight"):
        first = name == "domain/skin type"
        table.add_column(name, justify="left" if first else "right", no_wrap=first)
    stats = train.groupby("group_index")[column].agg(["size", "mean", "min", "max", "sum"])
    for group, row in stats.iterrows():
        numbers = (f"{row[name]:.3f}" for name in ("mean", "min", "max"))
        share = f"{row['sum'] / stats['sum'].sum():.1%}"
        table.add_row(GROUP_NAMES[int(str(group))], f"{int(row['size']):,}", *numbers, share)
    return table


def _left_out(view: View) -> Table:
    """Rows of the catalog that the view does not use."""
    table = Table(title="Left out", title_justify="left")
    table.add_column("dataset")
    table.add_column("images", justify="right")
    table.add_column("reason")
    for item in view.left_out:
        table.add_row(item.dataset, f"{item.images:,}", item.reason)
    return table
