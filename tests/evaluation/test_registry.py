"""A metric and a report section, each added by one definition: they are wherever metrics and sections are listed."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from rich.console import Console

from skintag.core.errors import ConfigError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import over_seeds
from skintag.evaluation.analyses.table import metrics_json, run_table
from skintag.evaluation.decisions.selection import Selection
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.metrics import registry
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL
from skintag.evaluation.metrics.registry import METRICS, Gap, Metric, listed, register_gap, register_metric
from skintag.evaluation.plots.style import label_of
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence, Origin
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.gather_runs import RunEntry, gather_runs
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.page import Page, write_page
from skintag.evaluation.report.registry import SECTIONS
from skintag.evaluation.report.runs import build_runs_page
from skintag.evaluation.report.terminal import summary
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.gaps import kind_of
from skintag.evaluation.statistics.level_limits import limits_by_kind
from tests.evaluation.simulated import images, scored

QUICK = AssessmentSettings(resamples=30, permutations=30)
SECTION_FILE = '''"""A section about nothing but how many images there are."""

from skintag.evaluation.report.blocks import Text
from skintag.evaluation.report.registry import report_section


@report_section("sizes", "Sizes", order=45)
def sizes_section(evidence):
    """How many test images there are."""
    return [Text(f"{len(evidence.test)} test images")] if len(evidence.test) > 1 else None
'''


def mean_margin(target: ArrayLike, score: ArrayLike) -> float:
    """How much higher malignant rows score than others, on average and from 0 to 1."""
    truth, scores = np.asarray(target) == 1, np.asarray(score, dtype=float)
    return float((scores[truth].mean() - scores[~truth].mean() + 1) / 2)


def youden(target: ArrayLike, decision: ArrayLike) -> float:
    """Sensitivity + specificity - 1."""
    truth, decided = np.asarray(target) == 1, np.asarray(decision) == 1
    return float(decided[truth].mean() - decided[~truth].mean())


MARGIN = Metric("mean_margin", mean_margin, "score", ("positive", "negative"), "mean margin", "margin")
YOUDEN = Metric("youden", youden, "decision", ("positive", "negative"), bounded=False)


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Metrics, gaps and sections as they were, after the test."""
    kept = [(known, dict(known)) for known in (METRICS, registry._JOINT_GAPS, SECTIONS)]
    yield
    for known, before in kept:
        known.clear()
        known.update(before)


@pytest.fixture
def metrics(forgotten: None) -> tuple[Metric, Metric]:
    """Two metrics that SkinTag does not have, registered for a test: of scores, and of decisions."""
    return register_metric(MARGIN), register_metric(YOUDEN)


def predictions() -> Predictions:
    frame = images(360)
    table = scored(frame, {"head": 1.5, "teacher": 2.0}).frame
    malignancy = np.where(table["target"] == 1, "malignant", "benign")
    return Predictions(table.assign(malignancy=malignancy))


def evidence() -> Evidence:
    table = predictions()
    test = table.frame[table.frame["split"] == "test"]
    blurred = test.assign(distortion="blur", p_malignant=test["p_malignant"] ** 2)
    settings = ReportSettings(QUICK, main="head", errors=0)
    return gather(
        table, fit_thresholds(table), Origin("a run", "made up"), settings, distorted=blurred
    )  # fmt: skip


def cells_of(page: Page, name: str) -> set[str]:
    """Headings and first cells of a table: where metrics and gaps are named."""
    table = next(table for table in page.tables if table.name == name)
    return {*table.headings, *(cell.text for row in table.rows for cell in row[:2])}


