"""The metrics there are: each one definition, registered where it is written, and known to every table by it.

A module that defines a metric calls `register_metric` once. Those in `metrics/definitions` are imported with this
package; anybody else's count from when they are imported. Nothing below keeps a list of its own: ask `METRICS`,
`listed` and `gaps` when a table is made, never when a module is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from skintag.core.errors import ConfigError, near_matches
from skintag.evaluation.metrics.rows import Floats
from skintag.evaluation.metrics.weighing import Lines, Weighing
from skintag.evaluation.registered import add

Class = Literal["positive", "negative"]
Kind = Literal["proportion", "score", "ranking", "folded", "unbounded"]
"""What the intervals take a value for: a share of rows, another value in [0, 1], a share of pairs in order, a sum of
absolute values (biased upwards), any number."""
TABLES: Final[dict[str, str]] = {
    "run": "what a run prints at its end",
    "headline": "all test images, with premalignant lesions counted either way",
    "models": "all models on all test images",
    "models_more": "the folded table below it, of what the other does not list",
    "comparison": "paired differences of models",
    "groups": "the main model in every group",
    "gaps": "gaps, and differences of pairs of groups",
    "calibration": "before and after calibration; metrics of scores only",
    "robustness": "distorted images",
    "retention": "what a student lost; only metrics of which more is better",
    "runs": "several runs side by side",
    "summary": "the terminal's summary of a report",
    "tracking": "numbers that runs are sorted and plotted by",
}
"""Tables that list some of the metrics -> what they show. Levels and `metrics.json` hold all of them."""
ENOUGH: Final = 25
"""Effective clusters from which on simulations have 95% intervals of shares cover 93-97%."""
LAST: Final = 100
"""Place in a table behind all that SkinTag lists itself."""


@dataclass(frozen=True)
class Gap:
    """The largest of the ranges of some metrics over the groups of a grouping."""

    name: str
    """Name in tables and JSON."""
    metrics: tuple[str, ...]
    """Names of the metrics."""
    title: str
    """What plots and tables call it."""
    note: str = ""
    """What has to be said with each of its values."""


@dataclass(frozen=True)
class Metric:
    """A metric function with all that tables, plots, the bootstrap and the tests of gaps have to know of it."""

    name: str
    """Name in tables and JSON."""
    function: Callable[[ArrayLike, ArrayLike], float]
    """(target [n], decision [n]) or (target [n], score [n]) to a number; nan where the rows cannot tell it."""
    uses: Literal["decision", "score"]
    """Whether the second argument is a decision (0/1) or a score."""
    needs: tuple[Class, ...] = ()
    """Classes that the value is undefined without. A group with too few of them takes part in no gap."""
    title: str = ""
    """What sentences and plots call it; empty: the name in words."""
    short: str = ""
    """Heading of its column; empty: the title."""
    share_of: Literal["all", "positive", "negative"] | None = None
    """The rows that the value is a share of (sensitivity: positives); None where it is no share of rows."""
    bounded: bool = True
    """Whether values lie in [0, 1]; others get normal intervals."""
    smaller_is_better: bool = False
    """Whether a search has to minimise it."""
    background: Class | None = None
    """A class that is taken from the other groups of the grouping, in place of the group's own rows of it."""
    weighted: Callable[[Weighing], Floats] | None = None
    """The metric [b] of a group under b weightings of its clusters, for the bootstrap. None: the function itself is
    called b times, on rows repeated as often as their cluster was drawn. Right for any metric, but it takes b calls
    for each group."""
    ratio: Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]] | None = None
    """Numerator and denominator from counts (true negative, false positive, false negative, true positive), where
    the value is such a ratio: permutation tests then take the variance of a ratio over clusters."""
    of_pairs: bool = False
    """Whether it is the share of pairs of a positive and a negative that are in order (AUROC): permutation tests
    then take DeLong's variance, and intervals its logit. Others take the variance over the exchanges themselves."""
    mean_of: tuple[str, ...] = ()
    """Names of metrics that it is the mean of: its limits are put together from theirs."""
    folded: Lines | None = None
    """Lines of which the metric is the sum of absolute values of their sums over rows, divided by the rows (ECE)."""
    enough: int = ENOUGH
    """Effective clusters from which on simulations have its 95% intervals cover 93-97%; below, reports warn."""
    enough_rarer: int = 0
    """Images of the rarer class from which on they do, for a metric of all rows."""
    gap: Gap | None = None
    """Its gap, where `tables` has `gaps`; None: `<name>_gap`."""
    tables: Mapping[str, int] | None = None
    """Which of `TABLES` list it, and at which place; None: all, behind what SkinTag lists itself, but `models_more`,
    and with a background those of single groups, `run` and `gaps`."""

    def __post_init__(self) -> None:
        barred = {"models_more"} if self.background is None else {"models_more", "run", "gaps"}
        if self.tables is None:
            object.__setattr__(self, "tables", {table: LAST for table in TABLES if table not in barred})
        for table in self.places:
            if table not in TABLES:
                raise ConfigError(f"metric {self.name!r}, table {table!r}: {near_matches(table, TABLES)}")
        if self.background is not None:
            if self.background not in self.needs:
                raise ConfigError(f"metric {self.name!r}: its background class has to be one that it needs")
            if not {"run", "gaps"}.isdisjoint(self.places):
                raise ConfigError(
                    f"metric {self.name!r} has a background: the tables run and gaps cannot list it"
                )
        object.__setattr__(self, "title", self.title or self.name.replace("_", " "))
        object.__setattr__(self, "short", self.short or self.title)
        if self.gap is None and "gaps" in self.places:
            gap = Gap(f"{self.name}_gap", (self.name,), f"{self.title} gap")
            object.__setattr__(self, "gap", gap)

    def __call__(self, target: ArrayLike, score: ArrayLike, threshold: float) -> float:
        """The metric of [n] targets and [n] scores; decisions are `score >= threshold`.

        Raises:
            ValueError: a score is nan, or a value that is said to be `bounded` lies outside [0, 1].
        """
        scores = np.asarray(score, dtype=np.float64)
        if scores.ndim != 1 or np.isnan(scores).any():
            raise ValueError("score has to be a 1-d array without nan")
        value = float(self.function(target, scores >= threshold if self.uses == "decision" else scores))
        if self.bounded and not np.isnan(value) and not -1e-9 <= value <= 1 + 1e-9:
            raise ValueError(f"metric {self.name!r} gave {value}: register it with bounded=False")
        return value

    @property
    def places(self) -> Mapping[str, int]:
        """Tables that list it -> its place there."""
        return self.tables or {}

    @property
    def kind(self) -> Kind:
        """What the intervals take a value for."""
        if self.share_of:
            return "proportion"
        if self.folded is not None:
            return "folded"
        if self.of_pairs:
            return "ranking"
        return "score" if self.bounded else "unbounded"

    def too_few(self, n: int, n_positive: int, minimum: int) -> bool:
        """Whether a class that it needs of the group (all rows, where it needs none) has fewer than `minimum`."""
        counts = {"positive": n_positive, "negative": n - n_positive}
        return min((counts[c] for c in self.needs if c != self.background), default=n) < minimum


