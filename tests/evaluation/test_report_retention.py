"""The part of the report that says what a student lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from skintag.core.io import read_json, write_json
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence, Origin, main_model
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.page import render
from skintag.evaluation.report.sections.retention import retention_section, retention_sentences
from tests.evaluation.simulated import images, scored

SETTINGS = ReportSettings(AssessmentSettings(resamples=60, permutations=60), errors=0, neighbours=0)


def made(table: Predictions) -> Evidence:
    return gather(table, fit_thresholds(table), Origin("a student", "made up"), SETTINGS)


@pytest.fixture(scope="module")
def student() -> Evidence:
    """A student that lost nothing, but on skin types V-VI."""
    frame = images(1500)
    teacher = scored(frame, {"teacher": 2.5}, seed=1)
    return made(Predictions.concat([teacher, scored(frame, {"head": 2.5}, seed=1, harder={"V-VI": 2.5})]))


def test_a_teacher_is_never_what_the_report_is_about() -> None:
    table = scored(images(600), {"teacher": 3.0, "head": 0.5})
    assert main_model(table) == ("head", "the only model beside its teacher")
    assert (
        main_model(scored(images(600), {"teacher": 3.0}))[0] == "teacher"
    )  # alone, it is a model like any other


def test_a_table_without_a_teacher_has_no_such_section() -> None:
    evidence = made(scored(images(600), {"head": 2.0}))
    assert evidence.retention is None
    assert "retention" not in [section.id for section in build_page(evidence).sections]
    assert "retention" not in metrics_of(evidence)


def test_the_section_shows_losses_fairness_and_tiers(student: Evidence) -> None:
    assert student.retention is not None
    section = retention_section(student)
    assert section.title == "What the student lost"
    assert [t.name for t in section.tables] == [
        "retention", "retention_groups", "retention_fairness", "retention_tiers", "retention_table",
    ]  # fmt: skip
    assert [p.name for p in section.plots] == [
        "retention_auroc",
        "retention_sensitivity",
        "retention_specificity",
    ]
    tiers = section.tables[-1]
    shown = sum(int(cell.text.replace(",", "")) for row in tiers.rows for cell in row[1:])
    assert shown == student.retention.n_images
    fairness = section.tables[2]
    verdicts = {(row[0].text, row[-1].text) for row in fairness.rows if row[0].kind != "head"}
    assert ("skin type: V-VI", "lost more") in verdicts
    assert ("domain: clinical", "lost more") not in verdicts


def test_the_words_follow_from_the_numbers(student: Evidence) -> None:
    assert student.retention is not None
    said = " ".join(retention_sentences(student.retention))
    assert "More than the others lost: V-VI (AUROC" in said
    row = student.retention.agreement.groups.iloc[0]  # type: ignore[union-attr]
    assert f"{100 * row['agreement']:.1f}% of the images" in said
    alike = made(
        Predictions.concat(
            [t := scored(images(600), {"teacher": 2.0}), Predictions(t.frame.assign(model="head"))]
        )
    )
    assert alike.retention is not None
    assert "No group lost more than the others beyond chance" in " ".join(
        retention_sentences(alike.retention)
    )


def test_page_card_and_metrics_hold_it(student: Evidence, tmp_path: Path) -> None:
    page = build_page(student)
    assert [s.id for s in page.sections].index("retention") < [s.id for s in page.sections].index("groups")
    html = render(page, {plot.name: "<svg></svg>" for section in page.sections for plot in section.plots})
    assert "What the student lost" in html
    card = model_card(student, page)
    assert "what the student lost" in card
    assert "More than the others lost: V-VI" in card
    write_json(tmp_path / "metrics.json", metrics_of(student))
    found = read_json(tmp_path / "metrics.json")["retention"]
    losses = pd.DataFrame(found["losses"])
    overall = losses[(losses["group"] == "all") & (losses["metric"] == "auroc")].iloc[0]
    assert overall["difference"] == pytest.approx(overall["value_student"] - overall["value_teacher"])
    assert {row["verdict"] for row in found["fairness"]} >= {"lost more", "not told apart"}
    assert len(found["tiers"]) == 9
    assert found["policies"]["head"]["name"] == "fitted"
