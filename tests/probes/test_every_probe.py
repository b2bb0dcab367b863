"""What holds for every probe."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from sklearn.metrics import roc_auc_score

from skintag.core.errors import DataError, SkinTagError
from skintag.core.io import write_json
from skintag.core.outputs import Outputs
from skintag.probes.base import Probe
from skintag.probes.data import ProbeData
from skintag.probes.logistic import LogisticProbe
from skintag.probes.majority import MajorityProbe
from skintag.probes.mlp import MLPProbe
from skintag.probes.xgboost import XGBoostProbe

MAKERS: dict[str, Callable[[], Probe]] = {
    "majority": MajorityProbe,
    "logistic": lambda: LogisticProbe(c=(0.01, 0.1)),
    "mlp": lambda: MLPProbe(hidden=16, epochs=12, batch_size=32, learning_rate=3e-3),
    "xgboost": lambda: XGBoostProbe(trees=25, patience=5, threads=1),
}
EVERY = pytest.mark.parametrize("name", MAKERS)
CONFIGS = Path(__file__).parents[2] / "configs"


def same(a: Outputs, b: Outputs) -> bool:
    assert a.conditions is not None
    assert b.conditions is not None
    return np.array_equal(a.malignant, b.malignant) and np.array_equal(a.conditions, b.conditions)


@pytest.fixture(scope="module")
def fitted(train: ProbeData, val: ProbeData) -> dict[str, Probe]:
    probes = {name: make() for name, make in MAKERS.items()}
    for probe in probes.values():
        probe.fit(train, val)
    return probes


@EVERY
def test_probabilities_are_probabilities(fitted: dict[str, Probe], test: ProbeData, name: str) -> None:
    out = fitted[name].predict(test.embeddings)
    assert out.conditions is not None
    assert (out.malignant.dtype, out.conditions.dtype) == (np.float32, np.float32)
    assert (out.malignant.shape, out.conditions.shape) == ((200,), (200, 10))
    assert out.malignant.min() >= 0
    assert out.malignant.max() <= 1
    np.testing.assert_allclose(out.conditions.sum(axis=1), 1, atol=1e-5)


@EVERY
def test_conditions_that_train_did_not_have_get_no_probability(
    fitted: dict[str, Probe], test: ProbeData, name: str
) -> None:
    conditions = fitted[name].predict(test.embeddings).conditions
    assert conditions is not None
    assert (conditions[:, [1, 3, 5, 6, 8, 9]] == 0).all()
    assert (conditions[:, [0, 2, 4, 7]] > 0).all()


@pytest.mark.parametrize("name", ["logistic", "mlp", "xgboost"])
def test_what_can_be_learned_is_learned(fitted: dict[str, Probe], test: ProbeData, name: str) -> None:
    out = fitted[name].predict(test.embeddings)
    assert out.conditions is not None
    assert roc_auc_score(test.target, out.malignant) > 0.95
    assert (out.conditions.argmax(axis=1) == test.condition).mean() > 0.85


@EVERY
def test_saved_and_loaded_predicts_the_same(
    fitted: dict[str, Probe], test: ProbeData, name: str, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path)
    loaded = type(fitted[name]).load(tmp_path)
    assert same(loaded.predict(test.embeddings), fitted[name].predict(test.embeddings))
    assert loaded.record == fitted[name].record
    assert loaded.settings == fitted[name].settings


def test_all_probes_share_a_folder_without_pickle(fitted: dict[str, Probe], tmp_path: Path) -> None:
    for probe in fitted.values():
        probe.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "majority.json", "majority.npz", "logistic.json", "logistic.npz", "mlp.json", "mlp.safetensors",
        "xgboost.json", "xgboost_binary.ubj", "xgboost_condition.ubj",
    }  # fmt: skip


@EVERY
def test_same_data_and_seed_give_the_same_predictions(
    fitted: dict[str, Probe], train: ProbeData, val: ProbeData, test: ProbeData, name: str
) -> None:
    again = MAKERS[name]()
    torch.manual_seed(1234)  # the global state has no say, and is left as it was
    state = torch.get_rng_state()
    again.fit(train, val)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(again.predict(test.embeddings), fitted[name].predict(test.embeddings))


@EVERY
def test_a_second_fit_replaces_the_first(
    fitted: dict[str, Probe], draw: Callable[..., ProbeData], train: ProbeData, val: ProbeData, name: str
) -> None:
    probe = MAKERS[name]()
    probe.fit(draw(80, 7, conditions=(0, 9)), draw(40, 8, conditions=(0, 9)))
    probe.fit(train, val)
    assert same(probe.predict(val.embeddings), fitted[name].predict(val.embeddings))


@EVERY
def test_val_labels_choose_but_do_not_fit(
    fitted: dict[str, Probe], train: ProbeData, val: ProbeData, name: str
) -> None:
    """With val labels turned round every choice is the earliest, so what val says can only stop a fit."""
    probe = MAKERS[name]()
    probe.fit(train, replace(val, target=1 - val.target))
    out = probe.predict(train.embeddings).malignant
    if name != "majority":  # fitted on train all the same: ranks train the right way round
        assert roc_auc_score(train.target, out) > 0.9
    np.testing.assert_equal(probe.record.rows, len(train))  # type: ignore[union-attr]


@EVERY
def test_two_conditions_are_enough(draw: Callable[..., ProbeData], name: str) -> None:
    probe = MAKERS[name]()
    probe.fit(draw(80, 3, conditions=(2, 9)), draw(40, 4, conditions=(2, 9)))
    conditions = probe.predict(draw(20, 5).embeddings).conditions
    assert conditions is not None
    np.testing.assert_allclose(conditions[:, [2, 9]].sum(axis=1), 1, atol=1e-6)


@EVERY
def test_val_may_have_conditions_that_train_has_not(
    draw: Callable[..., ProbeData], train: ProbeData, name: str
) -> None:
    probe = MAKERS[name]()
    probe.fit(train, draw(120, 1, conditions=(0, 1, 2, 4, 9)))
    assert probe.record is not None
    assert all(np.isfinite(value) for value in probe.record.chosen.values())


@EVERY
def test_the_extended_taxonomy_has_eleven_columns(train: ProbeData, val: ProbeData, name: str) -> None:
    probe = MAKERS[name]()
    probe.fit(replace(train, n_conditions=11), replace(val, n_conditions=11))
    conditions = probe.predict(val.embeddings).conditions
    assert conditions is not None
    assert conditions.shape == (len(val), 11)


@EVERY
@pytest.mark.parametrize("target", [0, 1])
def test_one_class_in_train_is_an_error(train: ProbeData, val: ProbeData, name: str, target: int) -> None:
    with pytest.raises(DataError, match="both classes"):
        MAKERS[name]().fit(replace(train, target=np.full(len(train), target)), val)


@EVERY
def test_one_condition_in_train_or_no_val_is_an_error(train: ProbeData, val: ProbeData, name: str) -> None:
    probe = MAKERS[name]()
    with pytest.raises(DataError, match="condition 4 only"):
        probe.fit(replace(train, condition=np.full(len(train), 4)), val)
    empty = ProbeData(val.embeddings[:0], val.target[:0], val.condition[:0], val.weight[:0])
    with pytest.raises(DataError, match="val: no rows"):
        probe.fit(train, empty)
    with pytest.raises(DataError, match="no row of a condition"):
        probe.fit(train, replace(val, condition=np.full(len(val), 9)))


@EVERY
def test_no_images_give_no_predictions(fitted: dict[str, Probe], name: str) -> None:
    out = fitted[name].predict(np.empty((0, 12), dtype=np.float32))
    assert out.conditions is not None
    assert (out.malignant.shape, out.conditions.shape) == ((0,), (0, 10))


@EVERY
def test_predict_takes_embeddings_alone_and_of_the_right_width(fitted: dict[str, Probe], name: str) -> None:
    assert list(inspect.signature(type(fitted[name]).predict).parameters) == ["self", "embeddings"]
    with pytest.raises(ValueError, match="width 5"):
        fitted[name].predict(np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(ValueError, match="nan"):
        fitted[name].predict(np.full((3, 12), np.nan, dtype=np.float32))


@EVERY
def test_an_unfitted_probe_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(SkinTagError, match="not fitted"):
        MAKERS[name]().predict(np.zeros((1, 12), dtype=np.float32))
    with pytest.raises(SkinTagError, match="not fitted"):
        MAKERS[name]().save(tmp_path)


@EVERY
def test_missing_or_damaged_files_are_named(fitted: dict[str, Probe], name: str, tmp_path: Path) -> None:
    probe = type(fitted[name])
    with pytest.raises(DataError, match=f"{name}.json"):
        probe.load(tmp_path)
    fitted[name].save(tmp_path)
    model = next(path for path in sorted(tmp_path.iterdir()) if path.suffix != ".json")
    model.write_bytes(model.read_bytes()[:40])
    with pytest.raises(DataError, match="fit the probe again"):
        probe.load(tmp_path)
    fitted[name].save(tmp_path)
    meta = json.loads((tmp_path / f"{name}.json").read_text())
    del meta["checksum"]
    write_json(tmp_path / f"{name}.json", {**meta, "format": 99})
    with pytest.raises(DataError, match="format 99"):
        probe.load(tmp_path)


@EVERY
def test_fits_inside_a_callers_inference_mode(train: ProbeData, val: ProbeData, name: str) -> None:
    with torch.inference_mode():
        probe = MAKERS[name]()
        probe.fit(train, val)
    assert np.isfinite(probe.predict(val.embeddings).malignant).all()


@EVERY
def test_config_says_every_setting_and_the_class_default(name: str) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(overrides=[f"+probe={name}", "+seed=3"])
    assert list(config.probe) == [name]
    probe = instantiate(config.probe[name])
    assert probe.name == name
    expected = type(probe)().settings
    assert set(config.probe[name]) == {"_target_", *expected}
    assert probe.settings == {**expected, **({"seed": 3} if "seed" in expected else {})}


def test_config_all_has_every_probe() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(overrides=["+probe=all", "+seed=0"])
    assert list(config.probe) == list(MAKERS)


@EVERY
def test_no_flipped_bit_changes_what_a_probe_says(
    fitted: dict[str, Probe], name: str, tmp_path: Path, test: ProbeData
) -> None:
    said = fitted[name].predict(test.embeddings)
    fitted[name].save(tmp_path)
    whole = {path: path.read_bytes() for path in sorted(tmp_path.iterdir())}
    rng = np.random.default_rng(0)
    refused = 0
    for flip in range(24):
        path = list(whole)[flip % len(whole)]
        data = bytearray(whole[path])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        try:
            read = type(fitted[name]).load(tmp_path)
        except DataError:
            refused += 1
        else:
            np.testing.assert_array_equal(read.predict(test.embeddings).malignant, said.malignant)
        path.write_bytes(whole[path])
    assert refused > 12
