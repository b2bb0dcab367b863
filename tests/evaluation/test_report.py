"""The report: what it must say, that it needs nothing from outside, and that its words follow from its numbers."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.oracle import oracle
from skintag.evaluation.analyses.table import metrics_json
from skintag.evaluation.decisions.thresholds import Objective, Threshold, fit_thresholds
from skintag.evaluation.metrics.groups import AGE_GROUP, DOMAIN, FST_GROUP, SEX
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.cases import Pictures
from skintag.evaluation.report.cautions import cautions
from skintag.evaluation.report.cells import Cell, Table, estimate, interval, number, p_value
from skintag.evaluation.report.evidence import Evidence, Origin, main_model
from skintag.evaluation.report.findings import family, findings
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.gather_runs import RunEntry, gather_runs
from skintag.evaluation.report.model_card import inline, markdown, model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.page import Page, render, write_page
from skintag.evaluation.report.runs import build_runs_page
from skintag.evaluation.report.sections.data import headline_table
from skintag.evaluation.report.writers import latex, write_table

SETTINGS = ReportSettings(AssessmentSettings(resamples=60, permutations=60), errors=2, neighbours=1)
NOTE = "synthetic benchmark: drawn images"
OVERLAP = {
    "dataset": "all", "split": "test", "against": "train", "key": "any of these", "images": 80, "known": 80,
    "shared": 20, "malignant": 40, "malignant_shared": 12, "share": 0.25, "malignant_share": 0.3,
}  # fmt: skip
LEAKY = {
    "split": "Stratified",
    "leaky": True,
    "clean": False,
    "overlaps": [OVERLAP],
    "examples": ["a (test) and b (train)"],
}
CLEAN = {
    **LEAKY,
    "leaky": False,
    "clean": True,
    "overlaps": [{**OVERLAP, "shared": 0, "share": 0.0}],
    "examples": [],
}


def origin(**fields) -> Origin:
    return Origin(
        **{"name": "a run", "data": "synthetic", "note": NOTE, "split": "grouped", "audit": CLEAN, **fields}
    )


def made(predictions: Predictions, settings: ReportSettings = SETTINGS, **fields) -> Evidence:
    return gather(predictions, fit_thresholds(predictions), origin(**fields), settings)


def sample() -> Predictions:
    """240 images, two models: `head` knows something, `noise` nothing."""
    rng = np.random.default_rng(3)
    n = 240
    domain = rng.choice(["dermoscopic", "clinical", "smartphone"], n)
    skin = pd.array(rng.choice([1, 2, 3, 4, 5, 6, None], n), dtype="Int8")
    groups = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
    target = rng.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "image_id": [f"x/{i:03d}" for i in range(n)],
            "dataset": [f"from_{d}" for d in domain],
            "domain": domain,
            "split": np.repeat(["val", "test"], n // 2),
            "target": target,
            "condition": rng.integers(0, 10, n),
            "fitzpatrick": skin,
            "fst_group": pd.Series(skin).map(groups).astype("str"),
            "sex": rng.choice(["female", "male"], n),
            "age_group": rng.choice(["30-49", "50-69"], n),
            "group_id": [f"g{i // 2}" for i in range(n)],
        }
    )
    conditions = rng.dirichlet(np.ones(10), n)
    signal = np.clip(0.3 * target + 0.7 * rng.random(n), 0, 1)
    tables = [Predictions.from_arrays(frame, "head", signal, conditions)]
    return Predictions.concat([*tables, Predictions.from_arrays(frame, "noise", rng.random(n))])


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return made(sample())


@pytest.fixture(scope="module")
def page(evidence: Evidence) -> Page:
    return build_page(evidence)


@pytest.fixture(scope="module")
def folder(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_page(page, out, quiet=True)
    return out


@pytest.fixture
def predictions() -> Predictions:
    return sample()


class Reader(HTMLParser):
    """What a page asks for, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._silent += tag == "style"
        self.links += [
            v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "action", "data", "poster")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += f"{data} "


def shown(page: Page) -> Reader:
    """The page without its pictures, which take long to draw."""
    return Reader(render(page, defaultdict(str)))


