"""Splits: groups stay whole, shares come out, and nothing but the rows and the seed matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import MALIGNANCY
from skintag.data.sources import adapter_of
from skintag.data.view.splits import (
    External,
    Folds,
    Grouped,
    LeaveOneDatasetOut,
    LeaveOneDomainOut,
    Stratified,
)

CONFIGS = Path(__file__).parents[2] / "configs"
HELD_OUT = [LeaveOneDomainOut("clinical"), LeaveOneDatasetOut("ddi"), External(("ddi",))]


def table(dataset, malignancy, group) -> pd.DataFrame:
    """Catalog rows with the columns a split reads."""
    dataset = list(dataset)
    return pd.DataFrame(
        {
            "image_id": pd.Series([f"{d}/{i:05d}" for i, d in enumerate(dataset)], dtype="str"),
            "dataset": pd.Series(dataset, dtype="str"),
            "domain": pd.Series([adapter_of(d).domains[0] for d in dataset], dtype="str"),
            "malignancy": pd.Series(list(malignancy), dtype="str"),
            "group_id": pd.Series(list(group), dtype="str"),
        }
    )


def random_table(rows: int, seed: int = 0, datasets=("ham10000", "pad_ufes_20", "ddi")) -> pd.DataFrame:
    """Groups of about two images, each inside one dataset; malignancies mixed inside groups."""
    rng = np.random.default_rng(seed)
    odds = np.array([0.6, 0.3, 0.1])[: len(datasets)]
    dataset = rng.choice(datasets, rows, p=odds / odds.sum())
    group = [f"{d}/g{i}" for d, i in zip(dataset, rng.integers(0, rows // 2, rows), strict=True)]
    return table(dataset, rng.choice(MALIGNANCY, rows, p=[0.7, 0.1, 0.2]), group)


# dataset, malignancy, group number: groups may span datasets and be of any size
drawn_rows = st.lists(
    st.tuples(
        st.sampled_from(["ham10000", "fitzpatrick17k", "ddi"]),
        st.sampled_from(MALIGNANCY),
        st.integers(0, 25),
    ),
    min_size=3,
    max_size=120,
)


def unpack(drawn) -> pd.DataFrame:
    dataset, malignancy, group = zip(*drawn, strict=True)
    return table(dataset, malignancy, [f"g{g}" for g in group])


def shares(split: np.ndarray) -> dict[str, float]:
    return {name: float(np.mean(split == name)) for name in ("train", "val", "test")}


@settings(max_examples=40, deadline=None)
@given(drawn=drawn_rows, seed=st.integers(0, 5))
def test_same_group_never_in_two_splits(drawn, seed):
    frame = unpack(drawn)
    split = Grouped().assign(frame, seed)
    assert set(split) <= {"train", "val", "test"}
    assert pd.Series(split).groupby(frame["group_id"]).nunique().max() == 1


@settings(max_examples=40, deadline=None)
@given(drawn=drawn_rows, seed=st.integers(0, 5))
def test_held_out_images_are_only_tested_and_no_group_crosses(drawn, seed):
    frame = unpack([("ddi", "benign", 0), ("ham10000", "malignant", 1), *drawn])
    for policy in HELD_OUT:
        split = policy.assign(frame, seed)
        held = frame["domain"] == "clinical" if policy is HELD_OUT[0] else frame["dataset"] == "ddi"
        assert (split[held] == "test").all()
        kept = split != ""
        assert pd.Series(split[kept]).groupby(frame["group_id"][kept].to_numpy()).nunique().max() == 1
        # a dropped row always has a held-out relative
        assert frame["group_id"][~kept].isin(frame["group_id"][held]).all()


@settings(max_examples=30, deadline=None)
@given(drawn=drawn_rows, order=st.randoms(use_true_random=False), seed=st.integers(0, 5))
def test_the_order_of_rows_does_not_matter(drawn, order, seed):
    frame = unpack([("ddi", "benign", 0), ("ham10000", "malignant", 1), *drawn])
    turned = list(range(len(frame)))
    order.shuffle(turned)
    for policy in (Grouped(), Stratified(), *HELD_OUT):
        straight = policy.assign(frame, seed)
        again = policy.assign(frame.iloc[turned].reset_index(drop=True), seed)
        assert (straight[turned] == again).all()


def test_shares_come_out_by_dataset_and_malignancy():
    frame = random_table(6000)
    for policy in (Grouped(), Stratified()):
        split = policy.assign(frame, 0)
        for (dataset, malignancy), rows in frame.groupby(["dataset", "malignancy"]).indices.items():
            found = shares(split[rows])
            tolerance = 0.5 / np.sqrt(
                len(rows)
            )  # mixed groups: a binomial would have 0.4 / sqrt(n) as one sd
            assert found["test"] == pytest.approx(0.2, abs=tolerance), (dataset, malignancy)
            assert found["val"] == pytest.approx(0.1, abs=tolerance), (dataset, malignancy)
        for rows in frame.groupby("dataset").indices.values():
            assert shares(split[rows])["test"] == pytest.approx(0.2, abs=0.015)


def test_pure_strata_are_cut_to_the_image():
    # 100 singletons in each stratum: counts are exact
    dataset = np.repeat(["ham10000", "ddi"], 300)
    malignancy = np.tile(np.repeat(MALIGNANCY, 100), 2)
    frame = table(dataset, malignancy, [f"g{i}" for i in range(600)])
    counts = pd.crosstab([frame["dataset"], frame["malignancy"]], Grouped().assign(frame, 3))
    assert (counts[["train", "val", "test"]].to_numpy() == [70, 10, 20]).all()


@pytest.mark.parametrize("seed", range(8))
def test_large_groups_do_not_upset_the_shares(seed):
    # one group of 300, ten of 30, 600 single images
    group = ["giant"] * 300 + [f"big{i // 30}" for i in range(300)] + [f"g{i}" for i in range(600)]
    frame = table(["bcn20000"] * 1200, ["malignant"] * 1200, group)
    found = shares(Grouped().assign(frame, seed))
    assert found["test"] == pytest.approx(0.2, abs=0.002)
    assert found["val"] == pytest.approx(0.1, abs=0.002)


def test_large_groups_are_tested_too_under_some_seed():
    group = [f"big{i // 5}" for i in range(50)] + [f"g{i}" for i in range(150)]
    frame = table(["bcn20000"] * 200, ["benign"] * 200, group)
    large = frame["group_id"].str.startswith("big").to_numpy()
    tested = np.mean([np.mean(Grouped().assign(frame, seed)[large] == "test") for seed in range(60)])
    assert tested == pytest.approx(0.2, abs=0.06)


def test_a_group_that_fits_nowhere_goes_to_train():
    frame = table(["ham10000"] * 9, ["benign"] * 9, ["g"] * 9)
    assert set(Grouped().assign(frame, 0)) == {"train"}


def test_adding_a_dataset_keeps_the_other_assignments():
    frame = random_table(2000)
    added = pd.concat([frame, random_table(900, 7, ("fitzpatrick17k",))], ignore_index=True)
    for policy in (Grouped(), Stratified(), External(("ddi",)), LeaveOneDatasetOut("ddi")):
        assert (policy.assign(added, 1)[:2000] == policy.assign(frame, 1)).all()


def test_one_image_less_moves_few_others():
    frame = random_table(3000)
    before = Grouped().assign(frame, 2)
    after = Grouped().assign(frame.drop(index=[17, 170, 1700]).reset_index(drop=True), 2)
    assert np.sum(np.delete(before, [17, 170, 1700]) != after) < 30


def test_another_seed_is_another_split():
    frame = random_table(1000)
    first, second = (Grouped().assign(frame, seed) for seed in (0, 1))
    assert 0.3 < np.mean(first != second) < 0.6  # 1 - (.7² + .1² + .2²) = 0.46


def test_stratified_separates_relatives_and_says_so():
    frame = random_table(1000)
    split = Stratified().assign(frame, 0)
    assert pd.Series(split).groupby(frame["group_id"]).nunique().max() > 1
    assert Stratified.leaky
    assert not any(policy.leaky for policy in (Grouped(), *HELD_OUT))


def test_leave_one_domain_out_drops_the_relatives_of_the_domain_held_out():
    frame = table(
        ["ddi", "ddi", *["ham10000"] * 40],
        ["benign", "malignant"] * 21,
        ["a", "b", "a", *(f"g{i}" for i in range(39))],
    )
    split = LeaveOneDomainOut("clinical", val=0.25).assign(frame, 0)
    assert split[:3].tolist() == ["test", "test", ""]
    assert set(split[3:]) == {"train", "val"}
    assert np.sum(split == "val") == pytest.approx(10, abs=1)


def test_the_test_images_beside_an_external_set_are_those_of_grouped():
    frame = random_table(2000)
    external = External(("ddi",)).assign(frame, 4)
    rest = (frame["dataset"] != "ddi").to_numpy()
    assert (external[rest] == Grouped().assign(frame, 4)[rest]).all()
    beside = LeaveOneDatasetOut("ddi", in_domain_test=0.2).assign(frame, 4)
    assert (beside == external).all()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (LeaveOneDomainOut("dermoscopy"), r"split\.domain.*did you mean 'dermoscopic'"),
        (LeaveOneDatasetOut("ham1000"), r"split\.dataset.*did you mean 'ham10000'"),
        (External(("ddi", "bcn20000")), r"split\.datasets.*'bcn20000'"),
        (External(("ddi", "ham10000", "pad_ufes_20")), "nothing is left to train on"),
    ],
)
def test_a_name_that_the_data_do_not_hold_is_refused(policy, message):
    with pytest.raises(ConfigError, match=message):
        policy.assign(random_table(200), 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grouped(val=0.0),
        lambda: Grouped(val=0.5, test=0.5),
        lambda: Stratified(test=-0.1),
        lambda: LeaveOneDomainOut("clinical", in_domain_test=1.0),
        lambda: External(()),
    ],
)
def test_shares_that_leave_nothing_are_refused(make):
    with pytest.raises(ConfigError, match=r"split\."):
        make()


def test_an_image_without_a_leakage_group_is_refused():
    frame = random_table(50)
    frame.loc[7, "group_id"] = None
    with pytest.raises(DataError, match=f"(?s)group_id.*{frame['image_id'][7]}"):
        Grouped().assign(frame, 0)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["+split=grouped"], Grouped()),
        (["+split=stratified"], Stratified()),
        (["+split=leave_one_domain_out", "split.domain=clinical"], LeaveOneDomainOut("clinical")),
        (["+split=leave_one_dataset_out", "split.dataset=ddi"], LeaveOneDatasetOut("ddi")),
        (["+split=external", "split.datasets=[ddi,bcn20000]"], External(("ddi", "bcn20000"))),
        (["+split=external", "split.datasets=ddi"], External(("ddi",))),
        (["+split=external_ddi"], External(("ddi",))),
    ],
)
def test_configs_build_the_split_they_are_named_for(overrides, expected):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        assert instantiate(compose(overrides=overrides).split) == expected


@given(drawn_rows, st.integers(2, 5), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_each_image_is_tested_in_one_fold_and_groups_stay_whole(rows, k: int, seed: int) -> None:
    frame = table(*zip(*[(d, m, f"g{g}") for d, m, g in rows], strict=True))
    parts = [Folds(fold, k, 0.1).assign(frame, seed) for fold in range(k)]
    assert (np.sum([part == "test" for part in parts], axis=0) == 1).all()
    for part in parts:
        assert frame.assign(part=part).groupby("group_id")["part"].nunique().max() == 1


def test_folds_have_their_shares_of_every_dataset() -> None:
    frame = random_table(6_000)
    for fold in range(5):
        part = Folds(fold).assign(frame, 7)
        for _, rows in frame.assign(part=part).groupby("dataset"):
            shares = rows["part"].value_counts(normalize=True)
            assert shares["test"] == pytest.approx(0.2, abs=0.02)
            assert shares["val"] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"k": 1}, "split.k=1: expected 2"),
        ({"fold": 5}, "split.fold=5: expected 0 to 4"),
        ({"fold": -1}, "split.fold=-1"),
        ({"k": 2.5}, "split.k=2.5: expected a whole"),
        ({"val": 0.9}, "leaves nothing"),
    ],
)
def test_folds_that_make_no_sense_are_refused(values: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Folds(**values)
