"""A predictions table with everything that can be missing missing somewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.predictions.predictions import Predictions

N = 240


@pytest.fixture
def view_frame() -> pd.DataFrame:
    """240 rows as a view gives them, in all splits and domains; some columns are not for predictions."""
    rng = np.random.default_rng(5)
    fitzpatrick = pd.array(rng.choice([1, 2, 3, 4, 5, 6, None], N), dtype="Int8")
    groups = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
    domain = rng.choice(["dermoscopic", "clinical", "smartphone"], N)
    names = {"dermoscopic": "ham10000", "clinical": "ddi", "smartphone": "pad_ufes_20"}
    return pd.DataFrame(
        {
            "image_id": [f"x/{i:03d}" for i in rng.permutation(N)],
            "dataset": [names[d] for d in domain],
            "domain": domain,
            "split": rng.choice(["train", "val", "test"], N),
            "target": rng.integers(0, 2, N).astype("int8"),
            "target_condition": rng.integers(0, 10, N).astype("int8"),
            "condition": pd.array(rng.integers(0, 11, N), dtype="Int8"),
            "fitzpatrick": fitzpatrick,
            "fst_group": pd.Series(fitzpatrick).map(groups).astype("str"),
            "sex": pd.Series(rng.choice(["female", "male", None], N), dtype="str"),
            "age": pd.array(rng.choice([25.0, 30.0, 69.5, 70.0, None], N), dtype="Float32"),
            "site": pd.Series([None] * N, dtype="str"),
            "lesion_id": pd.Series(rng.choice(["l1", None], N), dtype="str"),
            "patient_id": pd.Series([None] * N, dtype="str"),
            "group_id": [f"g{i}" for i in range(N)],
            "weight": np.ones(N, dtype="float32"),
        }
    )


@pytest.fixture
def predictions(view_frame: pd.DataFrame) -> Predictions:
    """Two models on `view_frame`: `head` knows something and gives conditions, `noise` neither."""
    rng = np.random.default_rng(6)
    signal = np.clip(0.3 * view_frame["target"] + 0.7 * rng.random(N), 0, 1).astype("float32")
    conditions = rng.dirichlet(np.ones(10), N).astype("float32")
    return Predictions.concat(
        [
            Predictions.from_arrays(view_frame, "head", signal, conditions),
            Predictions.from_arrays(view_frame, "noise", rng.random(N)),
        ]
    )