def test_a_page_opens_offline_and_runs_nothing(folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    reader = Reader(html)
    assert all(link.startswith(("#", "data:image/")) for link in reader.links)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(reader.tags)
    assert reader.tags.count("svg") > 5
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html
    assert len(html) < 6_000_000


def test_a_table_that_is_wider_than_a_phone_scrolls_and_shows_at_which_side_more_of_it_lies(
    folder: Path,
) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    (rule,) = re.findall(r"^\.scroll \{(.*?)^\}", html, re.MULTILINE | re.DOTALL)
    assert "overflow-x: auto" in rule
    for side in ("left", "right"):  # a cover that scrolls away with the table, over a shade that stays
        assert rule.count(f"{side} / ") == 2
    assert rule.count("local") == rule.count("scroll") == 2
    assert html.count("<table") == html.count('<div class="scroll"')


def test_every_table_and_figure_lies_beside_the_page(page: Page, folder: Path) -> None:
    plots = [plot.name for section in page.sections for plot in section.plots]
    names = [table.name for table in page.tables]
    for kind, stems, suffixes in (("plots", plots, ("png", "svg")), ("tables", names, ("csv", "tex"))):
        assert len(set(stems)) == len(stems)
        wanted = {f"{stem}.{suffix}" for stem in stems for suffix in suffixes}
        assert {file.name for file in (folder / kind).iterdir()} == wanted


def test_intervals_that_may_miss_are_marked_beside_the_number_in_every_table(page: Page) -> None:
    tables = {table.name: table for table in page.tables}
    marked = {
        name for name, table in tables.items() if any("†" in cell.mark for row in table.rows for cell in row)
    }
    # 60 patients with two images each, 20 in a group: few for curves and groups, enough for shares of all images
    assert {"models", "groups", "triage_groups", "calibration", "calibration_groups"} <= marked
    assert all(("may miss" in table.note) == (name in marked) for name, table in tables.items())
    assert shown(page).text.count("†") > 20
    tiers = tables["triage_groups"].data
    few = tiers["share_of_images_doubtful"].astype(bool)
    assert few.any()
    assert not few[tiers["grouping"] == "overall"].any()
    told = tables["calibration"].data
    assert told.loc[(told["grouping"] == "overall") & (told["metric"] == "brier"), "note"].eq("").all()


def test_navigation_leads_to_every_section(page: Page, folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    names = [section.id for section in page.sections]
    assert len(set(names)) == len(names)
    assert all(f'href="#{name}"' in html and f'id="{name}"' in html for name in names)


def test_the_kind_of_data_stands_at_the_top_and_beside_every_figure_and_table(page: Page) -> None:
    html = render(page, defaultdict(str))
    reader = Reader(html)
    plots = sum(len(section.plots) for section in page.sections)
    assert "nothing here is evidence about skin" in reader.text
    assert reader.tags.count("figure") == plots > 5
    assert html.count(f'<span class="mark">{NOTE}') >= plots + len(page.tables)


def test_a_leaky_split_is_said_in_red_with_its_counts(predictions: Predictions) -> None:
    bad = [c for c in cautions(made(predictions, audit=LEAKY)) if c.level == "bad"]
    assert [c.title for c in bad] == ["Leaky split"]
    assert "20 of 80 (25.0%)" in bad[0].text
    assert not [c for c in cautions(made(predictions)) if c.level == "bad"]


def test_no_audit_no_clusters_and_no_skin_types_are_said(predictions: Predictions) -> None:
    frame = predictions.frame
    bare = Predictions(frame.assign(group_id=None, fst_group=None, fitzpatrick=None))
    evidence = made(bare, audit=None)
    titles = [c.title for c in cautions(evidence)]
    assert {"No leakage audit", "Intervals ignore clustering", "No skin types"} <= set(titles)
    assert "skin types (not recorded)" in findings(evidence)[-1].text.lower()


def test_results_that_are_too_good_are_called_a_leak(predictions: Predictions) -> None:
    frame = predictions.frame
    perfect = Predictions(frame.assign(p_malignant=0.1 + 0.8 * frame["target"].astype(float)))
    first = cautions(made(perfect))[0]
    assert first.title == "Too good to be true"
    assert "Assume a leak" in first.text


def test_what_a_foreign_table_holds_is_text_never_markup(predictions: Predictions) -> None:
    frame = predictions.frame
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    frame["model"] = frame["model"].replace({"head": evil})
    frame["dataset"] = evil
    page = shown(build_page(made(Predictions(frame), name=evil)))
    assert not {"script", "img"} & set(page.tags)
    assert "alert(1)" in page.text


def test_verdicts_follow_from_corrected_p_values_and_limits(evidence: Evidence) -> None:
    gaps = evidence.assessment.gaps.copy()
    mine = (gaps["model"] == evidence.main) & gaps["grouping"].isin(["domain", "fst_group"])
    columns = ["value", "low", "high", "chance", "p_value"]
    gaps.loc[gaps["model"] == evidence.main, columns] = np.nan
    for grouping, gap, values in (
        ("domain", "sensitivity_gap", (0.3, 0.2, 0.4, 0.05, 0.001)),
        ("domain", "specificity_gap", (0.1, 0.0, 0.3, 0.08, 0.03)),  # 0.03 x 2 is above 0.05
        ("fst_group", "sensitivity_gap", (0.02, 0.0, 0.09, 0.05, 0.9)),
    ):
        gaps.loc[mine & (gaps["grouping"] == grouping) & (gaps["gap"] == gap), columns] = values
    changed = replace(evidence, assessment=replace(evidence.assessment, gaps=gaps))
    table = family(changed).set_index(["grouping", "gap"])
    assert table.loc[("domain", "sensitivity_gap"), "p_holm"] == pytest.approx(0.003)
    assert table.loc[("domain", "specificity_gap"), "p_holm"] == pytest.approx(0.06)
    verdicts = table["verdict"]
    assert verdicts[("domain", "sensitivity_gap")] == "clear"
    assert verdicts[("domain", "specificity_gap")] == "undecided"
    assert verdicts[("fst_group", "sensitivity_gap")] == "small"
    assert verdicts[("sex", "auroc_gap")] == "untold"
    said = findings(changed)
    said = [
        f for f in said if f.verdict not in ("chance", "calibration") and "told from chance on" not in f.text
    ]
    assert [f.verdict for f in said] == ["clear", "undecided", "small", "untold"]
    assert said[0].text.startswith("Sensitivity differs between domains, from ")
    assert "gap 0.30 (0.20–0.40); 0.05 expected by chance; p = 0.001, after Holm = 0.003" in said[0].detail
    assert "up to 0.30 is not excluded" in said[1].text


def test_metrics_json_keeps_what_training_wrote(evidence: Evidence) -> None:
    old = metrics_json(evidence.predictions, evidence.thresholds, caption=NOTE)
    new = metrics_of(evidence)
    for model, entry in old["models"].items():
        for key, value in entry.items():
            np.testing.assert_equal(new["models"][model][key], value)
        cell = new["models"][model]["levels"]["overall"]["all"]["auroc"]
        assert cell["value"] == pytest.approx(entry["groups"]["overall"]["all"]["auroc"])
        assert cell["low"] < cell["value"] < cell["high"]
    assert new["main"] == evidence.main
    assert new["comparison"]


def test_page_card_and_json_give_the_same_number(evidence: Evidence, page: Page) -> None:
    text = shown(page).text
    value = metrics_of(evidence)["models"][evidence.main]["levels"]["overall"]["all"]["auroc"]["value"]
    card = model_card(evidence, page)
    assert number(value) in text
    assert number(value) in card
    for heading in (
        "TRIPOD+AI (Collins et al., 2024)",
        "CLEAR Derm (Daneshjou et al., 2022)",
        "### Skin tones",
    ):
        assert heading in card
    assert NOTE in card


HOSTILE = (
    "<script>alert(1)</script>", "![x](http://example.org/p.png)", "[a](javascript:b)", "a\n# A heading\n", "# another",
    "a | b", "<img src=x onerror=y>", "[x]: http://example.org", "`code", "&lt;b&gt;", "a\\", "- item", "~~~",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_name_becomes_markup_in_the_model_card(text: str) -> None:
    cell = Cell(text)
    table = Table("t", "title", (text, "n"), ((cell, Cell("1")), (cell, Cell("2"))), note=text)
    for source in (inline(text), f"### {inline(text)}", f"- {inline(text)}", markdown(table)):
        tokens = [
            t
            for block in MarkdownIt("gfm-like", {"linkify": False}).parse(source)
            for t in (block, *(block.children or ()))
        ]
        kinds = {t.type for t in tokens}
        assert not kinds & {
            "html_block",
            "html_inline",
            "link_open",
            "image",
            "fence",
            "code_inline",
            "hr",
        }, source
        assert sum(t.type == "heading_open" for t in tokens) == source.startswith("### ")
        assert sum(t.type == "bullet_list_open" for t in tokens) == source.startswith("- ")
        said = "".join(t.content for t in tokens if t.type == "text")
        assert " ".join(text.split()).strip("#- ~")[:6] in said


@pytest.mark.long
def test_both_binarisations_are_shown_where_rows_say(predictions: Predictions) -> None:
    frame = predictions.frame
    positive = frame["target"] == 1
    third = frame["image_id"].str[-1].isin(list("369"))
    frame["malignancy"] = np.where(positive, np.where(third, "premalignant", "malignant"), "benign")
    evidence = made(Predictions(frame), premalignant="malignant")
    table = headline_table(evidence)
    counts = [row[1].small for row in table.rows]
    test = Predictions(frame).test(evidence.main).frame
    expected = [(test["malignancy"] != "benign").sum(), (test["malignancy"] == "malignant").sum()]
    assert counts == [f"{n}/{len(test)}" for n in expected]
    assert "cannot be counted the other way" in headline_table(made(predictions)).note


@pytest.mark.long
def test_a_table_without_val_rows_is_reported_at_a_given_threshold(
    predictions: Predictions, tmp_path: Path
) -> None:
    frame = predictions.frame
    only = Predictions(frame[frame["split"] == "test"])
    nan = float("nan")
    given = dict.fromkeys(only.models, Threshold(0.5, "given", 0, 0, nan, nan, nan))
    evidence = gather(only, given, origin(audit=None), SETTINGS)
    text = shown(build_page(evidence)).text
    assert "given, not fitted" in text
    assert "there are no validation rows to fit it on" in text
    assert metrics_of(evidence)["models"]["head"]["threshold"]["fitted_on"] is None
    assert evidence.main_reason.startswith("the first by name")


def test_errors_show_their_pictures_and_neighbours(predictions: Predictions) -> None:
    asked: list[tuple[list[str], int]] = []

    def pictures(images: list[str], neighbours: int) -> Pictures:
        asked.append((images, neighbours))
        near = pd.DataFrame(
            {"image_id": images, "neighbour": "x/000", "similarity": 0.5, "target": 1, "condition": 0}
        )
        return Pictures({**dict.fromkeys(images, b"\xff\xd8jpeg"), "x/000": b"\xff\xd8near"}, near)

    evidence = gather(predictions, fit_thresholds(predictions), origin(), SETTINGS, pictures=pictures)
    page = shown(build_page(evidence))
    images, neighbours = asked[0]
    assert neighbours == 1
    assert {case.facts["image"] for case in evidence.cases} == set(images)
    assert page.tags.count("img") == 2 * len(images) > 0
    assert "melanoma, malignant, 0.50" in page.text


def test_missing_pictures_are_said(predictions: Predictions) -> None:
    gone = Pictures(reasons={"pictures": "the prepared images are not there"})
    evidence = gather(
        predictions, fit_thresholds(predictions), origin(), SETTINGS, pictures=lambda images, neighbours: gone
    )
    assert evidence.missing["pictures"] == "the prepared images are not there"


def test_the_main_model_is_chosen_on_val_alone(predictions: Predictions) -> None:
    frame = predictions.frame
    best_on_test = (frame["model"] == "noise") & (frame["split"] == "test")
    frame.loc[best_on_test, "p_malignant"] = frame.loc[best_on_test, "target"].astype(float)
    name, reason = main_model(Predictions(frame))
    assert name == "head"
    assert "validation rows" in reason
    assert made(predictions, replace(SETTINGS, main="noise")).main == "noise"
    with pytest.raises(ConfigError, match="did you mean 'head'"):
        made(predictions, replace(SETTINGS, main="haed"))


def test_a_table_without_test_rows_is_refused(predictions: Predictions) -> None:
    frame = predictions.frame
    with pytest.raises(DataError, match="test rows of every model"):
        made(Predictions(frame[frame["split"] == "val"]))


def test_runs_are_compared_on_the_images_they_share(predictions: Predictions) -> None:
    frame = predictions.frame
    rng = np.random.default_rng(1)
    runs = []
    for name, gain in (("plain", 0.0), ("better", 0.5)):
        for seed in (0, 1):
            noise = rng.normal(0, 0.02, len(frame))
            score = np.clip(frame["p_malignant"] + gain * (frame["target"] - 0.5) + noise, 0, 1)
            table = Predictions(frame.assign(p_malignant=score))
            runs.append(RunEntry(name, seed, table, fit_thresholds(table), origin()))
    evidence = gather_runs(runs, SETTINGS.assessment)
    page = build_runs_page(evidence)
    assert evidence.reference == "plain"
    assert page.lead.startswith(
        "By AUROC of head on the same test images, against plain: above it: better (0."
    )
    assert "better" in shown(page).text
    with pytest.raises(ConfigError, match="two runs are called 'plain' with seed 0"):
        gather_runs([runs[0], runs[0]], SETTINGS.assessment)


def test_runs_with_other_labels_stand_side_by_side_unpaired(predictions: Predictions) -> None:
    frame = predictions.frame
    other = Predictions(frame.assign(target=1 - frame["target"], p_malignant=1 - frame["p_malignant"]))
    runs = [RunEntry(n, 0, t, fit_thresholds(t), origin()) for n, t in (("a", predictions), ("b", other))]
    evidence = gather_runs(runs, SETTINGS.assessment)
    assert list(evidence.apart) == ["b"]
    page = build_runs_page(evidence)
    assert "unpaired" in page.lead
    assert any("not paired" in caution.title for caution in page.cautions)


def test_latex_is_escaped_and_complete() -> None:
    rows = ((Cell("50% & a_b", kind="head"), Cell("")), (Cell("x#1"), estimate(-0.125, -0.2, 0.1)))
    text = latex(Table("t", "Of $ and ~", ("na_me", "value"), rows), note="{drawn}")
    assert r"\emph{50\% \& a\_b}" in text
    assert r"x\#1 & $-$0.125 {\scriptsize [$-$0.200 to 0.100]} \\" in text
    assert r"na\_me & value \\" in text
    assert r"\caption{Of \$ and \textasciitilde{}. \{drawn\}.}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


def test_csv_holds_full_precision(tmp_path: Path) -> None:
    data = pd.DataFrame({"a": [1 / 3]})
    table = Table("t", "T", ("a",), ((Cell("0.333"),),), data=data)
    path = write_table(tmp_path, table)[0]
    with path.open(newline="") as stream:
        assert float(next(csv.DictReader(stream))["a"]) == 1 / 3


def test_a_row_that_does_not_fit_its_headings_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells under 1 headings"):
        Table("t", "T", ("a",), ((Cell("1"), Cell("2")),))


def test_numbers_are_written_with_a_true_minus_and_never_as_minus_zero() -> None:
    assert [number(v) for v in (-0.1234, -0.0001, float("nan"))] == ["−0.123", "0.000", "–"]
    assert interval(0.1, 0.2) == "0.100–0.200"
    assert interval(-0.1, 0.2, 1) == "−0.1 to 0.2"
    assert interval(float("nan"), 0.2) == ""
    assert [p_value(p) for p in (0.0004, 0.0123, 0.5, float("nan"))] == ["<0.001", "0.012", "0.50", "–"]


def test_the_oracle_is_fitted_for_what_the_common_threshold_was(predictions: Predictions) -> None:
    objective = Objective("target_sensitivity", 0.95)
    thresholds = fit_thresholds(predictions, objective)
    found = gather(predictions, thresholds, origin(), SETTINGS)
    groupings = (DOMAIN, FST_GROUP, SEX, AGE_GROUP)
    draws = SETTINGS.assessment
    expected = oracle(predictions, objective, draws, groupings=groupings, models=[found.main]).gaps
    pd.testing.assert_frame_equal(found.oracle, expected)
    youden = oracle(predictions, Objective(), draws, groupings=groupings, models=[found.main]).gaps
    assert not found.oracle["value"].equals(youden["value"])


def test_without_an_objective_there_is_no_oracle(predictions: Predictions) -> None:
    nan = float("nan")
    given = dict.fromkeys(predictions.models, Threshold(0.5, "given", 0, 0, nan, nan, nan))
    found = gather(predictions, given, origin(), SETTINGS)
    assert found.oracle is None
    assert "a threshold per group, because the common threshold was given" in shown(build_page(found)).text


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("benign", "count as benign"),
        ("excluded", "are left out"),
        ("none in table", "do not occur"),
        ("", ""),
    ],
)
def test_premalignant_lesions_are_spoken_of_as_they_were_counted(own: str, said: str) -> None:
    assert origin(premalignant=own).premalignant_words.startswith(said)
