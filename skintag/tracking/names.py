"""The names under which figures lie in W&B: `log_run` writes them and the dashboard shows them, both from here."""

from __future__ import annotations

from typing import Final

from skintag.evaluation.metrics.registry import listed, measures

OVERALL: Final = "overall"
GROUPINGS: Final = (OVERALL, "domain", "fst_group")
GAP_GROUPINGS: Final = ("domain", "fst_group", "fst_group_common_cancers")
# A value and its interval, a gap and what is to be expected of it by chance.
LEVEL_PARTS: Final = ("value", "low", "high")
GAP_PARTS: Final = ("value", "low", "high", "chance", "p_value")

SELECTED: Final = "select/value"
"""What a search maximises (`select` in the configuration): a number of val rows."""
PREVALENCE: Final = "test/prevalence"
ROBUSTNESS_STEP: Final = "robustness/index"
"""Place of a distortion in the protocol's order, clean first: the x-axis of robustness curves."""

STEP: Final = "trainer/global_step"
TRAINING: Final = (
    "train/loss",
    "val/loss",
    "val/worst_group_loss",
    "val/auroc",
    "throughput/images_per_second",
)
"""What Lightning logs while a run trains."""

TABLES: Final = (
    "levels",
    "gaps",
    "pairs",
    "comparison",
    "triage",
    "operating_points",
    "robustness",
    "errors",
)


def metrics() -> tuple[str, ...]:
    """What every run has as a number of its own, to sort, filter and plot by; the tables hold the rest."""
    return listed("tracking")


def robustness_metrics() -> tuple[str, ...]:
    """What every distortion has as a number of its own."""
    return tuple(metric for metric in listed("runs") if metric in listed("robustness"))


def gaps() -> tuple[str, ...]:
    """The gaps that every run has as a number of its own, the worst group's sensitivity among them."""
    return tuple(measure.name for measure in measures())


def level(model: str, metric: str, grouping: str = OVERALL, group: str = "all", part: str = "value") -> str:
    """A metric of a model on test rows, in a group; `part` is one of `LEVEL_PARTS`."""
    where = "" if grouping == OVERALL else f"{grouping}/{group}/"
    return f"test/{model}/{where}{metric}" + _suffix(part)


def gap(model: str, name: str, grouping: str, part: str = "value") -> str:
    """A gap between groups, or the worst group's sensitivity; `part` is one of `GAP_PARTS`."""
    return f"gap/{model}/{grouping}/{name}" + _suffix(part)


def robustness(model: str, distortion: str, metric: str) -> str:
    """A metric of a model under a distortion; distortion `clean` is none."""
    return f"robustness/{model}/{distortion}/{metric}"


def robustness_curve(model: str, metric: str) -> str:
    """The same over all distortions, in the order of `ROBUSTNESS_STEP`."""
    return f"robustness/{model}/{metric}"


def triage(model: str, policy: str, tier: str, share: str) -> str:
    """Share of malignancies, or of images, in a tier."""
    return f"triage/{model}/{policy}/{tier}/{share}"


def table(name: str) -> str:
    """A table; `name` is one of `TABLES`."""
    return f"tables/{name}"


def plot(stem: str) -> str:
    """A figure of the report."""
    return f"plots/{stem}"


def sheet(stem: str) -> str:
    """Name of a contact sheet in W&B."""
    return f"sheets/{stem}"


REPORT: Final = "report"
"""The report as HTML."""


def _suffix(part: str) -> str:
    return "" if part == "value" else f"_{part}"
