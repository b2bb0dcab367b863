"""Views: what is used, what is left out and why, and that nothing but the input matters."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from skintag.core.bands import fst_group_of
from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import MALIGNANCY
from skintag.data.catalog.schema import CATALOG_COLUMNS, conform
from skintag.data.sources import adapter_of
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.data.view.levels import GROUP_NAMES
from skintag.data.view.split_export import rows_of
from skintag.data.view.split_file import File
from skintag.data.view.split_table import write_split
from skintag.data.view.splits import External, Grouped, LeaveOneDatasetOut, LeaveOneDomainOut, Stratified
from skintag.data.view.summary import view_summary
from skintag.data.view.view import LeftOut, View, build_view

DATASETS = ("ham10000", "pad_ufes_20", "fitzpatrick17k")


@pytest.fixture(scope="module")
def catalog() -> pd.DataFrame:
    """900 rows in pairs by lesion: some missing, unreadable or undiagnosed."""
    rows = 900
    rng = np.random.default_rng(0)
    number = np.arange(rows)
    dataset = np.array(DATASETS)[number // 300]
    lesion = pd.Series([f"{d}/L{i // 2}" for i, d in enumerate(dataset)])
    malignancy = np.repeat(rng.choice(MALIGNANCY, rows // 2, p=[0.6, 0.1, 0.3]), 2).astype(object)
    malignancy[(number // 2) % 9 == 4] = None
    fitzpatrick = pd.Series(rng.integers(1, 7, rows)).where(
        (dataset != "ham10000") & (rng.random(rows) < 0.7)
    )
    frame = pd.DataFrame({name: pd.Series([None] * rows, dtype="object") for name in CATALOG_COLUMNS})
    frame = frame.assign(
        image_id=[f"{d}/{i:04d}" for i, d in enumerate(dataset)],
        dataset=dataset,
        domain=[adapter_of(d).domains[0] for d in dataset],
        malignancy=malignancy,
        condition=pd.Series(rng.integers(0, 11, rows)).where(pd.Series(malignancy).notna()),
        fitzpatrick=fitzpatrick,
        fst_group=fst_group_of(fitzpatrick),
        status=np.select([number % 20 == 7, number % 30 == 11], ["missing", "unreadable"], "ok"),
        lesion_id=lesion,
        patient_id=lesion.where(dataset == "pad_ufes_20"),
        duplicate_id=[f"D{i}" for i in number],
        group_id=lesion,
    )
    return conform(frame, CATALOG_COLUMNS, "made-up catalog")


def view_of(catalog: pd.DataFrame, **changes) -> View:
    """A view with everything at its default but what is named."""
    parts = {"labels": LabelPolicy(), "split": Grouped(), "balance": Balance(), "seed": 0, **changes}
    return build_view(catalog, **parts)


def total(view: View, reason: str) -> int:
    return sum(item.images for item in view.left_out if reason in item.reason)


def test_the_frame_has_the_promised_columns_and_types(catalog):
    frame = view_of(catalog, balance=Balance(("domain", "fitzpatrick"))).frame
    assert list(frame.columns[: len(CATALOG_COLUMNS)]) == list(CATALOG_COLUMNS)
    added = ["split", "target", "target_condition", "weight", "sampling_weight", "group_index"]
    assert {name: str(frame[name].dtype) for name in added} == {
        "split": "str", "target": "int8", "target_condition": "int8",
        "weight": "float32", "sampling_weight": "float32", "group_index": "int16",
    }  # fmt: skip
    assert frame["image_id"].is_monotonic_increasing
    assert frame.index.tolist() == list(range(len(frame)))
    assert set(frame["split"]) == {"train", "val", "test"}


def test_every_row_is_used_or_left_out_with_its_reason(catalog):
    view = view_of(catalog)
    assert len(view.frame) + sum(item.images for item in view.left_out) == len(catalog)
    missing = catalog["status"] == "missing"
    assert total(view, "missing file") == missing.sum() == 45
    assert total(view, "unreadable") == (catalog["status"] == "unreadable").sum()
    assert total(view, "undiagnosed") == (catalog["malignancy"].isna() & (catalog["status"] == "ok")).sum()
    in_ham = int((missing & (catalog["dataset"] == "ham10000")).sum())
    assert LeftOut("ham10000", "missing file", in_ham) in view.left_out


def test_the_order_of_catalog_rows_does_not_matter(catalog):
    balance = Balance(("domain", "fitzpatrick"))
    straight = view_of(catalog, balance=balance)
    shuffled = view_of(catalog.sample(frac=1, random_state=3), balance=balance)
    pd.testing.assert_frame_equal(straight.frame, shuffled.frame)
    assert straight.fingerprint == shuffled.fingerprint


def test_the_fingerprint_changes_with_what_training_sees_and_with_nothing_else(catalog):
    base = view_of(catalog).fingerprint
    assert view_of(catalog).fingerprint == base
    assert view_of(catalog.assign(age=catalog["age"].fillna(50))).fingerprint == base
    for changes in (
        {"seed": 1},
        {"labels": LabelPolicy(premalignant="benign")},
        {"labels": LabelPolicy(taxonomy="extended")},
        {"balance": Balance(("domain", "fitzpatrick"))},
        {"balance": Balance(("domain", "fitzpatrick"), mode="sampling")},
        {"split": Stratified()},
        {"train_on": ["ham10000"]},
    ):
        assert view_of(catalog, **changes).fingerprint != base, changes


@pytest.mark.parametrize("mode", ["loss", "sampling"])
def test_weights_have_mean_one_over_train_and_are_one_elsewhere(catalog, mode):
    frame = view_of(catalog, balance=Balance(("domain", "fitzpatrick"), mode=mode)).frame
    used, other = ("weight", "sampling_weight") if mode == "loss" else ("sampling_weight", "weight")
    train = frame["split"] == "train"
    assert frame.loc[train, used].mean() == pytest.approx(1, abs=1e-6)
    assert frame.loc[train, used].nunique() > 3
    assert (frame.loc[~train, used] == 1).all()
    assert (frame[other] == 1).all()


def test_weights_come_from_train_rows_alone(catalog):
    frame = view_of(catalog, balance=Balance(("domain",))).frame
    train = frame[frame["split"] == "train"]
    counts = train["domain"].value_counts()
    expected = train["domain"].map(len(train) / (len(counts) * counts))
    np.testing.assert_allclose(train["weight"], expected, rtol=1e-6)


def test_the_label_policy_moves_no_image_to_another_split(catalog):
    default = view_of(catalog).frame.set_index("image_id")["split"]
    for labels in (LabelPolicy(premalignant="exclude"), LabelPolicy(non_neoplastic="exclude")):
        view = view_of(catalog, labels=labels)
        split = view.frame.set_index("image_id")["split"]
        assert len(split) < len(default)
        assert (default[split.index] == split).all()
        assert total(view, "excluded by labels") == len(default) - len(split)


def test_train_on_leaves_the_test_images_as_they_are(catalog):
    everything, ham = view_of(catalog), view_of(catalog, train_on=["ham10000"])
    tested, tested_ham = (v.frame.iloc[v.rows("test")]["image_id"].tolist() for v in (everything, ham))
    assert tested == tested_ham
    for split in ("train", "val"):
        assert set(ham.frame.iloc[ham.rows(split)]["dataset"]) == {"ham10000"}
    assert len(everything.frame) - len(ham.frame) == total(ham, "not in train_on") > 0


def test_group_index_is_domain_by_skin_type_with_unknown_of_its_own(catalog):
    frame = view_of(catalog).frame
    names = np.array(GROUP_NAMES)[frame["group_index"]]
    assert (names == frame["domain"] + "/" + frame["fst_group"].fillna("unknown")).all()
    assert len(GROUP_NAMES) == 12


def test_relatives_of_the_held_out_set_are_dropped_and_counted(catalog):
    linked = catalog.copy()
    ham, fitz = "ham10000/0000", "fitzpatrick17k/0604"
    joined = linked["group_id"].isin(linked.loc[linked["image_id"].isin([ham, fitz]), "group_id"])
    linked.loc[joined, "group_id"] = "joined"
    view = view_of(linked, split=LeaveOneDatasetOut("fitzpatrick17k"))
    usable = joined & (linked["status"] == "ok") & linked["malignancy"].notna()
    expected = int((usable & (linked["dataset"] == "ham10000")).sum())
    assert expected == total(view, "with the test set") > 0
    assert ham not in set(view.frame["image_id"])


@pytest.mark.parametrize(
    "split",
    [
        Grouped(),
        LeaveOneDomainOut("smartphone"),
        LeaveOneDatasetOut("ham10000"),
        External(("fitzpatrick17k",)),
    ],
)
def test_a_split_that_must_not_leak_does_not(catalog, split):
    view = view_of(catalog, split=split)
    assert view.audit.clean
    assert view.audit.find("lesion").images == len(view.rows("test"))


def test_the_leaky_split_is_audited_and_let_through(catalog):
    audit = view_of(catalog, split=Stratified()).audit
    assert audit.leaky
    assert audit.find("lesion").share > 0.5
    assert audit.find("patient", dataset="pad_ufes_20").shared > 0


def test_a_catalog_whose_groups_miss_a_lesion_stops_the_run(catalog):
    broken = catalog.assign(group_id=catalog["image_id"])
    with pytest.raises(
        DataError,
        match=r"(?s)leakage audit of split Grouped.*test image.* by lesion.*lesion_id fitzpatrick17k/L",
    ):
        view_of(broken)


def test_n_conditions_and_targets_follow_the_taxonomy(catalog):
    extended = view_of(catalog, labels=LabelPolicy(taxonomy="extended"))
    assert (extended.n_conditions, extended.frame["target_condition"].max()) == (11, 10)
    ten = view_of(catalog)
    assert (ten.n_conditions, ten.frame["target_condition"].max()) == (10, 9)


def test_one_class_in_train_is_refused_with_the_counts(catalog):
    benign = catalog[catalog["malignancy"].isna() | (catalog["malignancy"] == "benign")]
    with pytest.raises(ConfigError, match=r"(?s)one class only.*0 malignant.*undiagnosed"):
        view_of(benign)


def test_an_empty_split_is_refused_by_name(catalog):
    few = catalog[catalog["status"] == "ok"].dropna(subset=["malignancy"]).groupby("malignancy").head(1)
    with pytest.raises(ConfigError, match="val and test without an image"):
        view_of(few)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ham1000"], "did you mean 'ham10000'"),
        (["ddi"], "no image that this split trains on"),
        ([], "empty"),
    ],
)
def test_train_on_names_datasets_that_train(catalog, names, message):
    with pytest.raises(ConfigError, match=message):
        view_of(catalog, train_on=names)


def test_train_on_a_dataset_held_out_is_refused(catalog):
    with pytest.raises(ConfigError, match="train_on"):
        view_of(catalog, split=LeaveOneDatasetOut("ham10000"), train_on=["ham10000", "pad_ufes_20"])


def test_a_catalog_without_a_column_or_with_an_image_twice_is_refused(catalog):
    with pytest.raises(DataError, match="no group_id"):
        view_of(catalog.drop(columns="group_id"))
    with pytest.raises(DataError, match="more than once: ham10000/0003"):
        view_of(pd.concat([catalog, catalog.iloc[[3]]]))


def test_the_catalog_is_left_as_it_was(catalog):
    before = catalog.copy()
    view_of(catalog, balance=Balance(("domain",)), train_on=["ham10000"])
    pd.testing.assert_frame_equal(catalog, before)


def test_the_summary_shows_counts_weights_and_reasons(catalog):
    view = view_of(catalog, balance=Balance(("domain", "fitzpatrick")))
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(view_summary(view))
    text = console.export_text()
    test = view.frame.iloc[view.rows("test")]
    for expected in (
        f"{len(test)} ({test['target'].sum()})",
        "smartphone/V-VI",
        "clinical/unknown",
        "missing file",
    ):
        assert expected in text
    assert view.fingerprint in text


def test_the_view_goes_to_json(catalog):
    view = view_of(catalog, split=Stratified())
    told = json.loads(json.dumps(view.to_dict()))
    assert told["images"]["test"] == len(view.rows("test"))
    assert sum(told["images"].values()) == len(view.frame)
    assert sum(item["images"] for item in told["left_out"]) == len(catalog) - len(view.frame)


def with_hashes(catalog: pd.DataFrame) -> pd.DataFrame:
    return catalog.assign(content_hash=[f"{i:064x}" for i in range(len(catalog))])


def split_file(catalog: pd.DataFrame, folder, split=None) -> File:
    write_split(rows_of(catalog, [(split or Grouped(), 0)]), folder / "split.csv", {})
    return File(str(folder / "split.csv"))


def test_view_of_a_split_file_is_that_of_the_split(catalog, tmp_path):
    catalog = with_hashes(catalog)
    view, wanted = view_of(catalog, split=split_file(catalog, tmp_path)), view_of(catalog)
    assert view.fingerprint == wanted.fingerprint
    assert (view.left_out, view.notes) == (wanted.left_out, ())


def test_images_that_a_split_file_does_not_name_are_counted_with_the_reason_and_shown(catalog, tmp_path):
    catalog = with_hashes(catalog)
    view = view_of(catalog, split=split_file(catalog[catalog["dataset"] != "pad_ufes_20"], tmp_path))
    usable = (
        (catalog["status"] == "ok") & catalog["malignancy"].notna() & (catalog["dataset"] == "pad_ufes_20")
    )
    assert total(view, "not in the split file") == usable.sum()
    (note,) = view.notes
    assert f"{usable.sum():,} pad_ufes_20" in note
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(view_summary(view))
    assert "images here are not in split.csv" in console.export_text()
    assert view.to_dict()["notes"] == [note]


def test_relatives_of_a_held_out_dataset_are_said_to_be_left_out_by_the_file(catalog, tmp_path):
    catalog = with_hashes(catalog)
    lesion = catalog["group_id"][catalog["dataset"] == "ham10000"].iloc[0]
    catalog.loc[catalog["dataset"] == "pad_ufes_20", "group_id"] = lesion
    held = LeaveOneDatasetOut("ham10000")
    view, wanted = view_of(catalog, split=split_file(catalog, tmp_path, held)), view_of(catalog, split=held)
    assert view.fingerprint == wanted.fingerprint
    assert total(view, "left out by the split file") == total(wanted, "shares a patient") > 0
    assert view.held_out == wanted.held_out == ("dermoscopic", "ham10000")


def test_leaky_split_file_is_audited_as_leaky(catalog, tmp_path):
    catalog = with_hashes(catalog)
    split = replace(split_file(catalog, tmp_path, Stratified()), leaky=True)
    audit = view_of(catalog, split=split).audit
    assert audit.leaky
    assert not audit.clean
