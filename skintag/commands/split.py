"""`skintag split export experiment=multi out=split.csv`: who trains, chooses and is tested, to be published."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from omegaconf import DictConfig

from skintag.commands.bundle_arguments import parse
from skintag.commands.cli import run_command
from skintag.core.config import instantiate, plain
from skintag.core.errors import ConfigError
from skintag.core.settings import LARGEST_SEED, checked_fields, number

if TYPE_CHECKING:
    import pandas as pd

    from skintag.data.view.splits import Split

COMMANDS: Final = {"export": "the split of a training command as CSV: export experiment=multi out=split.csv"}
HELP: Final = "\n".join(
    [
        "usage: skintag split <command> key=value ...",
        "",
        *(f"  {name:8} {text}" for name, text in COMMANDS.items()),
        "",
        "skintag train split=file split.path=<csv> uses one; skintag split <command> --help lists its keys.",
    ]
)


@dataclass(frozen=True)
class ExportSettings:
    """What `configs/split_export.yaml` has beside the keys of a training run."""

    out: str
    """The CSV; its settings go beside it, `split.json` beside `split.csv`."""
    overwrite: bool = False
    """Whether files that are there may be replaced."""
    repeats: int = number(least=1, default=1)
    """How many splits, under split_seed, split_seed + 1, ...; more than one are folds 0, 1, ... of the file."""
    split_seed: int = number(least=0, most=LARGEST_SEED, default=0)
    """Of the first of them."""


def export(config: DictConfig) -> None:
    """Write the split that a training run of this configuration would have, and print what it holds.

    Raises:
        ConfigError: `out` is no CSV or is there already, or a value makes no sense.
        DataError: the data cannot be read, or hold a leak.
    """
    values = plain(config)
    settings = ExportSettings(
        **checked_fields(ExportSettings, values, tuple(ExportSettings.__dataclass_fields__))
    )
    out = _out(settings)
    from skintag.core.provenance import versions
    from skintag.core.settings import settings_of
    from skintag.data.catalog.catalog import catalog_fingerprint
    from skintag.data.prepared.opening import catalog_of, ensure_prepared
    from skintag.data.prepared.settings import DataSettings
    from skintag.data.view.split_export import described, rows_of, splits_of
    from skintag.data.view.split_table import settings_beside, write_split

    split: Split = instantiate(values["split"])
    if "path" in values["split"]:
        raise ConfigError(f"split.path={values['split']['path']} is exported already: copy it")
    data = settings_of(DataSettings, values["data"], "data")
    catalog = catalog_of(ensure_prepared(data), list(data.sources))
    parts = splits_of(split, settings.split_seed, settings.repeats)
    frame = rows_of(catalog, parts)
    made_with = {
        "split": values["split"],
        "split_seed": settings.split_seed,
        "repeats": settings.repeats,
        "leaky": split.leaky,
        "data": {
            "name": data.name,
            "datasets": sorted(data.sources),
            "catalog": catalog_fingerprint(catalog),
        },
        "images": described(frame),
        "versions": {name: v for name, v in versions().items() if name in _COUNT},
    }
    write_split(frame, out, made_with)
    _say(frame, split, out, settings_beside(out))


_COUNT: Final = ("python", "skintag", "numpy", "pandas")  # whose versions can change a split


def _out(settings: ExportSettings) -> Path:
    from skintag.data.view.split_table import settings_beside

    out = Path(settings.out)
    if out.suffix.lower() != ".csv":
        raise ConfigError(f"out={settings.out}: expected a file whose name ends in .csv")
    there = [path for path in (out, settings_beside(out)) if path.exists()]
    if there and not settings.overwrite:
        raise ConfigError(f"out={settings.out}: {there[0]} is there already; overwrite=true replaces it")
    return out


def _say(frame: pd.DataFrame, split: Split, out: Path, beside: Path) -> None:
    from rich.table import Table

    from skintag.core.console import readable_console, say
    from skintag.core.vocabulary import SPLITS
    from skintag.data.view.split_table import LEFT_OUT

    table = Table(title="Images", title_justify="left")
    names = [name for name in (*SPLITS, LEFT_OUT) if name in set(frame["split"])]
    first = ["fold"] if "fold" in frame else []
    for name in (*first, "dataset", *names):
        table.add_column(name, justify="left" if name == "dataset" else "right")
    for key, rows in frame.groupby([*first, "dataset"]):
        counts = (f"{int((rows['split'] == name).sum()):,}" for name in names)
        table.add_row(*map(str, key), *counts)
    readable_console().print(table)
    if split.leaky:
        say("this split puts related images on two sides: whoever uses it has to say split.leaky=true")
    used = "split=file " + f"split.path={out}" + (" split.fold=<number>" if first else "")
    print(f"split: {out}\nsettings: {beside}\nused with: skintag train {used}")


def main(command: Sequence[str] = ("split",)) -> None:
    """Hand the rest of the command line to Hydra, under the configuration of what is to be done with a split."""
    try:
        asked = parse(sys.argv[1:], COMMANDS, "split")
    except ConfigError as error:
        print(f"error: {error}\n{HELP}", file=sys.stderr)
        sys.exit(2)
    if not asked.name:
        print(HELP)
        return
    sys.argv = [sys.argv[0], *asked.overrides]
    tasks: dict[str, Any] = {"export": export}
    run_command(f"split_{asked.name}", tasks[asked.name], command=(*command, asked.name))
