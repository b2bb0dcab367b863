"""What was held out is the headline, and being at chance on it a verdict that no pooled figure hides."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.thresholds import fit_thresholds, thresholds_of
from skintag.evaluation.metrics.metrics import auroc
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence, Origin
from skintag.evaluation.report.gather import gather
from skintag.evaluation.report.held_out import at_chance, chance_text, foremost, held_out
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.settings import ReportSettings
from skintag.evaluation.report.terminal import summary
from tests.evaluation.simulated import images, scored

SETTINGS = ReportSettings(AssessmentSettings(resamples=200, permutations=100), errors=0)


def gathered(predictions: Predictions, split: str = "external") -> Evidence:
    return gather(predictions, fit_thresholds(predictions), Origin("a run", "five", split=split), SETTINGS)


def table(*, n: int = 2400, lost: float = 0.0) -> Predictions:
    """Half the images are of `ddi`; that many of its scores are drawn anew, and say nothing."""
    made = scored(images(n, seed=3), {"head": 3.0})
    frame = made.frame
    rng = np.random.default_rng(1)
    strange = (frame["dataset"] == "ddi") & (rng.random(len(frame)) < lost)
    return Predictions(
        frame.assign(p_malignant=np.where(strange, rng.random(len(frame)), frame["p_malignant"]))
    )


def external(predictions: Predictions, dataset: str = "ddi", *, mixed: bool = True) -> Predictions:
    """With no val rows of a dataset, as `split=external`; not mixed: with it alone in test, as leave-one-out."""
    frame = predictions.frame
    own = frame["dataset"] == dataset
    return Predictions(
        frame[(own & (frame["split"] == "test")) | (~own & (mixed | (frame["split"] == "val")))]
    )


def test_the_held_out_set_is_the_headline_and_at_chance_a_verdict() -> None:
    predictions = external(table(lost=1.0))
    evidence = gathered(predictions)
    page = build_page(evidence)
    rows = evidence.test.frame
    own = rows[rows["dataset"] == "ddi"]
    own_auroc, pooled = (auroc(r["target"], r["p_malignant"]) for r in (own, rows))
    assert abs(own_auroc - 0.5) < 0.06 < pooled - own_auroc  # what pooling hides
    first, rest = page.lead.split(" Together with ")
    assert f"{len(own):,} images of the dataset ddi" in first
    assert f"AUROC {own_auroc:.3f}" in first
    assert f"AUROC {pooled:.3f}" not in first
    assert f"all {len(rows):,} test images, AUROC {pooled:.3f}" in rest
    assert page.findings[0].title == "At chance here"
    [(said, _)] = page.findings[0].texts
    assert said.startswith("head is at chance on the dataset ddi, of which it learned nothing: AUROC ")
    worst = page.cautions[0]
    assert (worst.level, worst.title) == ("bad", "At chance on what was held out")
    top = page.tables[0]
    assert top.name == "headline"
    assert top.rows[0][0].text == "ddi, held out"
    assert top.frame.iloc[0]["value"] == pytest.approx(own_auroc)
    console = Console(file=io.StringIO(), width=200)
    console.print(summary(evidence, page))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "At chance here" in shown
    assert shown.index(f"{own_auroc:.3f}") < shown.index(f"{pooled:.3f}")
    assert "Held out, with nothing of it in training or validation: dataset ddi." in model_card(
        evidence, page
    )
    [entry] = metrics_of(evidence)["held_out"][:1]
    assert (entry["group"], entry["at_chance"]) == ("ddi", True)


@pytest.mark.long
def test_a_test_set_that_is_all_held_out_has_one_figure() -> None:
    evidence = gathered(external(table(), mixed=False), "leave_one_dataset_out")
    lead = build_page(evidence).lead
    assert "images of the dataset ddi" in lead
    assert "Together" not in lead
    assert at_chance(evidence).empty
    assert not [g for g in build_page(evidence).findings if g.verdict == "chance"]


def test_a_domain_of_several_datasets_is_named_once_and_one_of_a_single_dataset_by_it() -> None:
    frame = external(table(), mixed=False).frame
    both = frame.assign(
        dataset=np.where(
            (frame["dataset"] == "ddi") & (np.arange(len(frame)) % 4 < 2), "fitzpatrick17k", frame["dataset"]
        )
    )
    found = gathered(Predictions(both), "leave_one_domain_out")
    assert {e["group"] for e in held_out(found)} == {"clinical", "ddi", "fitzpatrick17k"}
    assert [e["group"] for e in foremost(found)] == ["clinical"]
    single = gathered(Predictions(frame), "leave_one_domain_out")
    assert [(e["grouping"], e["group"]) for e in foremost(single)] == [("dataset", "ddi")]


@pytest.mark.long
def test_nothing_is_held_out_by_a_mixed_split_or_without_val_rows() -> None:
    frame = external(table()).frame
    assert held_out(gathered(Predictions(frame), "grouped")) == []
    # a table without val rows does not say what was learned of
    alone = Predictions(frame[frame["split"] == "test"])
    evidence = gather(alone, thresholds_of(alone, given=0.5), Origin("x", "y"), SETTINGS)
    assert held_out(evidence) == []
    assert build_page(evidence).lead.startswith("On ")


@pytest.mark.long
def test_few_images_are_not_called_at_chance_where_their_interval_reaches_far() -> None:
    frame = external(table()).frame
    own = frame.index[(frame["dataset"] == "ddi") & (frame["split"] == "test")]
    rng = np.random.default_rng(2)
    kept = pd.Index(rng.choice(own, 30, replace=False))
    few = frame.drop(own.difference(kept))
    weak = few["p_malignant"].where(
        few["dataset"] != "ddi", 0.4 + 0.06 * few["target"] + 0.3 * rng.random(len(few))
    )
    evidence = gathered(Predictions(few.assign(p_malignant=weak)))
    rows = at_chance(evidence)
    assert rows["high"].tolist()[0] > 0.7
    page = build_page(evidence)
    titles = {g.title: " ".join(t for t, _ in g.texts) for g in page.findings}
    assert "cannot be told from chance on the dataset ddi" in titles["Cannot be told"]
    assert "At chance here" not in titles
    assert page.cautions[0].title == "Not shown to be of use on what was held out"
    assert "means nothing" not in page.cautions[0].text


@pytest.mark.long
def test_a_model_that_ranks_well_everywhere_is_nowhere_at_chance() -> None:
    evidence = gathered(table(), "grouped")
    assert at_chance(evidence).empty
    assert held_out(evidence) == []
    assert "Held out" not in [fact.name for fact in build_page(evidence).facts]


@pytest.mark.long
def test_a_dataset_that_is_too_small_for_val_is_not_called_held_out() -> None:
    predictions = external(table())
    frame = predictions.frame
    rows = np.flatnonzero((frame["dataset"] != "ddi") & (frame["split"] == "test"))
    thinned = Predictions(
        frame.assign(dataset=frame["dataset"].mask(np.isin(np.arange(len(frame)), rows[:60]), "tiny"))
    )
    assert len({e["group"] for e in held_out(gathered(thinned)) if e["grouping"] == "dataset"}) == 2
    origin = Origin("a run", "five", split="external", held_out=("ddi",))
    found = gather(thinned, fit_thresholds(thinned), origin, SETTINGS)
    assert [e["group"] for e in held_out(found) if e["grouping"] == "dataset"] == ["ddi"]


def test_worse_than_chance_is_not_called_chance() -> None:
    predictions = external(table())
    frame = predictions.frame
    mine = frame["dataset"] == "ddi"
    turned = frame.assign(p_malignant=np.where(mine, 0.9 - 0.8 * frame["target"], frame["p_malignant"]))
    evidence = gathered(Predictions(turned))
    said = " ".join(chance_text(evidence, row) for _, row in at_chance(evidence).iterrows())
    assert "ranks worse than chance (are labels or scores the wrong way round?) on the dataset ddi" in said
