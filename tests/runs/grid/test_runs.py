"""Reading grids: what a run was, and that only comparable runs are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from skintag.core.errors import DataError
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.grid.program import models_of, run_list
from skintag.runs.grid.runs import caption_of, of_split, read_grid, split_name
from tests.experiments.fake_grid import images, scores, write_grid, write_run

GROUPED = {"_target_": "skintag.data.view.splits.Grouped", "val": 0.1, "test": 0.2}


def test_splits_are_named_by_what_they_hold_out() -> None:
    assert split_name(GROUPED) == "grouped"
    held = {"_target_": "skintag.data.view.splits.LeaveOneDomainOut", "domain": "smartphone", "val": 0.1}
    assert split_name(held) == "leave_one_domain_out smartphone"
    assert split_name({"_target_": "x.External", "datasets": ["ddi", "bcn20000"]}) == "external ddi+bcn20000"


def test_a_grid_is_read_in_order_with_what_its_runs_say(tmp_path: Path) -> None:
    sweep = write_grid(tmp_path / "sweep", effects=False, n=200)
    runs = read_grid([sweep, sweep / "0_single_ham_seed0"])  # a run named twice is one run
    assert [(r.name, r.seed) for r in runs] == [
        (n, s) for n in ("multi", "multi_balanced", "single_ham") for s in (0, 1)
    ]
    assert len(of_split(runs, "grouped")) == 6
    assert caption_of(runs) == "made-up scores"
    assert models_of(runs) == ("head",)
    listed = run_list(runs)
    assert listed["commit"].unique().tolist() == ["0" * 12]
    assert listed.loc[0, "command"] == "train.py seed=0"  # without the paths of the machine


def test_two_runs_of_one_name_seed_and_split_are_refused(tmp_path: Path) -> None:
    a = write_grid(tmp_path / "a", effects=False, n=200, names=("multi",), seeds=(0,))
    b = write_grid(tmp_path / "b", effects=False, n=200, names=("multi",), seeds=(0,))
    with pytest.raises(DataError, match="one run of each name, seed and split"):
        read_grid([a, b])


def test_other_settings_under_another_seed_are_no_repetition(tmp_path: Path) -> None:
    a = write_grid(tmp_path / "a", effects=False, n=200, names=("multi",), seeds=(0,))
    b = write_grid(
        tmp_path / "b", effects=False, n=200, names=("multi",), seeds=(1,), split=GROUPED | {"val": 0.3}
    )
    with pytest.raises(DataError, match=r"others in split\.val"):
        read_grid([a, b])


def test_runs_tested_on_other_images_are_not_compared(tmp_path: Path) -> None:
    a = write_grid(tmp_path / "a", effects=False, n=200, names=("multi",), seeds=(0,))
    frame = images(200, seed=5)
    table = Predictions.from_arrays(frame, "head", scores(frame, "single_ham", 0, effects=False))
    write_run(tmp_path / "b", table, name="single_ham", seed=0, split=GROUPED, data={"note": ""})
    runs = read_grid([a, tmp_path / "b"])
    with pytest.raises(DataError, match="the test images and targets of"):
        of_split(runs, "grouped")
