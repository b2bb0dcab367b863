"""Figures: what stands in them, that they need nothing from outside, and the curves under them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve as sklearn_roc

from skintag.evaluation.analyses.assess import Assessment, AssessmentSettings, assess
from skintag.evaluation.analyses.crossed import crossed_levels
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP
from skintag.evaluation.metrics.registry import METRICS
from skintag.evaluation.plots.confusion import confusion_plot
from skintag.evaluation.plots.curves import precision_recall_plot, roc_plot
from skintag.evaluation.plots.forest import dodged_forest, group_forest, model_forest
from skintag.evaluation.plots.gaps import gap_plot, p_text
from skintag.evaluation.plots.heatmap import heatmap
from skintag.evaluation.plots.reliability import reliability_plot
from skintag.evaluation.plots.robustness import robustness_plot
from skintag.evaluation.plots.style import INKS, SERIES, Plot, save
from skintag.evaluation.plots.triage import triage_plot
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.curves import precision_recall_curve, roc_curve

SETTINGS = AssessmentSettings(resamples=60, permutations=60)


@pytest.fixture
def assessment(predictions: Predictions) -> Assessment:
    return assess(predictions, fit_thresholds(predictions), SETTINGS)


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def figures(assessment: Assessment) -> list[Plot]:
    levels, gaps = assessment.levels, assessment.gaps
    head = levels[(levels["model"] == "head") & (levels["metric"] == "sensitivity")]
    told = gaps[(gaps["model"] == "head") & gaps["value"].notna() & gaps["p_value"].notna()]
    x = np.linspace(0.1, 0.9, 5)
    bins = pd.DataFrame(
        {
            "mean_score": x,
            "observed": x,
            "low": x - 0.1,
            "high": x + 0.1,
            "n": [9, 5, 4, 3, 2],
            "doubtful": x > 0.8,
        }
    )
    distorted = pd.DataFrame(
        [(m, d, 0.8, 0.7, 0.9) for m in ("head", "noise") for d in ("clean", "jpeg_heavy")],
        columns=["model", "distortion", "value", "low", "high"],
    )
    tiers = pd.DataFrame(
        [("all", t, s) for t, s in (("LOW", 0.1), ("MODERATE", 0.3), ("HIGH", 0.6))],
        columns=["row", "tier", "share"],
    )
    counts = pd.DataFrame(
        [("all", 7, 3, 1, 5), ("V-VI", 0, 0, 0, 0)], columns=["group", "tn", "fp", "fn", "tp"]
    )
    cells = pd.DataFrame(
        [("clinical", "I-II", 0.8, 0.7, 0.9, 30), ("clinical", "V-VI", np.nan, np.nan, np.nan, 0)],
        columns=["domain", "fst_group", "value", "low", "high", "count"],
    )
    domains = levels[(levels["grouping"] == "domain") & (levels["metric"] == "auroc")]
    return [
        group_forest(head, "sensitivity", "forest", "c"),
        model_forest(levels[levels["grouping"] == "overall"], ("auroc", "sensitivity"), "models", "t", "c"),
        dodged_forest(domains, "model", "dodged", "t", "c", "x"),
        gap_plot(told, "grouping", "gap", "gaps", "t", "c"),
        reliability_plot({"as given": bins}, "reliability", "t", "c"),
        robustness_plot(distorted, "auroc", "robustness", "t", "c"),
        triage_plot(tiers, "triage", "t", "c"),
        confusion_plot(counts, "confusion", "t", "c"),
        heatmap(cells, "domain", "fst_group", "heatmap", "t", "c"),
    ]  # fmt: skip


def test_every_figure_is_written_as_svg_and_png_and_needs_nothing_from_outside(
    assessment: Assessment, tmp_path: Path
) -> None:
    for plot in figures(assessment):
        inline = save(plot, tmp_path, note="drawn images")
        assert (tmp_path / f"{plot.name}.png").read_bytes().startswith(b"\x89PNG")
        file = (tmp_path / f"{plot.name}.svg").read_text()
        assert "drawn images" in texts(file), "the note stays with a copied picture"
        links = re.findall(r'(?:href|src)="([^"]*)"', inline) + re.findall(r"url\(([^)]*)\)", inline)
        assert all(link.startswith(f"#{plot.name}-") for link in links)
        assert inline.startswith("<svg")
        assert "<!--" not in inline


def test_ids_of_two_figures_in_one_page_never_meet(assessment: Assessment, tmp_path: Path) -> None:
    first, second, *_ = [
        set(re.findall(r'\bid="([^"]+)"', save(plot, tmp_path))) for plot in figures(assessment)
    ]
    assert first
    assert not first & second


def test_colours_become_variables_of_the_page_but_stay_in_the_file(
    assessment: Assessment, tmp_path: Path
) -> None:
    for plot in figures(assessment):
        inline = save(plot, tmp_path)
        assert not [c for c in (*INKS.values(), *SERIES) if c in inline]
        assert "var(--" in inline
        assert INKS["ink"] in (tmp_path / f"{plot.name}.svg").read_text()


def test_the_same_numbers_give_the_same_file(assessment: Assessment, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save(figures(assessment)[0], tmp_path / folder)
    assert (tmp_path / "a" / "forest.svg").read_bytes() == (tmp_path / "b" / "forest.svg").read_bytes()


def test_a_forest_names_groups_with_their_positives_and_says_what_is_undefined(
    assessment: Assessment, tmp_path: Path
) -> None:
    levels = assessment.levels
    head = levels[(levels["model"] == "head") & (levels["metric"] == "sensitivity")].copy()
    row = head.index[-1]
    head.loc[row, ["value", "low", "high"]] = np.nan
    shown = texts(save(group_forest(head, "sensitivity", "f", "c"), tmp_path))
    overall = head.iloc[0]
    assert f"all test images  ({overall['n_positive']})" in shown
    assert "skin type" in shown
    assert "undefined" in shown


def test_a_gap_figure_keeps_all_digits_of_its_p_values(assessment: Assessment, tmp_path: Path) -> None:
    gaps = assessment.gaps
    one = gaps[gaps["value"].notna() & gaps["p_value"].notna()].head(1).assign(p_value=0.0123)
    assert "p = 0.012" in texts(save(gap_plot(one, "grouping", "gap", "g", "t", "c"), tmp_path))
    assert (p_text(0.0004), p_text(0.3)) == ("p < 0.001", "p = 0.30")


def test_a_curve_agrees_with_scikit_learn_and_lies_in_its_band(predictions: Predictions) -> None:
    rows = predictions.test("head")
    curve = roc_curve(rows, Resamples.of(rows, 100, 0))
    rate, sensitivity, _ = sklearn_roc(rows.target, rows.score, drop_intermediate=False)
    last = np.append(rate[1:] != rate[:-1], True)  # the top of each vertical step
    np.testing.assert_allclose(curve.y, np.interp(curve.x, rate[last], sensitivity[last]), atol=1e-12)
    assert (curve.low <= curve.y + 1e-9).mean() > 0.9
    assert (curve.high >= curve.y - 1e-9).mean() > 0.9
    assert (curve.n, curve.n_positive) == (len(rows), rows.target.sum())


def test_precision_at_each_recall_by_hand(predictions: Predictions) -> None:
    frame = (
        predictions.test("head").frame.head(4).assign(target=[1, 0, 1, 0], p_malignant=[0.9, 0.8, 0.7, 0.1])
    )
    curve = precision_recall_curve(TestPredictions(frame, "head"), None)
    assert curve.y[0] == 1.0  # the first alarm is right
    assert curve.y[50] == 1.0  # recall 0.5: still the first
    np.testing.assert_allclose(curve.y[51:], 2 / 3)  # the second positive comes third


def test_a_group_of_one_class_has_no_curve(predictions: Predictions, tmp_path: Path) -> None:
    rows = predictions.test("head")
    curve = roc_curve(rows, None, rows.target == 1)
    assert not curve.defined
    assert np.isnan(curve.y).all()
    both = {"some": roc_curve(rows, None), "one class": curve}
    shown = texts(save(roc_plot(both, "r", "t", "c"), tmp_path))
    assert "some" in shown
    assert "one class" not in shown
    assert texts(save(precision_recall_plot(both, "p", "t", "c"), tmp_path))


def test_cells_of_two_groupings_hold_the_metric_of_their_rows(predictions: Predictions) -> None:
    rows = predictions.test("head")
    table = crossed_levels(rows, 0.5, DOMAIN, FST_GROUP, metrics=("sensitivity",), settings=SETTINGS)
    frame = rows.frame
    for _, cell in table.iterrows():
        inside = ((frame["domain"] == cell["domain"]) & (frame["fst_group"] == cell["fst_group"])).to_numpy(
            dtype=bool
        )
        assert cell["n"] == inside.sum() > 0
        expected = METRICS["sensitivity"](rows.target[inside], rows.score[inside], 0.5)
        assert cell["value"] == pytest.approx(expected, nan_ok=True)
    assert list(dict.fromkeys(table["fst_group"])) == ["I-II", "III-IV", "V-VI"]
    known = frame["fst_group"].notna().sum()
    assert table["n"].sum() == known < len(frame)
