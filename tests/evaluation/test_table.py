"""The printed table and the JSON files of a run."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console, RenderableType

from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.analyses.table import EvaluationSettings, metrics_json, run_table, write_outputs
from skintag.evaluation.decisions.thresholds import fit_thresholds, read_thresholds
from skintag.evaluation.metrics.registry import METRICS, listed
from skintag.evaluation.predictions.predictions import Predictions


def printed(table: RenderableType) -> str:
    stream = io.StringIO()
    Console(width=200, file=stream).print(table)
    return stream.getvalue()


def cells(text: str, *starts: str) -> list[str]:
    """The cells of the row that begins with these cells."""
    rows = [[c.strip() for c in line.strip("│┃ ").split("│")] for line in text.splitlines() if "│" in line]
    (row,) = [row for row in rows if row[: len(starts)] == list(starts)]
    return row


def test_table_shows_the_metrics_of_the_test_rows(predictions: Predictions) -> None:
    thresholds = fit_thresholds(predictions)
    text = printed(run_table(predictions, thresholds))
    test, threshold = predictions.test("head"), thresholds["head"].value
    names = list(listed("run"))
    assert names[:6] == ["accuracy", "f1_macro", "f1_malignant", "auroc", "sensitivity", "specificity"]
    expected = [f"{METRICS[name](test.target, test.score, threshold):.3f}" for name in names]
    assert cells(text, "head") == ["head", str(len(test)), str(test.target.sum()), *expected]
    frame = test.frame
    for group in ("dermoscopic", "clinical", "smartphone"):
        assert cells(text, group, "head")[2] == str((frame["domain"] == group).sum())
    for group in ("I-II", "III-IV", "V-VI"):
        assert cells(text, group, "noise")[2] == str((frame["fst_group"] == group).sum())


def test_table_says_how_many_have_no_skin_type(predictions: Predictions) -> None:
    rows = predictions.test("head").frame
    text = printed(run_table(predictions, fit_thresholds(predictions)))
    assert f"fst_group unknown for {rows['fst_group'].isna().sum()} of {len(rows)} test images" in text


def test_undefined_and_thin_figures_are_marked(predictions: Predictions) -> None:
    frame = predictions.frame
    dark = (frame["fst_group"] == "V-VI") & (frame["split"] == "test")
    frame.loc[dark, "target"] = 0
    few = frame[dark & (frame["model"] == "head")].index[:3]
    frame.loc[(frame["fst_group"] == "I-II") & (frame["split"] == "test"), "target"] = 0
    light = frame[(frame["fst_group"] == "I-II") & (frame["split"] == "test")]
    frame.loc[frame["image_id"].isin(light["image_id"].unique()[:3]), "target"] = 1
    assert len(few) == 3
    table = Predictions(frame)
    text = printed(run_table(table, fit_thresholds(table)))
    none, thin = cells(text, "V-VI", "head"), cells(text, "I-II", "head")
    assert none[3] == "0*"
    assert none[5:9] == ["—"] * 4  # both F1, AUROC, sensitivity
    assert none[9][-1].isdigit()  # specificity stands on enough benign rows
    assert thin[3] == "3*"
    assert thin[8].endswith("*")
    assert not thin[9].endswith("*")


def test_caption_is_printed_with_every_table(predictions: Predictions) -> None:
    text = printed(run_table(predictions, fit_thresholds(predictions), caption="synthetic [data]"))
    assert text.count("(synthetic [data])") == 3


def test_models_come_in_the_order_asked_for(predictions: Predictions) -> None:
    text = printed(run_table(predictions, fit_thresholds(predictions), models=["noise", "head"]))
    assert text.index("noise") < text.index("head")


def test_a_model_without_a_threshold_is_an_error(predictions: Predictions) -> None:
    with pytest.raises(DataError, match="'noise'"):
        run_table(predictions, {"head": fit_thresholds(predictions)["head"]})


def test_a_table_without_test_rows_shows_undefined(predictions: Predictions) -> None:
    frame = predictions.frame
    table = Predictions(frame[frame["split"] == "val"])
    text = printed(run_table(table, fit_thresholds(table)))
    assert cells(text, "head") == ["head", "0", "0*", *["—"] * len(listed("run"))]


def test_metrics_json_holds_every_group_and_what_the_threshold_was_fitted_on(
    predictions: Predictions,
) -> None:
    thresholds = fit_thresholds(predictions)
    out = metrics_json(predictions, thresholds, caption="synthetic")
    assert (out["split"], out["data"]) == ("test", "synthetic")
    model = out["models"]["head"]
    assert model["threshold"]["fitted_on"] == "val"
    assert model["threshold"]["value"] == thresholds["head"].value
    assert set(model["groups"]) == {
        "overall", "domain", "dataset", "fst_group", "fitzpatrick", "sex", "age_group",
    }  # fmt: skip
    test = predictions.test("head")
    entry = model["groups"]["overall"]["all"]
    assert (entry["n"], entry["n_positive"]) == (len(test), test.target.sum())
    assert math.isclose(entry["auroc"], METRICS["auroc"](test.target, test.score, 0.5))


def test_files_are_written_and_undefined_is_null(predictions: Predictions, tmp_path: Path) -> None:
    frame = predictions.frame
    frame.loc[frame["split"] == "test", "target"] = 0
    table = Predictions(frame)
    thresholds = write_outputs(tmp_path, table, EvaluationSettings("target_sensitivity", 0.9))
    assert read_thresholds(tmp_path / "thresholds.json") == thresholds
    assert thresholds["head"].objective == "target_sensitivity 0.9"
    overall = json.loads((tmp_path / "metrics.json").read_text())["models"]["head"]["groups"]["overall"][
        "all"
    ]
    assert overall["auroc"] is None
    assert overall["n_positive"] == 0


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="youden"):
        EvaluationSettings(objective="youdne")
    with pytest.raises(ConfigError, match="minimum"):
        EvaluationSettings(minimum=0)


def test_config_says_the_class_defaults() -> None:
    configs = Path(__file__).parents[2] / "configs"
    with initialize_config_dir(str(configs), version_base="1.3"):
        config = compose(overrides=["+evaluation=default"])
    assert instantiate(config.evaluation) == EvaluationSettings()
    assert set(config.evaluation) == {"_target_", "objective", "target", "minimum"}
