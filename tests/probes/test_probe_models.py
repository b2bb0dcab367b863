"""What each probe does by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.preprocessing import StandardScaler

from skintag.core.errors import ConfigError
from skintag.probes.data import ProbeData, log_loss, standardisation
from skintag.probes.logistic import LogisticProbe
from skintag.probes.majority import MajorityProbe
from skintag.probes.mlp import MLPProbe
from skintag.probes.xgboost import Rounds, XGBoostProbe

Draw = Callable[..., ProbeData]


def test_majority_gives_the_weighted_shares() -> None:
    data = ProbeData(
        np.zeros((4, 1), dtype=np.float32),
        np.array([1, 0, 0, 0]),
        np.array([2, 5, 5, 7]),
        np.array([3, 1, 2, 2], dtype=np.float32),
    )
    probe = MajorityProbe()
    probe.fit(data, data)
    out = probe.predict(np.ones((1, 1), dtype=np.float32))
    assert out.malignant[0] == np.float32(3 / 8)
    assert out.conditions is not None
    np.testing.assert_allclose(out.conditions[0], np.array([0, 0, 3, 0, 0, 3, 0, 2, 0, 0]) / 8)


def test_logistic_is_scikit_learns_at_the_strength_that_val_likes_best(
    train: ProbeData, val: ProbeData, test: ProbeData
) -> None:
    grid = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    scaler = StandardScaler().fit(train.embeddings)
    x, x_val, x_test = (scaler.transform(d.embeddings) for d in (train, val, test))
    models = {
        c: LogisticRegression(C=c, max_iter=1000).fit(x, train.target, sample_weight=train.weight)
        for c in grid
    }
    losses = {
        c: sklearn_log_loss(val.target, m.predict_proba(x_val)[:, 1], sample_weight=val.weight)
        for c, m in models.items()
    }
    best = min(losses, key=lambda c: losses[c])
    probe = LogisticProbe(c=grid, max_iter=1000)
    probe.fit(train, val)
    assert probe.record is not None
    assert probe.record.chosen["binary_c"] == best
    assert probe.record.chosen["binary_val_log_loss"] == pytest.approx(losses[best], abs=1e-4)
    expected = models[best].predict_proba(x_test)[:, 1]
    np.testing.assert_allclose(probe.predict(test.embeddings).malignant, expected, atol=2e-3)


def test_logistic_says_where_it_ran_out_of_iterations(train: ProbeData, val: ProbeData) -> None:
    probe = LogisticProbe(c=(1.0,), max_iter=2)
    probe.fit(train, val)
    assert probe.record is not None
    assert probe.record.chosen["binary_unconverged"] == 1.0


def test_mlp_keeps_the_epoch_that_val_likes_best(draw: Draw) -> None:
    train, val = draw(80, 0, noise=2.5), draw(80, 1, noise=2.5)
    long = MLPProbe(hidden=64, dropout=0.0, epochs=60, patience=60, batch_size=16, learning_rate=0.01)
    long.fit(train, val)
    assert long.record is not None
    best = int(long.record.chosen["best_epoch"])
    assert 1 <= best < 60  # it does overfit
    short = replace(long, epochs=best)
    short.fit(train, val)
    np.testing.assert_array_equal(
        short.predict(val.embeddings).malignant, long.predict(val.embeddings).malignant
    )


def test_mlp_changes_with_its_seed(train: ProbeData, val: ProbeData) -> None:
    outputs = []
    for seed in (0, 1):
        probe = MLPProbe(hidden=8, epochs=2, seed=seed)
        probe.fit(train, val)
        outputs.append(probe.predict(val.embeddings).malignant)
    assert not np.array_equal(*outputs)


def test_xgboost_is_what_its_settings_say(draw: Draw) -> None:
    """Against xgboost's own interface, with the same bins, weights and number of trees."""
    train, val = draw(300, 0, noise=1.5), draw(200, 1, noise=1.5)
    probe = XGBoostProbe(trees=40, patience=5, threads=1)
    probe.fit(train, val)
    malignant = train.weight[train.target == 1].sum()
    scale = float(train.weight[train.target == 0].sum() / malignant)
    assert probe.record is not None
    assert probe.record.chosen["scale_pos_weight"] == pytest.approx(scale, rel=1e-6)
    parameters = {
        "objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist", "max_bin": 64,
        "max_depth": 6, "learning_rate": 0.1, "scale_pos_weight": scale, "nthread": 1,
    }  # fmt: skip
    data = xgb.QuantileDMatrix(train.embeddings, train.target, max_bin=64)
    data.set_weight(train.weight)
    # half of val's weight is malignant, as half of train's is
    ratio = val.weight[val.target == 0].sum() / val.weight[val.target == 1].sum()
    weight = val.weight * np.where(val.target == 1, ratio, 1)
    val_data = xgb.QuantileDMatrix(val.embeddings, val.target, weight=weight, max_bin=64, ref=data)
    history: dict[str, dict[str, list[float]]] = {}
    xgb.train(parameters, data, 40, evals=[(val_data, "val")], evals_result=history, verbose_eval=False)
    losses = history["val"]["logloss"]
    stop = next((i for i in range(5, 40) if min(losses[: i - 4]) <= min(losses[i - 4 : i + 1])), 39)
    best = int(np.argmin(losses[: stop + 1])) + 1
    assert probe.record.chosen["binary_trees"] == best
    assert best < 40  # early stopping did stop it
    reference = xgb.train(parameters, data, best)
    np.testing.assert_allclose(
        probe.predict(val.embeddings).malignant, reference.inplace_predict(val.embeddings), atol=1e-6
    )


