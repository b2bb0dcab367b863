"""Anybody's predictions: what is understood, what is noted, and what is refused with which words."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.decisions.thresholds import thresholds_of
from skintag.evaluation.foreign.reader import ForeignSettings
from skintag.evaluation.foreign.table import read_foreign
from skintag.evaluation.predictions.predictions import Predictions
from tests.conftest import CONFIGS

COLUMNS = {"image_id": "Name", "p_malignant": "prob", "target": "label"}


@pytest.fixture
def table(tmp_path: Path):
    """`table("text")` is a file with that text."""

    def write(text: str, name: str = "theirs.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(path: Path, **settings):
    return read_foreign(path, ForeignSettings(**{"columns": COLUMNS, **settings}))


def refusal(path: Path, **settings) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **settings)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_other_names_text_labels_and_any_delimiter(table, delimiter: str) -> None:
    lines = ["Name,prob,label,remark", "a,0.9,Melanoma,x", "b,0.2,nevus,y", "c,0.4,BCC ,z"]
    path = table("\n".join(line.replace(",", delimiter) for line in lines))
    result = read(path, positive=["melanoma", "bcc"], model="theirs")
    frame = result.predictions.frame
    assert list(frame["target"]) == [1, 0, 1]
    assert list(frame["p_malignant"]) == [0.9, 0.2, 0.4]
    assert set(frame["split"]) == {"test"}
    assert result.predictions.models == ("theirs",)
    assert result.ignored == ("remark",)
    assert "target 1 (malignant): melanoma (1), bcc (1); target 0: nevus (1)" in result.notes


def test_without_clusters_it_says_that_intervals_ignore_clustering(table) -> None:
    result = read(table("Name,prob,label\na,0.5,1\nb,0.4,0\n"))
    assert "no column for patient, lesion or group: intervals ignore clustering" in result.notes
    assert result.predictions.frame["group_id"].isna().all()


def test_images_of_one_patient_or_lesion_are_one_cluster_whatever_the_order(table) -> None:
    rows = ["a,0.5,1,p1,l1", "b,0.1,0,p1,l2", "c,0.1,0,unknown,l2", "d,0.2,0,,", "e,0.2,1,p2,"]
    columns = {**COLUMNS, "patient_id": "who", "lesion_id": "spot"}
    both = []
    for order in (rows, rows[::-1]):
        path = table("\n".join(["Name,prob,label,who,spot", *order]))
        both.append(read(path, columns=columns).predictions.frame.set_index("image_id")["group_id"])
    assert both[0].equals(both[1])
    group = both[0]
    assert group["a"] == group["b"] == group["c"] != group["e"]
    assert pd.isna(group["d"])


@pytest.mark.parametrize(
    ("written", "single", "group"),
    [
        ("3", 3, "III-IV"), ("5.0", 5, "V-VI"), ("VI", 6, "V-VI"), ("Type iv", 4, "III-IV"), ("FST2", 2, "I-II"),
        ("I-II", None, "I-II"), ("III–IV", None, "III-IV"), ("56", None, "V-VI"), ("34.0", None, "III-IV"),
        ("1-2", None, "I-II"), ("V / VI", None, "V-VI"), ("", None, None), ("-1", None, None), ("N/A", None, None),
        ("Unknown", None, None), ("NaN", None, None), ("?", None, None),
    ],
)  # fmt: skip
def test_skin_types_in_many_spellings(table, written: str, single: int | None, group: str | None) -> None:
    path = table(f"Name,prob,label,skin\na,0.5,1,{written}\nb,0.4,0,1\n")
    row = read(path, columns={**COLUMNS, "fitzpatrick": "skin"}).predictions.frame.iloc[0]
    assert (None if pd.isna(row["fitzpatrick"]) else row["fitzpatrick"]) == single
    assert (None if pd.isna(row["fst_group"]) else row["fst_group"]) == group


def test_a_strange_skin_type_is_refused_and_can_be_declared_unknown(table) -> None:
    path = table("Name,prob,label,skin\na,0.5,1,7\nb,0.4,0,1\n")
    columns = {**COLUMNS, "fitzpatrick": "skin"}
    message = refusal(path, columns=columns)
    assert "'7' (1 rows)" in message
    assert "unknown=[7]" in message
    assert read(path, columns=columns, unknown=["7"]).predictions.frame["fst_group"].isna().sum() == 1


def test_scores_outside_the_unit_interval_are_refused_with_their_rows(table) -> None:
    message = refusal(table("Name,prob,label\na,0.5,1\nb,1.5,0\nc,-2,0\n"))
    assert "scores in [0, 1]" in message
    assert "'1.5' in row 2 (b), '-2.0' in row 3 (c)" in message
    assert "sigmoid" in message


def test_repeated_images_are_refused_with_their_rows(table) -> None:
    message = refusal(table("Name,prob,label\na,0.5,1\nb,0.4,0\na,0.6,1\n"))
    assert "a in rows 1, 3" in message
    assert "columns.model=" in message


def test_one_image_may_come_once_per_model(table) -> None:
    path = table("Name,prob,label,net\na,0.5,1,x\na,0.4,1,y\nb,0.1,0,x\nb,0.2,0,y\n")
    predictions = read(path, columns={**COLUMNS, "model": "net"}).predictions
    assert predictions.models == ("x", "y")


def test_an_image_with_two_truths_is_refused(table) -> None:
    path = table("Name,prob,label,net\na,0.5,1,x\na,0.4,0,y\n")
    assert "the same target for an image" in refusal(path, columns={**COLUMNS, "model": "net"})


@pytest.mark.parametrize("text", ["Name;prob;label\na;0,5;1\n", 'Name,prob,label\na,"0,5",1\n'])
def test_decimal_commas_are_refused_with_the_reason(table, text: str) -> None:
    message = refusal(table(text))
    assert "'0,5' in row 1 (a)" in message
    assert "decimal point" in message


def test_decimal_commas_in_a_comma_separated_file_are_named_as_the_likely_cause(table) -> None:
    message = refusal(table("Name,prob,label\na,0,5,1\nb,0,4,0\n"))
    assert "Expected 3 columns, got 4" in message
    assert "decimal comma" in message


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("Name,prob,label\na,0.5,1\n", {"columns": {**COLUMNS, "p_malignant": "porb"}}, "did you mean 'prob'?"),
        ("Name,prob,label\na,0.5,1\n", {"columns": {"image_id": "Name"}}, "columns.p_malignant=<column>"),
        ("Name,prob,label\na,0.5,mel\n", {}, "positive=["),
        ("Name,prob,label\na,0.5,mel\nb,0.1,nv\n", {"positive": ["mell"]}, "did you mean 'mel'?"),
        ("Name,prob,label\na,0.5,mel\nb,0.1,nv\n", {"positive": ["mel"], "negative": ["bkl"]}, "no row with 'bkl'"),
        ("Name,prob,label\na,,1\n", {}, "1 row(s) without: row 1 (a)"),
        ("Name,prob,label\na,0.5,\n", {}, "1 row(s) without: row 1 (a)"),
        ("Name,prob,label\n,0.5,1\n", {}, "an image_id in every row"),
        ("Name,prob,label\na,50%,1\n", {}, "divide percentages by 100"),
        ("Name,prob,label\n", {}, "1 line(s)"),
        ("", {}, "an empty file"),
        ("Name,prob,label,prob\na,0.5,1,2\n", {}, "prob more than once"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(table, text: str, settings: dict, said: str) -> None:
    assert said in refusal(table(text), **settings)


def test_formats_that_can_run_code_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pkl"
    path.write_bytes(b"\x80\x04.")
    assert "never read" in refusal(path)


def test_unknown_key_of_ours_gets_a_near_match() -> None:
    with pytest.raises(ConfigError, match="did you mean 'image_id'"):
        ForeignSettings(columns={"imageid": "Name"})


def test_parquet_gzip_and_byte_order_marks(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Name": ["a", "b"], "prob": [0.25, 0.5], "label": [1.0, 0.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write(frame.to_csv(index=False))
    (tmp_path / "bom.csv").write_text("\ufeff" + frame.to_csv(index=False), encoding="utf-8")
    tables = [read(tmp_path / name, model="m", dataset="d").predictions.frame for name in
              ("t.parquet", "t.csv.gz", "bom.csv")]  # fmt: skip
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    (tmp_path / "wide.csv").write_text("Name,prob\n", encoding="utf-16")
    assert "UTF-16" in refusal(tmp_path / "wide.csv")


def test_three_valued_labels_give_both_binarisations(table) -> None:
    predictions = read(
        table("Name,prob,label\na,0.5,malignant\nb,0.4,pre-malignant\nc,0.1,benign\n")
    ).predictions
    assert list(predictions.frame["target"]) == [1, 1, 0]
    assert list(predictions.with_premalignant(malignant=False).frame["target"]) == [1, 0, 0]


def test_ages_sexes_and_splits_in_their_usual_spellings(table) -> None:
    text = "Name,prob,label,years,gender,fold\na,0.5,1,71,F,Testing\nb,0.4,0,na,MALE,validation\nc,0.3,0,29,,train\n"
    columns = {**COLUMNS, "age": "years", "sex": "gender", "split": "fold"}
    frame = read(table(text), columns=columns).predictions.frame.set_index("image_id")
    assert list(frame.loc[["a", "b", "c"], "split"]) == ["test", "val", "train"]
    assert list(frame.loc[["a", "c"], "age_group"]) == ["70+", "<30"]
    assert list(frame.loc[["a", "b"], "sex"]) == ["female", "male"]
    assert frame["age_group"].isna().sum() == frame["sex"].isna().sum() == 1


def test_a_test_only_table_needs_a_given_threshold(table) -> None:
    predictions = read(table("Name,prob,label\na,0.5,1\nb,0.4,0\n"), model="theirs").predictions
    with pytest.raises(DataError, match=r"threshold=0\.5"):
        thresholds_of(predictions)
    threshold = thresholds_of(predictions, given=0.45)["theirs"]
    assert (threshold.value, threshold.objective, threshold.n) == (0.45, "given", 0)
    with pytest.raises(ConfigError):
        thresholds_of(predictions, given=45)


def test_with_val_rows_thresholds_are_fitted_on_them(predictions: Predictions) -> None:
    fitted = thresholds_of(predictions)
    assert set(fitted) == {"head", "noise"}
    assert fitted["head"].n == len(predictions.val("head"))


def test_our_own_table_as_csv_comes_back_the_same(predictions: Predictions, tmp_path: Path) -> None:
    predictions.frame.to_csv(tmp_path / "ours.csv", index=False)
    result = read_foreign(tmp_path / "ours.csv")
    assert result.ignored == ()
    pd.testing.assert_frame_equal(result.predictions.frame, predictions.frame, check_exact=False)


def test_a_large_file_is_read_by_columns(tmp_path: Path) -> None:
    n = 200_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"Name": np.arange(n), "prob": rng.random(n), "label": rng.integers(0, 2, n), "x": "y" * 50}
    )
    frame.to_csv(tmp_path / "big.csv", index=False)
    result = read(tmp_path / "big.csv")
    assert len(result.predictions) == n
    assert result.ignored == ("x",)


@pytest.mark.parametrize(
    "text",
    [
        "Name;prob;label;note (a, b, c)\na;0.5;1;x\nb;0.4;0;y\n",
        "\n\nName;prob;label\na;0.5;1\nb;0.4;0\n",
        "sep=;\nName;prob;label\na;0.5;1\nb;0.4;0\n",
        'sep=;\r\nName;prob;label;"a,\nb,c"\r\na;0.5;1;x\r\nb;0.4;0;y\r\n',
        ";;\nName;prob;label\na;0.5;1\nb;0.4;0\n",
        "sep=|\nName|prob|label\na|0.5|1\nb|0.4|0\n",
    ],
)
def test_the_delimiter_is_the_one_that_the_rows_agree_with(table, text: str) -> None:
    frame = read(table(text)).predictions.frame
    assert list(frame["image_id"]) == ["a", "b"]
    assert list(frame["p_malignant"]) == [0.5, 0.4]


@pytest.mark.parametrize("name", ["T.CSV", "T.TSV", "T.CSV.GZ", "T.PARQUET"])
def test_suffixes_are_read_in_any_case(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"Name": ["a", "b"], "prob": [0.5, 0.4], "label": [1, 0]})
    if name.endswith("PARQUET"):
        frame.to_parquet(tmp_path / name)
    else:
        text = frame.to_csv(index=False).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("GZ") else text)
    assert len(read(tmp_path / name).predictions) == 2


def test_old_line_ends_and_endless_fields_are_refused_with_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"Name,prob,label\ra,0.5,1\rb,0.4,0\r")
    assert "carriage returns" in refusal(path)
    path.write_bytes(b'Name,prob,label\na,0.5,"' + b"x" * 140_000 + b'"\nb,0.4,0\n')
    assert "quotation mark" in refusal(path)


@pytest.mark.parametrize("n", [3, 200_000])
def test_a_gzip_file_that_was_cut_off_is_refused(tmp_path: Path, n: int) -> None:
    rows = "".join(f"{i},0.{i * 7919 % 100_003},{i % 2}\n" for i in range(n))
    whole = gzip.compress(("Name,prob,label\n" + rows).encode())
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) * 9 // 10])
    assert "that is whole" in refusal(tmp_path / "t.csv.gz")


def test_damaged_parquet_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"Name": np.arange(5000).astype(str), "prob": rng.random(5000), "label": 1})
    frame.to_parquet(path)
    data = bytearray(path.read_bytes())
    data[100:2000] = b"\xff" * 1900
    path.write_bytes(bytes(data))
    assert "a parquet file that is whole" in refusal(path)


@pytest.mark.parametrize("word", ["NA", "unknown", "nan", "-1", "-1.0", "Not Available", "?"])
def test_a_label_that_means_unknown_is_no_benign_one(table, word: str) -> None:
    path = table(f"Name,prob,label\na,0.5,mel\nb,0.4,nevus\nc,0.3,{word}\n")
    message = refusal(path, positive=["mel"])
    assert "1 row(s) without: row 3 (c)" in message
    assert "negative=[" in message
    listed = read(path, positive=["mel"], negative=[word, "nevus"])
    assert list(listed.predictions.frame["target"]) == [1, 0, 0]


def test_further_spellings_of_unknown_hold_for_labels_too(table) -> None:
    path = table("Name,prob,label\na,0.5,mel\nb,0.4,9\n")
    assert list(read(path, positive=["mel"]).predictions.frame["target"]) == [1, 0]
    assert "row 2 (b)" in refusal(path, positive=["mel"], unknown=[9])


@pytest.mark.parametrize(
    ("targets", "side"), [("1,1,0", "malignant"), ("1,0,0", "benign"), ("1,-,0", "no lesion is premalignant")]
)
def test_target_and_malignancy_are_compared(table, targets: str, side: str) -> None:
    words = ["malignant", "premalignant", "benign"]
    rows = [
        f"{word[0]},0.5,{t},{word}" for word, t in zip(words, targets.split(","), strict=True) if t != "-"
    ]
    notes = read(table("\n".join(["Name,prob,label,malignancy", *rows]))).notes
    assert any(side in note for note in notes)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,0.5,0,malignant\nb,0.5,0,benign", "a (malignant, target 0)"),
        ("a,0.5,1,malignant\nb,0.5,1,benign", "b (benign, target 1)"),
        ("a,0.5,1,premalignant\nb,0.5,0,premalignant\nc,0.5,1,premalignant", "b (premalignant, target 0)"),
    ],
)
def test_a_target_that_contradicts_malignancy_is_refused(table, rows: str, said: str) -> None:
    path = table(f"Name,prob,label,malignancy\n{rows}\n")
    message = refusal(path)
    assert said in message
    assert "columns.malignancy=null" in message
    result = read(path, columns={**COLUMNS, "malignancy": None})
    assert result.predictions.frame["malignancy"].isna().all()
    assert result.ignored == ("malignancy",)


def test_a_column_that_happens_to_bear_our_name_can_be_left_out(table) -> None:
    path = table("Name,prob,label,sex,fitzpatrick\na,0.5,1,f,1\nb,0.4,0,m,nine\n")
    assert "columns.fitzpatrick=null" in refusal(path)
    result = read(path, columns={**COLUMNS, "fitzpatrick": None, "sex": "auto"})
    assert result.ignored == ("fitzpatrick",)
    assert set(result.predictions.frame["sex"]) == {"female", "male"}


def test_conditions_by_name_and_by_number(table) -> None:
    path = table("Name,prob,label,condition\na,0.5,1,Melanoma\nb,0.4,0,5\nc,0.4,0,unknown\n")
    condition = read(path).predictions.frame["condition"]
    assert list(condition[:2]) == [0, 5]
    assert condition.isna().sum() == 1


def test_columns_of_our_names_that_are_not_understood_are_ignored_unless_asked_for(table) -> None:
    path = table("Name,prob,label,condition,age\na,0.5,1,itchy rash,old\nb,0.4,0,2,young\n")
    result = read(path)
    assert set(result.ignored) == {"condition", "age"}
    assert any("'itchy rash' in row 1 (a)" in note for note in result.notes)
    assert result.predictions.frame["condition"].isna().all()
    assert "columns.condition=null" in refusal(path, columns={**COLUMNS, "condition": "condition"})


def test_advice_on_strange_words_can_be_followed(table) -> None:
    path = table('Name,prob,label,fitzpatrick\na,0.5,1,"dark, very"\nb,0.4,0,7\nc,0.4,0,2\n')
    advice = re.search(r"'(unknown=.*)'", refusal(path))
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("evaluate", overrides=[advice[1]])
    frame = read(path, unknown=list(config.unknown)).predictions.frame
    assert frame["fst_group"].isna().sum() == 2


def test_advice_on_two_columns_of_skin_types_can_be_followed(table) -> None:
    path = table("Name,prob,label,fitzpatrick,fst_group\na,0.5,1,1,V-VI\nb,0.4,0,2,I-II\n")
    assert "columns.fst_group=null" in refusal(path)
    frame = read(path, columns={**COLUMNS, "fst_group": None}).predictions.frame
    assert set(frame["fst_group"]) == {"I-II"}


def test_advice_on_splits_names_a_key(table) -> None:
    path = table("Name,prob,label,split\na,0.5,1,fold 3\nb,0.4,0,fold 4\n")
    message = refusal(path)
    assert "columns.split=null" in message
    assert "unknown=" not in message
    assert set(read(path, columns={**COLUMNS, "split": None}).predictions.frame["split"]) == {"test"}