WORST: Final = "worst_group_sensitivity"
WORST_OF: Final = Gap(WORST, ("sensitivity",), "worst-group sensitivity")
"""No gap, but shown among them: the lowest sensitivity of a grouping's groups."""
METRICS: Final[dict[str, Metric]] = {}
"""All metrics by name, in the order of registration; to look things up in, and only `register_metric` writes it."""
_JOINT_GAPS: Final[dict[str, Gap]] = {}


def register_metric(metric: Metric) -> Metric:
    """Make a metric known by its name, to every table that its definition names; returns it.

    Raises:
        ConfigError: another metric or gap has the name.
    """
    known = gaps()
    if metric.name in known:
        raise ConfigError(f"a metric and a gap are both called {metric.name!r}: rename the metric")
    if metric.gap is not None and known.get(metric.gap.name, metric.gap).metrics != metric.gap.metrics:
        raise ConfigError(f"two gaps are called {metric.gap.name!r}: give metric {metric.name!r} another gap")
    add(METRICS, metric.name, metric, "metric")
    return metric


def register_gap(gap: Gap) -> Gap:
    """Make a gap of several metrics known; that of a single one is part of its metric's definition.

    Raises:
        ConfigError: another gap has the name, or one of its metrics is not registered.
    """
    for name in gap.metrics:
        metric_of(name)
    add(_JOINT_GAPS, gap.name, gap, "gap")
    return gap


def metric_of(name: str) -> Metric:
    """The metric of that name. Raises ConfigError, which names its like, where none is registered."""
    if name not in METRICS:
        raise ConfigError(f"metric {name!r} is not registered; {near_matches(name, METRICS)}")
    return METRICS[name]


def listed(table: str) -> tuple[str, ...]:
    """Names of the metrics that a table of `TABLES` lists, in its order."""
    if table not in TABLES:
        raise KeyError(f"no table {table!r}: {near_matches(table, TABLES)}")
    chosen = [metric for metric in METRICS.values() if table in metric.places]
    if table == "calibration":
        chosen = [metric for metric in chosen if metric.uses == "score"]
    if table == "retention":
        chosen = [metric for metric in chosen if not metric.smaller_is_better]
    return tuple(metric.name for metric in sorted(chosen, key=lambda metric: metric.places[table]))


def own_metrics() -> tuple[Metric, ...]:
    """Metrics that look at a group's own rows alone, in order."""
    return tuple(metric for metric in METRICS.values() if metric.background is None)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of metrics in the order of registration."""
    chosen = set(names)
    return tuple(name for name in METRICS if name in chosen)


def gaps() -> dict[str, Gap]:
    """All gaps by name: those of several metrics, then those of single ones."""
    single = [METRICS[name].gap for name in listed("gaps")]
    return {**_JOINT_GAPS, **{gap.name: gap for gap in single if gap is not None}}


def measures() -> tuple[Gap, ...]:
    """All gaps, and the worst group's sensitivity."""
    return (*gaps().values(), WORST_OF)


def title_of(name: str) -> str | None:
    """The title of a metric or gap; None where there is none of that name."""
    if name in METRICS:
        return METRICS[name].title
    return next((gap.title for gap in measures() if gap.name == name), None)
