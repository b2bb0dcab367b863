"""Of a run that was scored and then killed, only what is missing is made; probes that were fitted are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from skintag.core.io import read_json, write_json
from skintag.probes.logistic import LogisticProbe
from skintag.runs import state
from tests.conftest import compose_config, train

SMALL = (
    "debug=one_batch",
    "loader.batch_size=16",
    "trainer.effective_batch_size=16",
    "experiment=multi_balanced",
)


def is_never_called(*_: object, **__: object) -> None:
    raise AssertionError("this was done before")


@pytest.fixture
def stopped(finished_run: Path, tmp_path: Path) -> Path:
    """A run that was killed once it was scored."""
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    write_json(folder / state.STATE, {"version": 1, "whole": [state.SCORES]})
    return folder


def test_a_scored_run_is_not_trained_again(
    workspace: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (stopped / name).read_bytes() for name in ("predictions.parquet", "thresholds.json")}
    left = stopped / "checkpoints" / ".last.ckpt.0123abcd.part"
    left.write_bytes(b"half")
    monkeypatch.setattr("skintag.training.train.fit", is_never_called)
    monkeypatch.setattr("skintag.training.results.collect_predictions", is_never_called)
    result = train(compose_config(workspace, *SMALL), stopped)
    assert result is not None
    assert set(result.thresholds) == set(result.predictions.models)
    assert state.has(stopped, state.FINISHED)
    assert before == {name: (stopped / name).read_bytes() for name in before}
    assert read_json(stopped / "provenance.json")["started"] == 2


def test_with_other_settings_it_is_trained(
    workspace: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skintag.training.train.fit", is_never_called)
    with pytest.raises(AssertionError, match="done before"):
        train(compose_config(workspace, *SMALL, "optimizer.head_lr=3e-4"), stopped)


def test_probes_that_were_fitted_are_not_fitted_again(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = compose_config(workspace, *SMALL, "fit=false", "probe=logistic")
    fitted = train(config, tmp_path / "run")
    state.begin(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(LogisticProbe, "_fit", is_never_called)
        again = train(config, tmp_path / "run")
    assert fitted.predictions.frame.equals(again.predictions.frame)

    # a damaged one is fitted again, and one with other settings too
    path = next((tmp_path / "run" / "probes").rglob("logistic.npz"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    state.begin(tmp_path / "run")
    repaired = train(config, tmp_path / "run")
    assert fitted.predictions.frame.equals(repaired.predictions.frame)
    monkeypatch.setattr(LogisticProbe, "_fit", is_never_called)
    state.begin(tmp_path / "run")
    with pytest.raises(AssertionError, match="done before"):
        train(
            compose_config(workspace, *SMALL, "fit=false", "probe=logistic", "probe.logistic.c=[0.01]"),
            tmp_path / "run",
        )
