"""Label policies: the binary target, the conditions, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import Condition
from skintag.data.view.label_policy import (
    NON_NEOPLASTIC_EXCLUDED,
    PREMALIGNANT_EXCLUDED,
    UNDIAGNOSED,
    LabelPolicy,
)

CONFIGS = Path(__file__).parents[2] / "configs"

# name, malignancy, condition
ROWS = [
    ("melanoma", "malignant", 0),
    ("keratosis", "premalignant", 3),
    ("ddi keratosis", "benign", 3),  # the source says benign
    ("nevus", "benign", 4),
    ("rash", "benign", 8),
    ("mycosis fungoides", "malignant", 10),
    ("unnamed cancer", "malignant", None),
    ("unnamed lump", "benign", None),
    ("undiagnosed", None, None),
    ("undiagnosed with a class", None, 4),
]


@pytest.fixture
def frame() -> pd.DataFrame:
    names, malignancy, condition = zip(*ROWS, strict=True)
    return pd.DataFrame(
        {
            "image_id": pd.Series(names, dtype="str"),
            "malignancy": pd.Series(malignancy, dtype="str"),
            "condition": pd.Series(condition, dtype="Int8"),
        }
    )


def test_default_follows_the_sources_malignancy_and_folds_other_malignant_into_other(frame):
    targets = LabelPolicy().targets(frame)
    assert targets.target.tolist() == [1, 1, 0, 0, 0, 1, 1, 0, -1, -1]
    assert targets.condition.tolist() == [0, 3, 3, 4, 8, 9, 9, 9, -1, -1]
    assert targets.left_out.tolist() == [""] * 8 + [UNDIAGNOSED] * 2
    assert targets.usable.tolist() == [True] * 8 + [False] * 2
    assert (targets.target.dtype, targets.condition.dtype) == (np.int8, np.int8)


def test_premalignant_benign_changes_the_target_alone(frame):
    default, benign = LabelPolicy().targets(frame), LabelPolicy(premalignant="benign").targets(frame)
    assert benign.target.tolist() == [1, 0, 0, 0, 0, 1, 1, 0, -1, -1]
    assert benign.condition.tolist() == default.condition.tolist()


def test_premalignant_exclude_keeps_keratoses_that_the_source_calls_benign(frame):
    targets = LabelPolicy(premalignant="exclude").targets(frame)
    assert targets.left_out[1] == PREMALIGNANT_EXCLUDED
    assert targets.target.tolist() == [1, -1, 0, 0, 0, 1, 1, 0, -1, -1]
    assert targets.condition[1] == -1


def test_non_neoplastic_exclude_leaves_out_benign_rows_only(frame):
    frame.loc[5, "condition"] = Condition.NON_NEOPLASTIC  # malignant all the same: stays in
    targets = LabelPolicy(non_neoplastic="exclude").targets(frame)
    assert np.flatnonzero(targets.left_out == NON_NEOPLASTIC_EXCLUDED).tolist() == [4]
    assert targets.target[5] == 1


def test_extended_taxonomy_keeps_other_malignant_apart(frame):
    policy = LabelPolicy(taxonomy="extended")
    assert policy.n_conditions == 11
    assert policy.targets(frame).condition.tolist() == [0, 3, 3, 4, 8, 10, 10, 9, -1, -1]
    assert LabelPolicy().n_conditions == 10


def test_malignant_conditions_follow_the_policy():
    assert LabelPolicy().malignant_conditions == (0, 1, 2, 3)
    assert LabelPolicy(premalignant="benign").malignant_conditions == (0, 1, 2)
    assert LabelPolicy(premalignant="exclude", taxonomy="extended").malignant_conditions == (0, 1, 2, 10)


def test_a_malignancy_outside_the_schema_is_refused_with_its_row(frame):
    frame.loc[3, "malignancy"] = "malignent"
    with pytest.raises(DataError, match=r"(?s)malignent.*nevus"):
        LabelPolicy().targets(frame)


def test_a_condition_outside_the_schema_is_refused_with_its_row(frame):
    frame.loc[3, "condition"] = 11
    with pytest.raises(DataError, match=r"(?s)11.*nevus"):
        LabelPolicy().targets(frame)


@pytest.mark.parametrize(
    ("field", "value"),
    [("premalignant", "malignent"), ("non_neoplastic", "malignant"), ("taxonomy", "eleven")],
)
def test_an_unknown_choice_is_refused_by_its_key(field, value):
    with pytest.raises(ConfigError, match=rf"labels\.{field}='{value}'"):
        LabelPolicy(**{field: value})


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["+labels=default"], LabelPolicy()),
        (["+labels=premalignant_benign"], LabelPolicy(premalignant="benign")),
        (["+labels=premalignant_excluded"], LabelPolicy(premalignant="exclude")),
        (["+labels=non_neoplastic_excluded"], LabelPolicy(non_neoplastic="exclude")),
        (["+labels=extended"], LabelPolicy(taxonomy="extended")),
        (
            ["+labels=extended", "labels.premalignant=benign"],
            LabelPolicy(premalignant="benign", taxonomy="extended"),
        ),
    ],
)
def test_configs_build_the_policy_they_are_named_for(overrides, expected):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        assert instantiate(compose(overrides=overrides).labels) == expected