@pytest.mark.parametrize(("given", "share"), [(None, 0.5), (1.0, 0.8)])
def test_val_that_stops_xgboost_has_the_class_shares_of_train(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, given: float | None, share: float
) -> None:
    train, val = draw(300, 0), draw(200, 1)
    # weights as balancing over domains makes them: a share of malignancies that val knows nothing of
    ratio = 4 * (train.target == 0).sum() / (train.target == 1).sum()
    train = replace(train, weight=np.where(train.target == 1, ratio, 1.0))
    weights: list[np.ndarray] = []
    plain = xgb.train

    def watched(parameters: dict, data: xgb.DMatrix, **named: object) -> xgb.Booster:
        weights.append(named["evals"][0][0].get_weight())  # type: ignore[index]
        return plain(parameters, data, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(xgb, "train", watched)
    XGBoostProbe(trees=3, threads=1, scale_pos_weight=given).fit(
        train, replace(val, weight=np.ones(len(val)))
    )
    assert weights[0][val.target == 1].sum() / weights[0].sum() == pytest.approx(share, rel=1e-4)


def test_xgboost_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    losses = {"val": {"logloss": [0.5, 0.4, 0.45]}}
    Rounds("binary", 500, silent=0).after_iteration(None, 2, losses)
    said = capsys.readouterr().err
    assert "xgboost, binary: round 3 of at most 500, log loss on val 0.4500 (best 0.4000 after 2)" in said
    Rounds("binary", 500).after_iteration(None, 2, losses)
    assert capsys.readouterr().err == ""  # not before ten seconds


def test_xgboost_does_not_hang_on_the_number_of_threads(draw: Draw) -> None:
    train, val = draw(300, 0, noise=1.5), draw(100, 1, noise=1.5)
    outputs = []
    for threads in (1, 2):
        probe = XGBoostProbe(trees=15, threads=threads)
        probe.fit(train, val)
        outputs.append(probe.predict(val.embeddings))
    np.testing.assert_allclose(outputs[0].malignant, outputs[1].malignant, atol=1e-5)
    np.testing.assert_allclose(outputs[0].conditions, outputs[1].conditions, atol=1e-5)


def test_xgboost_condition_model_is_what_its_settings_say(draw: Draw) -> None:
    """Made from scratch it is the same: the binned table that both models share carries nothing over."""
    train, val = draw(300, 0, noise=1.5), draw(200, 1, noise=1.5, conditions=(0, 1, 2, 4, 7))
    probe = XGBoostProbe(trees=40, patience=5, threads=1, condition_colsample=1.0)
    probe.fit(train, val)
    assert probe.record is not None
    trees = int(probe.record.chosen["condition_trees"])
    parameters = {
        "objective": "multi:softprob", "num_class": 4, "tree_method": "hist", "max_bin": 64, "max_depth": 6,
        "learning_rate": 0.3, "nthread": 1,
    }  # fmt: skip
    code = {condition: i for i, condition in enumerate((0, 2, 4, 7))}
    data = xgb.QuantileDMatrix(train.embeddings, [code[c] for c in train.condition], max_bin=64)
    data.set_weight(train.weight)
    reference = xgb.train(parameters, data, trees)
    expected = reference.inplace_predict(val.embeddings)
    conditions = probe.predict(val.embeddings).conditions
    assert conditions is not None
    np.testing.assert_allclose(conditions[:, [0, 2, 4, 7]], expected, atol=1e-6)
    known = val.condition != 1
    truth = [code[c] for c in val.condition[known]]
    loss = sklearn_log_loss(truth, expected[known], sample_weight=val.weight[known])
    assert probe.record.chosen["condition_val_log_loss"] == pytest.approx(loss, rel=1e-4)


def test_xgboost_weighs_rows(draw: Draw) -> None:
    """Rows of weight 0 have no say, however wrong."""
    train, val = draw(200, 0), draw(100, 1)
    both = ProbeData(
        np.concatenate([train.embeddings, train.embeddings]),
        np.concatenate([train.target, 1 - train.target]),
        np.concatenate([train.condition, train.condition]),
        np.concatenate([train.weight, np.zeros_like(train.weight)]),
    )
    outputs = []
    for data in (train, both):
        probe = XGBoostProbe(trees=10, threads=1, max_bin=512)
        probe.fit(data, val)
        outputs.append(probe.predict(val.embeddings).malignant)
    np.testing.assert_allclose(*outputs, atol=0.02)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: XGBoostProbe(trees=0), "trees"),
        (lambda: XGBoostProbe(colsample=0), "colsample"),
        (lambda: XGBoostProbe(threads=-1), "threads"),
        (lambda: XGBoostProbe(threads=2**63), "threads"),
        (lambda: XGBoostProbe(threads=True), "threads"),
        (lambda: MLPProbe(dropout=1.0), "dropout"),
        (lambda: MLPProbe(patience=0), "patience"),
        (lambda: LogisticProbe(c=(1.0, 0.1)), "c is"),
        (lambda: LogisticProbe(c=()), "c is"),
        (lambda: LogisticProbe(max_iter=0), "max_iter"),
    ],
)
def test_settings_that_make_no_sense_name_their_key(make: Callable[[], object], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"probe\.\w+\.{key}"):
        make()


