"""Weights: inverse frequency by factor, and skin types that are not written down moving nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import DOMAINS, FST_GROUPS
from skintag.data.view.balance import Balance

CONFIGS = Path(__file__).parents[2] / "configs"
EVERY_OVER = [
    ("domain",), ("fitzpatrick",), ("domain", "fitzpatrick"), ("malignancy",),
    ("domain", "malignancy"), ("malignancy", "fitzpatrick"), ("domain", "malignancy", "fitzpatrick"),
]  # fmt: skip


def rows(domain, fst_group) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": pd.Series([f"x/{i}" for i in range(len(domain))], dtype="str"),
            "domain": pd.Series(list(domain), dtype="str"),
            "fst_group": pd.Series(list(fst_group), dtype="str"),
        }
    )


train_rows = st.lists(
    st.tuples(
        st.sampled_from(DOMAINS), st.sampled_from((*FST_GROUPS, None)), st.integers(0, 1)
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


def unpack(drawn) -> tuple[pd.DataFrame, np.ndarray]:
    domain, group, target = zip(*drawn, strict=True)
    return rows(domain, group), np.array(target, dtype=np.int8)


def test_no_factor_gives_ones():
    train = rows(["clinical"] * 3, ["I-II", None, "V-VI"])
    assert Balance().weights(train, np.zeros(3, np.int8)).tolist() == [1, 1, 1]


def test_domain_weights_by_hand():
    train = rows(["dermoscopic"] * 3 + ["smartphone"], [None] * 4)
    weights = Balance(("domain",)).weights(train, np.zeros(4, np.int8))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])


def test_fitzpatrick_weights_by_hand():
    # clinical: three I-II, one V-VI, two unknown: 4 annotated rows over 2 groups -> 4/(2*3) and 4/(2*1)
    train = rows(["clinical"] * 6 + ["dermoscopic"] * 2, ["I-II"] * 3 + ["V-VI", None, None] + [None, None])
    weights = Balance(("fitzpatrick",)).weights(train, np.zeros(8, np.int8))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2, 1, 1, 1, 1])


def test_domain_fitzpatrick_is_the_product():
    train = rows(["clinical"] * 4 + ["smartphone"] * 2, ["I-II"] * 3 + ["V-VI", None, "V-VI"])
    target = np.zeros(6, np.int8)
    product = Balance(("domain",)).weights(train, target) * Balance(("fitzpatrick",)).weights(train, target)
    both = Balance(("fitzpatrick", "domain")).weights(train, target)
    np.testing.assert_allclose(both, product)
    np.testing.assert_allclose(both, [0.5, 0.5, 0.5, 1.5, 1.5, 1.5])


def test_a_domain_with_one_annotated_group_stays_neutral():
    train = rows(["smartphone"] * 5, ["III-IV", "III-IV", None, None, None])
    assert Balance(("fitzpatrick",)).weights(train, np.zeros(5, np.int8)).tolist() == [1] * 5


def test_domain_and_class_weights_match_scikit_learn():
    rng = np.random.default_rng(0)
    train = rows(rng.choice(DOMAINS, 300, p=[0.6, 0.3, 0.1]), [None] * 300)
    target = (rng.random(300) < 0.2).astype(np.int8)
    ours = Balance(("domain",), max_ratio=None).weights(train, target)
    np.testing.assert_allclose(ours, compute_sample_weight("balanced", train["domain"]))
    ours = Balance(("malignancy",), max_ratio=None).weights(train, target)
    np.testing.assert_allclose(ours, compute_sample_weight("balanced", target))


def test_domain_malignancy_makes_both_classes_weigh_the_same_in_each_domain():
    rng = np.random.default_rng(1)
    train = rows(rng.choice(DOMAINS, 500), [None] * 500)
    target = (rng.random(500) < 0.3).astype(np.int8)
    weights = Balance(("domain", "malignancy")).weights(train, target)
    mass = pd.Series(weights).groupby([train["domain"], target]).sum()
    np.testing.assert_allclose(mass, 500 / 6)


def test_the_informative_gap_of_pad_ufes_20_moves_no_weight_between_classes():
    # every cancer annotated, most benign ones not, and the annotated ones skewed towards I-II
    target = np.array([1] * 40 + [0] * 60, np.int8)
    groups = ["I-II"] * 30 + ["III-IV"] * 10 + ["I-II"] * 15 + ["V-VI"] * 3 + [None] * 42
    weights = Balance(("malignancy", "fitzpatrick")).weights(rows(["smartphone"] * 100, groups), target)
    assert weights[target == 1].sum() == pytest.approx(50)
    assert weights[target == 0].sum() == pytest.approx(50)
    assert np.unique(weights[58:]).tolist() == pytest.approx([100 / (2 * 60)])  # class weight, nothing more


def test_the_cap_bounds_the_weight_and_keeps_the_mean():
    train, target = rows(["dermoscopic"] * 200 + ["smartphone"] * 2, [None] * 202), np.zeros(202, np.int8)
    free = Balance(("domain",), max_ratio=None).weights(train, target)
    np.testing.assert_allclose(free[[0, -1]], [202 / 400, 202 / 4])
    capped = Balance(("domain",), max_ratio=10.0).weights(train, target)
    np.testing.assert_allclose(capped[[0, -1]], [(202 - 20) / 200, 10])


def test_the_cap_holds_for_the_product_of_factors():
    # smartphone: domain weight 120/(2*20) = 3; its one V-VI image could weigh 3 * 20/(2*1) = 30
    train = rows(["dermoscopic"] * 100 + ["smartphone"] * 20, [None] * 100 + ["I-II"] * 19 + ["V-VI"])
    weights = Balance(("domain", "fitzpatrick"), max_ratio=10.0).weights(train, np.zeros(120, np.int8))
    np.testing.assert_allclose(weights[[0, 100, -1]], [0.6, (60 - 10) / 19, 10])


def test_what_a_capped_level_loses_can_cap_another():
    # mass 33 each: 1 row -> cap 4, 7 rows: (99-4)/2/7 = 6.8 -> cap 4 too, the rest to the 91
    train = rows(["clinical"] * 99, ["V-VI"] + ["III-IV"] * 7 + ["I-II"] * 91)
    weights = Balance(("fitzpatrick",), max_ratio=4.0).weights(train, np.zeros(99, np.int8))
    np.testing.assert_allclose(weights[[0, 1, -1]], [4, 4, (99 - 32) / 91])


@settings(max_examples=40, deadline=None)
@given(drawn=train_rows, over=st.sampled_from(EVERY_OVER), cap=st.sampled_from([None, 1.0, 3.0, 10.0]))
def test_weights_are_positive_with_mean_one(drawn, over, cap):
    train, target = unpack(drawn)
    weights = Balance(over, max_ratio=cap).weights(train, target)
    assert (weights > 0).all()
    assert weights.mean() == pytest.approx(1)
    assert cap is None or weights.max() <= cap * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(
    drawn=train_rows,
    hidden=st.lists(st.booleans(), min_size=60, max_size=60),
    over=st.sampled_from([("fitzpatrick",), ("domain", "fitzpatrick")]),
)
def test_hiding_skin_types_moves_no_weight_between_domains_or_to_the_annotated(drawn, hidden, over):
    train, target = unpack(drawn)
    partly = train.assign(fst_group=train["fst_group"].mask(np.array(hidden[: len(train)])))
    balance = Balance(over, max_ratio=5.0)
    before, after = balance.weights(train, target), balance.weights(partly, target)
    for domain in train["domain"].unique():
        here = (train["domain"] == domain).to_numpy()
        assert after[here].sum() == pytest.approx(before[here].sum())
        known = partly["fst_group"].notna().to_numpy()
        if (here & known).any() and (here & ~known).any():
            assert after[here & known].mean() == pytest.approx(after[here & ~known].mean())
        assert len(np.unique(after[here & ~known])) <= 1


@settings(max_examples=40, deadline=None)
@given(drawn=train_rows, cap=st.sampled_from([1.0, 1.2, 2.5, 10.0]))
def test_in_each_domain_uncapped_skin_types_weigh_the_same_and_capped_ones_less(drawn, cap):
    train, target = unpack(drawn)
    train = train.assign(weight=Balance(("fitzpatrick",), max_ratio=cap).weights(train, target))
    for _, cell in train.dropna(subset="fst_group").groupby("domain"):
        weight, mass = (cell.groupby("fst_group")["weight"].agg(how) for how in ("mean", "sum"))
        at_cap = np.isclose(weight, cap)
        assert np.ptp(mass[~at_cap]) <= 1e-9 if (~at_cap).any() else cap == pytest.approx(1)
        assert (mass[at_cap] <= mass.max() + 1e-9).all()


def test_over_is_kept_in_one_order_and_takes_a_single_name():
    assert Balance(("fitzpatrick", "domain")) == Balance(("domain", "fitzpatrick"))
    assert Balance("domain").over == ("domain",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"over": ("fitzpatric",)}, "did you mean 'fitzpatrick'"),
        ({"over": ("domain", "domain")}, "twice"),
        ({"mode": "losses"}, r"balance\.mode"),
        ({"max_ratio": 0.5}, r"balance\.max_ratio"),
        ({"max_ratio": float("nan")}, r"balance\.max_ratio"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        Balance(**fields)


def test_a_skin_type_group_outside_the_schema_does_not_pass_for_unknown():
    with pytest.raises(DataError, match="V to VI"):
        Balance(("fitzpatrick",)).weights(rows(["clinical"], ["V to VI"]), np.zeros(1, np.int8))


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("none", ()),
        ("domain", ("domain",)),
        ("fitzpatrick", ("fitzpatrick",)),
        ("domain_fitzpatrick", ("domain", "fitzpatrick")),
        ("malignancy", ("malignancy",)),
        ("domain_malignancy", ("domain", "malignancy")),
    ],
)
def test_configs_build_the_balance_they_are_named_for(name, over):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        assert instantiate(compose(overrides=[f"+balance={name}"]).balance) == Balance(over)
        sampled = compose(overrides=[f"+balance={name}", "balance.mode=sampling", "balance.max_ratio=null"])
    assert instantiate(sampled.balance) == Balance(over, mode="sampling", max_ratio=None)