def printed(what: object) -> str:
    console = Console(width=400, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(what)
    return console.export_text()


@pytest.mark.long
def test_a_new_metric_is_in_every_table_that_lists_metrics(
    metrics: tuple[Metric, Metric], tmp_path: Path
) -> None:
    found = evidence()
    page = build_page(found)
    expected = {
        "headline": "margin", "binarisations": "margin", "models": "margin", "comparison": "mean margin",
        "groups": "margin", "gaps": "mean margin gap", "pairs": "mean margin", "calibration": "margin as given",
        "robustness": "margin", "retention": "mean margin", "retention_groups": "mean margin",
        "retention_fairness": "mean margin",
    }  # fmt: skip
    for name, heading in expected.items():
        assert heading in cells_of(page, name), name
        if name != "calibration":  # which is about scores
            assert heading.replace("mean margin", "youden").replace("margin", "youden") in cells_of(
                page, name
            ), name
    write_page(page, tmp_path, quiet=True)
    assert "margin" in (tmp_path / "tables" / "models.tex").read_text()
    for name in ("groups", "models", "comparison", "robustness", "pairs"):
        with (tmp_path / "tables" / f"{name}.csv").open() as stream:
            assert "mean_margin" in {row["metric"] for row in csv.DictReader(stream)}, name
    assert "mean margin" in (tmp_path / "report.html").read_text()
    assert "margin" in printed(summary(found, page))
    assert "margin" in printed(run_table(found.predictions, found.thresholds))
    assert {"mean_margin", "youden"} <= set(listed("tracking"))


@pytest.mark.long
def test_a_new_metric_has_intervals_and_its_gap_a_chance_level(metrics: tuple[Metric, Metric]) -> None:
    found = evidence()
    levels = found.assessment.levels
    for metric in metrics:
        own = levels[(levels["metric"] == metric.name) & (levels["grouping"] != "fitzpatrick")]
        assert set(own["grouping"]) >= {"overall", "domain", "dataset", "fst_group"}
        assert (own["low"] < own["value"]).all()
        assert (own["value"] < own["high"]).all()
        gaps = found.assessment.gaps
        gaps = gaps[(gaps["gap"] == f"{metric.name}_gap") & (gaps["grouping"] == "fst_group")]
        assert gaps[["value", "low", "high", "chance", "p_value"]].notna().all(axis=None)
    entry = metrics_of(found)["models"]["head"]
    assert entry["levels"]["fst_group"]["V-VI"]["mean_margin"]["low"] > 0
    assert entry["gaps"]["fst_group"]["mean_margin_gap"]["p_value"] > 0
    plain = metrics_json(found.predictions, found.thresholds)["models"]["head"]["groups"]
    assert plain["overall"]["all"]["youden"] == entry["levels"]["overall"]["all"]["youden"]["value"]


@pytest.mark.long
def test_a_new_metric_changes_no_figure_of_the_others(forgotten: None) -> None:
    before = evidence()
    for metric in (MARGIN, YOUDEN):
        register_metric(metric)
    after = evidence()
    new = {"mean_margin", "youden", "mean_margin_gap", "youden_gap"}
    for part in ("levels", "gaps", "pairs"):
        one, other = (getattr(e.assessment, part) for e in (before, after))
        column = "gap" if part == "gaps" else "metric"
        pd.testing.assert_frame_equal(
            one, other[~other[column].isin(new)].reset_index(drop=True), check_exact=True
        )
    for one, other in ((before.comparison, after.comparison), (before.robustness, after.robustness)):
        assert one is not None and other is not None  # noqa: PT018
        same = other[~other["metric"].isin(new)].reset_index(drop=True)
        pd.testing.assert_frame_equal(one, same, check_exact=True)


@pytest.mark.long
def test_a_new_metric_is_compared_over_runs_and_can_be_searched_for(metrics: tuple[Metric, Metric]) -> None:
    runs = {(name, seed): predictions() for name in ("a", "b") for seed in (0, 1)}
    thresholds = {key: fit_thresholds(table) for key, table in runs.items()}
    entries = [RunEntry(*key, table, thresholds[key], Origin("r", "made up")) for key, table in runs.items()]
    page = build_runs_page(gather_runs(entries, QUICK))
    assert {"mean margin", "youden"} <= cells_of(page, "runs_levels")
    assert {"mean margin gap", "youden gap"} <= cells_of(page, "runs_gaps")
    over = over_seeds(runs, thresholds, groupings=(OVERALL,), settings=QUICK).levels
    assert over.loc[over["metric"] == "youden", ["mean", "low", "high"]].notna().all(axis=None)
    best = Selection(metric="mean_margin", model="head").of(predictions())
    assert best == mean_margin(predictions().val("head").target, predictions().val("head").score)
    register_metric(replace(MARGIN, name="margin_lost", title="", short="", gap=None, smaller_is_better=True))
    assert Selection(metric="margin_lost", model="head").of(predictions()) == -best
    assert "margin_lost" not in listed("retention")
    with pytest.raises(ConfigError, match="youden"):
        Selection(metric="youden")  # of decisions: it would need a threshold fitted on the same rows


@pytest.mark.parametrize("name", ["sensitivity", "auroc", "f1_macro", "brier", "ece", "bpsn_auc"])
def test_repeating_rows_gives_what_the_weighted_form_gives(name: str, forgotten: None) -> None:
    own = METRICS[name]
    slow = register_metric(replace(own, name="slow", weighted=None, ratio=None, gap=None, tables={}))
    rows = predictions().test("head")
    resamples = Resamples.of(rows, 20, seed=1)
    found = replicate(rows, 0.5, resamples, groupings=(OVERALL, FST_GROUP), metrics=(name, slow.name))
    for grouping in found.groupings:
        fast, repeated = (found.levels(grouping, metric) for metric in (name, slow.name))
        np.testing.assert_allclose(repeated.values, fast.values, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(repeated.value, fast.value)
        np.testing.assert_array_equal(repeated.n_units, fast.n_units)


def test_any_metric_is_tested_against_chance_about_as_one_with_a_form_of_its_own(forgotten: None) -> None:
    register_metric(replace(METRICS["auroc"], name="plain", of_pairs=False, gap=None, tables={"gaps": 9}))
    found = evidence_gaps()
    for grouping in ("domain", "fst_group"):
        own, plain = (found.loc[(grouping, f"{name}_gap")] for name in ("auroc", "plain"))
        assert plain["value"] == own["value"]
        assert plain["chance"] == pytest.approx(own["chance"], abs=1e-12)
        assert plain["p_value"] == pytest.approx(own["p_value"], abs=0.2)


def evidence_gaps() -> pd.DataFrame:
    from skintag.evaluation.analyses.assess import assess

    table = predictions()
    settings = AssessmentSettings(resamples=30, permutations=200)
    gaps = assess(table, fit_thresholds(table), settings, models=["head"]).gaps
    return gaps.set_index(["grouping", "gap"])


def test_registering_again_changes_nothing_and_another_thing_is_refused(
    metrics: tuple[Metric, Metric],
) -> None:
    before = dict(METRICS)
    register_metric(Metric("youden", youden, "decision", ("positive", "negative"), bounded=False))
    assert before == METRICS
    with pytest.raises(ConfigError, match="two metrics are called 'youden'"):
        register_metric(Metric("youden", mean_margin, "score", bounded=False))
    with pytest.raises(ConfigError, match="'auroc_gap'"):
        register_metric(Metric("auroc_gap", youden, "decision"))
    with pytest.raises(ConfigError, match="two gaps are called 'youden_gap'"):
        register_metric(Metric("other", youden, "decision", gap=Gap("youden_gap", ("other",), "gap")))
    with pytest.raises(ConfigError, match="two gaps"):
        register_gap(Gap("equalized_odds_difference", ("youden",), "another"))
    with pytest.raises(ConfigError, match="not registered"):
        register_gap(Gap("new", ("nothing",), "of nothing"))


def test_what_is_not_registered_or_wrongly_said_is_refused(forgotten: None) -> None:
    with pytest.raises(ConfigError, match="auroc"):
        kind_of("auroq")
    index = pd.DataFrame({"metric": ["auroq"], "n_units": [3]})
    with pytest.raises(ConfigError, match="not registered"):
        limits_by_kind(index, [0.5], np.full((2, 1), 0.5), None, 0.95)
    with pytest.raises(ConfigError, match="models"):
        Metric("new", youden, "decision", tables={"model": 1})
    with pytest.raises(ConfigError, match="background"):
        Metric("new", youden, "decision", background="positive")
    with pytest.raises(ConfigError, match="run and gaps"):
        Metric("new", youden, "decision", ("positive",), background="positive", tables={"gaps": 1})
    with pytest.raises(ValueError, match="bounded=False"):
        Metric("new", lambda target, score: 7.0, "score")([0, 1], [0.1, 0.2], 0.5)


def test_a_metric_is_called_alike_in_tables_and_plots() -> None:
    for name, metric in METRICS.items():
        assert label_of(name) == metric.title
    assert label_of("f1_gap") == "F1 gap"
    assert label_of("worst_group_sensitivity") == "worst-group sensitivity"


@pytest.mark.long
def test_a_section_is_added_by_one_file(
    forgotten: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sizes_of_a_stranger.py").write_text(SECTION_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("sizes_of_a_stranger")
    try:
        importlib.reload(module)  # the same section again
        found = evidence()
        page = build_page(found)
        names = [section.id for section in page.sections]
        assert names.index("retention") < names.index("sizes") < names.index("groups")
        assert f"{len(found.test)} test images" in str(page.sections[names.index("sizes")].blocks)
        with pytest.raises(ConfigError, match="two report sections are called 'sizes'"):
            exec(compile(SECTION_FILE.replace("> 1", "> 2"), "other", "exec"), {"__name__": "other"})
    finally:
        del sys.modules["sizes_of_a_stranger"]


def test_a_report_has_the_sections_of_its_folder_in_order() -> None:
    shipped = [
        "data", "split", "models", "retention", "groups", "gaps", "calibration", "triage", "robustness", "errors",
        "methods", "provenance",
    ]  # fmt: skip
    ordered = sorted(SECTIONS.values(), key=lambda section: section.order)
    assert [section.name for section in ordered if section.name in shipped] == shipped
