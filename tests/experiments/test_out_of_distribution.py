"""The out-of-distribution study: its pictures, its choice, and its tables on a tiny run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.experiments.fake_grid import EXPERIMENTS, run_tables


@pytest.fixture(scope="module")
def study() -> Iterator[dict[str, ModuleType]]:
    """The study's modules, importable as its program has them."""
    folder = str(EXPERIMENTS / "out_of_distribution")
    sys.path.insert(0, folder)
    yield {name: importlib.import_module(name) for name in ("non_skin", "detection")}
    sys.path.remove(folder)


def test_families_are_drawn_alike_in_the_sizes_of_lesion_photographs(study: dict[str, ModuleType]) -> None:
    sizes = np.array([[84, 84], [200, 150]])
    families, again = (study["non_skin"].draw_families(sizes, 6) for _ in range(2))
    assert {f.role for f in families.values()} == {"development", "report"}
    for name, family in families.items():
        assert len(family.pictures) == 6
        for picture, same in zip(family.pictures, again[name].pictures, strict=True):
            assert picture.dtype == np.uint8
            assert picture.shape in {(84, 84, 3), (150, 200, 3)}
            np.testing.assert_array_equal(picture, same)
        photographs = len(set(family.sources))
        assert photographs == (1 if "crops" in name else 6)
    different = [p.mean() for family in families.values() for p in family.pictures]
    assert len({round(float(m), 3) for m in different}) > 40


def test_the_smallest_among_the_best_is_chosen(study: dict[str, ModuleType]) -> None:
    rows = [
        ("knn", 16, 100, 0.996), ("knn", 64, 400, 0.999), ("mahalanobis", 16, 50, 0.80), ("mahalanobis", 64, 200, 0.9),
    ]  # fmt: skip
    table = pd.DataFrame(
        [
            {"kind": k, "rank": r, "bytes": b, "family": f, "auroc": a}
            for k, r, b, a in rows
            for f in ("x", "y")
        ]
    )
    assert study["detection"].choose(table) == (("knn", 16), {"knn": 16, "mahalanobis": 64})


def test_the_tables_of_a_tiny_run(finished_run: Path, tmp_path: Path) -> None:
    run_tables("out_of_distribution", tmp_path, finished_run, more=("--each", "12"))
    choice = pd.read_csv(tmp_path / "choice.csv")
    assert set(choice["family"]) == {"crops of a palace", "colour gradients", "Gaussian noise"}
    found = pd.read_csv(tmp_path / "detection.csv")
    assert not set(found["family"]) & set(choice["family"])  # what chose does not report
    assert found["auroc"].between(0, 1).all()
    crops = found["family"].str.startswith("crops")
    assert found.loc[crops, "low"].isna().all()
    assert found.loc[found["independent"] >= 10, "low"].notna().all()
    undiagnosed = found["family"] == "undiagnosed rows of bcn20000"
    assert undiagnosed.any()
    away = pd.read_csv(tmp_path / "turned_away.csv")
    assert set(away["keeps"]) == {"val", "each domain of val"}
    wide = away.pivot_table(index=["kind", "grouping", "group"], columns="keeps", values="flagged")
    assert (wide["each domain of val"] <= wide["val"] + 1e-9).all()
    assert "synthetic" in (tmp_path / "detection.md").read_text()
