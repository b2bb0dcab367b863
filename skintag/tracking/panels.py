"""The panels of the dashboard, a function for each of its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import HEAD
from skintag.data.distortions.distortions import DISTORTIONS
from skintag.tracking import names

if TYPE_CHECKING:
    import wandb_workspaces.reports.v2 as wr

GROUP: Final = "Group"  # a run's group, as W&B calls it: the experiment and what its sweep varies
SKIN_TYPES: Final = ("I-II", "III-IV", "V-VI")
DOMAINS: Final = ("dermoscopic", "clinical", "smartphone")
SEARCHED: Final = (
    "optimizer.head_lr", "optimizer.backbone_lr", "optimizer.weight_decay", "head.dropout", "choices.objective",
)  # fmt: skip
"""Configuration keys that `experiments/sweeps/wandb.yaml` and `configs/sweep/optuna.yaml` vary."""


@dataclass(frozen=True)
class DashboardSettings:
    """Which workspace, and which models it looks at."""

    project: str
    """W&B project."""
    entity: str | None = None
    """W&B user or team; needed to save it online."""
    name: str = "SkinTag"
    """What the workspace is called."""
    models: tuple[str, ...] = (HEAD, "xgboost_frozen", "xgboost_finetuned")
    """Models that are compared within runs; the first is the one whose groups and gaps are shown."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))
        if not self.models:
            raise ConfigError("models=[]: name one at least")

    @property
    def main(self) -> str:
        """The model whose groups and gaps are shown."""
        return self.models[0]


def libraries() -> tuple[Any, Any]:
    """The modules `wandb_workspaces.reports.v2` and `wandb_workspaces.workspaces`."""
    try:
        import wandb_workspaces.reports.v2 as wr
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise ConfigError("the dashboard needs wandb-workspaces: pip install 'skintag[wandb]'") from error
    return wr, ws


def discrimination(settings: DashboardSettings) -> list[Any]:
    """AUROC of the models, and of the main one by domain; sensitivity and specificity."""
    main = settings.main
    return [
        _bars("AUROC by regime and model", [names.level(m, "auroc") for m in settings.models]),
        _bars(
            f"AUROC by regime and domain: {main}", [names.level(main, "auroc", "domain", d) for d in DOMAINS]
        ),
        _bars(
            f"Sensitivity and specificity: {main}",
            [names.level(main, m) for m in ("sensitivity", "specificity")],
        ),
        _bars("Calibration error (ECE) by model", [names.level(m, "ece") for m in settings.models]),
        _pictures("Models of each run", ["models", "roc_models", "roc_domain", "confusion"]),
    ]


def skin_types(settings: DashboardSettings) -> list[Any]:
    """Sensitivity by Fitzpatrick group, each with the limits of its interval; the report's own forest plots."""
    main, wr = settings.main, libraries()[0]
    by_type = [
        _bars(
            f"Sensitivity on {group} with its 95% interval: {main}",
            [names.level(main, "sensitivity", "fst_group", group, part) for part in ("low", "value", "high")],
        )
        for group in SKIN_TYPES
    ]
    worst = [
        names.gap(main, "worst_group_sensitivity", "fst_group", part) for part in ("low", "value", "high")
    ]
    words = wr.MarkdownPanel(
        markdown="Bars are means over the runs of a group (seeds); limits are means of the runs' own limits. "
        "A group with fewer than 10 malignant images is in the tables, marked, and in no gap."
    )
    return [
        *by_type,
        _bars(f"Worst group's sensitivity with its 95% interval: {main}", worst),
        words,
        _pictures(
            "Groups with intervals, run by run", ["groups_sensitivity", "groups_specificity", "groups_auroc"]
        ),
    ]


def gaps(settings: DashboardSettings) -> list[Any]:
    """Gaps beside the gap that equal groups would show by chance."""
    main, wr = settings.main, libraries()[0]
    shown = ("low", "value", "high", "chance")
    panels: list[Any] = [
        wr.ScatterPlot(
            title=f"Sensitivity gap of skin types against chance: {main}",
            x=wr.SummaryMetric(names.gap(main, "sensitivity_gap", "fst_group", "chance")),
            y=wr.SummaryMetric(names.gap(main, "sensitivity_gap", "fst_group")),
        )
    ]
    for grouping, words in (("fst_group", "skin types"), ("domain", "domains")):
        for gap, what in (("sensitivity_gap", "Sensitivity"), ("auroc_gap", "AUROC")):
            metrics = [names.gap(main, gap, grouping, part) for part in shown]
            panels.append(_bars(f"{what} gap between {words} with its interval, and chance: {main}", metrics))
    panels.append(_pictures("Gaps, run by run", ["gaps", "gaps_skin_type", "heatmap_sensitivity"]))
    return panels


def robustness(settings: DashboardSettings) -> list[Any]:
    """Metrics over the distortions in the protocol's order, and the loss of each."""
    main, wr = settings.main, libraries()[0]
    order = ["clean", *DISTORTIONS]
    curves = [
        wr.LinePlot(
            title=f"{title} under distortion",
            x=names.ROBUSTNESS_STEP,
            y=[names.robustness_curve(m, metric) for m in settings.models],
            title_x="distortion, in the order beside",
            groupby=GROUP,
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
        )
        for metric, title in (("auroc", "AUROC"), ("sensitivity", "Sensitivity"))
    ]
    listed = "\n".join(f"{i}. {name.replace('_', ' ')}" for i, name in enumerate(order))
    return [
        *curves,
        wr.MarkdownPanel(markdown=f"Distortions by number\n\n{listed}"),
        _bars(f"AUROC by distortion: {main}", [names.robustness(main, d, "auroc") for d in order]),
    ]


def training() -> list[Any]:
    """Training curves, a line per group with the range of its runs."""
    wr = libraries()[0]
    return [
        wr.LinePlot(
            title=name,
            x=names.STEP,
            y=[name],
            groupby=GROUP,
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
        )
        for name in names.TRAINING
    ]


def search() -> list[Any]:
    """What a search varied and what came of it, on val rows."""
    wr = libraries()[0]
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(key), log=_is_log(key)) for key in SEARCHED]
    columns.append(
        wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(names.SELECTED), display_name="selected on val")
    )
    return [
        wr.ParallelCoordinatesPlot(title="Hyperparameters and what was selected on", columns=columns),
        wr.ParameterImportancePlot(with_respect_to=names.SELECTED),
        wr.ScalarChart(title="Best on val", metric=names.SELECTED, groupby_aggfunc="max"),
    ]


def side_by_side() -> list[Any]:
    """Configuration and numbers of runs in columns."""
    return [libraries()[0].RunComparer(diff_only="split")]


def tables() -> list[Any]:
    """The tables of the selected runs."""
    wr = libraries()[0]
    return [wr.WeavePanelSummaryTable(table_name=names.table(name)) for name in ("levels", "gaps", "errors")]


def _bars(title: str, metrics: Sequence[str]) -> wr.BarPlot:
    """A bar per group of runs and metric: the mean over the group's runs, with their range."""
    wr = libraries()[0]
    return wr.BarPlot(
        title=title,
        metrics=list(metrics),
        groupby=GROUP,
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        range_x=(0, 1),
    )


def _pictures(title: str, plots: Sequence[str]) -> wr.MediaBrowser:
    keys = [names.plot(stem) for stem in plots]
    return libraries()[0].MediaBrowser(
        title=title, media_keys=keys, num_columns=2, mode="grid", grid_x_axis="run"
    )


def _is_log(key: str) -> bool | None:
    return True if key.startswith("optimizer.") else None
