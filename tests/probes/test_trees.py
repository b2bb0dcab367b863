"""A damaged or crafted XGBoost model is refused, or predicts like any other: it never ends the process."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.core.checksums import file_crc32
from skintag.core.errors import DataError
from skintag.core.io import read_json, write_json
from skintag.probes import ubjson
from skintag.probes.data import ProbeData
from skintag.probes.trees import checked_model
from skintag.probes.xgboost import XGBoostProbe

FEATURES, CLASSES = 12, 4


@pytest.fixture(scope="module")
def saved(train: ProbeData, val: ProbeData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    probe = XGBoostProbe(trees=6, depth=4, patience=3, threads=1)
    probe.fit(train, val)
    folder = tmp_path_factory.mktemp("xgboost")
    probe.save(folder)
    return folder


@pytest.fixture(scope="module")
def raw(saved: Path) -> bytes:
    return (saved / "xgboost_condition.ubj").read_bytes()


def check(data: bytes) -> bytearray:
    return checked_model(data, features=FEATURES, classes=CLASSES)


def test_what_is_written_anew_predicts_the_same(raw: bytes, test: ProbeData) -> None:
    again = ubjson.write(ubjson.read(raw))
    assert ubjson.write(ubjson.read(again)) == again
    ours, theirs = xgb.Booster(), xgb.Booster()
    ours.load_model(check(raw))
    theirs.load_model(bytearray(raw))
    np.testing.assert_array_equal(
        ours.inplace_predict(test.embeddings), theirs.inplace_predict(test.embeddings)
    )


def tree(model: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = model["learner"]["gradient_booster"]["model"]["trees"][0]
    return found


def put(name: str, at: int, value: float) -> Callable[[dict[str, Any]], None]:
    def change(model: dict[str, Any]) -> None:
        tree(model)[name][at] = value

    return change


def cut(name: str) -> Callable[[dict[str, Any]], None]:
    def change(model: dict[str, Any]) -> None:
        tree(model)[name] = tree(model)[name][:-1]

    return change


def param(group: str, name: str, value: str) -> Callable[[dict[str, Any]], None]:
    def change(model: dict[str, Any]) -> None:
        model["learner"][group][name] = value

    return change


CRAFTED: dict[str, Callable[[dict[str, Any]], None]] = {
    "child outside": put("left_children", 0, 10**8),
    "child before": put("left_children", 0, -7),
    "a way back": put("left_children", 1, 0),
    "itself": put("right_children", 0, 0),
    "no such feature": put("split_indices", 0, 10**9),
    "feature below zero": put("split_indices", 0, -1),
    "by category": put("split_type", 0, 1),
    "nan": put("split_conditions", 0, np.nan),
    "another parent": put("parents", 1, 5),
    "short": cut("left_children"),
    "short weights": cut("split_conditions"),
    "features": param("learner_model_param", "num_feature", "4000000"),
    "classes": param("learner_model_param", "num_class", "900000000"),
    "targets": param("learner_model_param", "num_target", "7"),
    "negative": param("learner_model_param", "num_class", "-1"),
    "score": param("learner_model_param", "base_score", "nan"),
    "scores": param("learner_model_param", "base_score", "[1E-1,2E-1]"),
    "objective": param("objective", "name", "reg:squarederror"),
    "booster": lambda model: model["learner"]["gradient_booster"].update(name="dart"),
    "nodes": lambda model: tree(model)["tree_param"].update(num_nodes="1000000"),
    "leaf vectors": lambda model: tree(model)["tree_param"].update(size_leaf_vector="1000"),
    "trees": lambda model: model["learner"]["gradient_booster"]["model"]["trees"].pop(),
    "of another class": lambda model: model["learner"]["gradient_booster"]["model"]["tree_info"].__setitem__(
        0, 99
    ),
    "rounds": lambda model: model["learner"]["gradient_booster"]["model"]["iteration_indptr"].__setitem__(
        1, 10**6
    ),
    "another member": lambda model: model.update(Config={}),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_model_is_refused(raw: bytes, name: str) -> None:
    model = ubjson.read(raw)
    CRAFTED[name](model)
    with pytest.raises(ValueError):
        check(ubjson.write(model))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[", b"{}" * 2, b"[$d#L" + struct.pack(">q", 2**62), b"[#L" + struct.pack(">q", 2**40),
        b"[#L" + struct.pack(">q", -1), b"{L" + struct.pack(">q", 2**61) + b"a", b"[#i\1" * 5000, b"{i\1aS", b"N",
        b"[$N#i\1",
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_and_takes_no_memory(data: bytes) -> None:
    with pytest.raises(ValueError):
        check(data)


@given(data=st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        ubjson.read(data)


def test_the_probe_names_the_file(saved: Path, tmp_path: Path) -> None:
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "xgboost_binary.ubj"
    model = ubjson.read(path.read_bytes())
    tree(model)["left_children"][0] = 10**8
    path.write_bytes(ubjson.write(model))
    about = read_json(tmp_path / "xgboost.json")
    about["files"][path.name] = file_crc32(path)  # whoever crafts a model writes its checksum too
    write_json(tmp_path / "xgboost.json", about)
    with pytest.raises(DataError, match=r"xgboost\.json(.|\n)*tree 0(.|\n)*fit the probe again"):
        XGBoostProbe.load(tmp_path)


PROGRAM = """
import sys, numpy as np, xgboost as xgb
from pathlib import Path
from skintag.probes.trees import checked_model
raw, rng = Path(sys.argv[1]).read_bytes(), np.random.default_rng(0)
x = rng.random((50, 12), dtype=np.float32)
refused = 0
for _ in range(int(sys.argv[2])):
    data = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    try:
        model = checked_model(bytes(data), features=12, classes=4)
    except ValueError:
        refused += 1
        continue
    booster = xgb.Booster({"nthread": 1})
    try:
        booster.load_model(model)
    except xgb.core.XGBoostError:  # it looks at some texts itself
        refused += 1
        continue
    assert booster.inplace_predict(x).shape == (50, 4)
print(refused)
"""


@pytest.mark.parametrize("flips", [60, pytest.param(3000, marks=pytest.mark.long)])
def test_flipped_bits_end_no_process(saved: Path, flips: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(saved / "xgboost_condition.ubj"), str(flips)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > flips / 10