def test_log_loss_is_scikit_learns_and_leaves_unknown_rows_out() -> None:
    rng = np.random.default_rng(0)
    p, code, weight = rng.dirichlet(np.ones(3), 50), rng.integers(0, 3, 50), rng.random(50)
    expected = sklearn_log_loss(code, p, sample_weight=weight, labels=[0, 1, 2])
    assert log_loss(code, p, weight) == pytest.approx(expected)
    more = np.concatenate([code, [-1]]), np.concatenate([p, p[:1]]), np.concatenate([weight, [9.0]])
    assert log_loss(*more) == pytest.approx(expected)
    assert np.isnan(log_loss(np.array([-1]), p[:1], np.ones(1)))


def test_a_column_that_does_not_vary_is_not_blown_up() -> None:
    x = np.array([[1.0, 1000.1, 2.0], [3.0, 1000.1, 2.0]], dtype=np.float32)
    mean, scale = standardisation(x)
    np.testing.assert_allclose(mean, [2.0, 1000.1, 2.0], rtol=1e-6)
    assert scale.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"target": np.array([0, 2])}, "target"),
        ({"condition": np.array([0, 10])}, "condition"),
        ({"weight": np.array([1.0, -1.0])}, "weights"),
        ({"weight": np.array([0.0, 0.0])}, "weights"),
        ({"weight": np.array([1.0])}, "weight has shape"),
        ({"embeddings": np.zeros(2)}, r"\[n, d\]"),
        ({"embeddings": np.array([[0.0], [np.inf]])}, "1 embedding"),
    ],
)
def test_probe_data_is_checked(changes: dict[str, np.ndarray], complaint: str) -> None:
    good = {
        "embeddings": np.zeros((2, 1)),
        "target": np.array([0, 1]),
        "condition": np.array([0, 9]),
        "weight": np.ones(2),
    }
    ProbeData(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=complaint):
        ProbeData(**{**good, **changes})  # type: ignore[arg-type]
