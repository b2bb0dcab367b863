"""The out-of-distribution reference, against truth from scipy, scikit-learn and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.spatial.distance import cdist, mahalanobis
from sklearn.covariance import LedoitWolf

from skintag.core.errors import ConfigError, DataError
from skintag.ood.reference import FILE, KINDS, OodReference
from skintag.ood.subspace import Subspace, ledoit_wolf

Floats = NDArray[np.float64]
LABELS = np.arange(600) % 3


def cloud(n: int, seed: int, width: int = 8, shift: float = 0.0) -> Floats:
    """Rows [n, width] of a Gaussian whose axes differ in length, moved along the first one."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(99).normal(size=(width, width)))[0]
    rows = rng.normal(size=(n, width)) * np.linspace(2.0, 0.5, width)
    rows[:, 0] += shift
    return rows @ turn + 3.0


def made(kind: str, **settings: Any) -> OodReference:
    labels = LABELS if kind == "relative_mahalanobis" else None
    return OodReference.fit(cloud(600, 0), cloud(200, 1), kind=kind, labels=labels, **settings)


def test_shrinkage_is_scikit_learns() -> None:
    for n, width in ((20, 30), (500, 6)):
        rows = cloud(n, 3, width)
        rows -= rows.mean(axis=0)
        assert ledoit_wolf(rows) == pytest.approx(
            LedoitWolf(assume_centered=True).fit(rows).shrinkage_, rel=1e-9
        )


def test_squared_distance_is_scipys() -> None:
    train, probe = cloud(600, 0), cloud(50, 2)
    reference = OodReference.fit(train, cloud(200, 1), kind="mahalanobis", rank=8)
    inverse = np.linalg.inv(LedoitWolf().fit(train).covariance_)
    expected = [mahalanobis(row, train.mean(axis=0), inverse) ** 2 for row in probe]
    np.testing.assert_allclose(
        reference.score(probe), expected, rtol=5e-3
    )  # directions are of half precision


def test_distance_is_from_the_nearest_class_mean() -> None:
    means = np.array([[0.0, 0.0], [10.0, 0.0]])
    labels = np.repeat([0, 1], 400)
    train = means[labels] + np.random.default_rng(0).normal(size=(800, 2))
    reference = OodReference.fit(train, train, kind="mahalanobis", labels=labels)
    between, near = reference.score([[5.0, 0.0], [10.0, 0.0]])
    assert between == pytest.approx(25, rel=0.1)
    assert near < 0.1
    alone = OodReference.fit(train, train, kind="mahalanobis").score([[5.0, 0.0]])
    assert alone[0] < 0.1  # one Gaussian has its middle just where no class is


def test_relative_distance_is_the_difference_of_two() -> None:
    train, probe = cloud(600, 0), cloud(40, 2)
    train[:, 0] += 4 * LABELS
    relative = OodReference.fit(train, train, kind="relative_mahalanobis", labels=LABELS).score(probe)
    of_class = OodReference.fit(train, train, kind="mahalanobis", labels=LABELS).score(probe)
    of_all = OodReference.fit(train, train, kind="mahalanobis").score(probe)
    np.testing.assert_allclose(relative, of_class - of_all, rtol=1e-9)


def test_low_rank_distance_is_that_of_its_covariance() -> None:
    rows = cloud(600, 0)
    rows -= rows.mean(axis=0)
    space = Subspace.of(rows, rank=3, shrinkage=0.0)
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    values = np.concatenate([np.full(5, values[:5].mean()), values[5:]])
    expected = np.einsum("ni,ij,nj->n", rows, vectors / values @ vectors.T, rows)
    np.testing.assert_allclose(space.squared_distance(rows), expected, rtol=5e-3)


def test_neighbour_distance_is_that_of_all_pairs() -> None:
    train, probe = cloud(600, 0), cloud(50, 2)
    reference = OodReference.fit(train, cloud(200, 1), kind="knn", neighbours=4, rank=8)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (probe, train)]
    expected = np.sort(cdist(*unit), axis=1)[:, 3]
    np.testing.assert_allclose(reference.score(probe), expected, atol=2e-3)


def test_neighbours_of_a_low_rank_lie_in_its_plane() -> None:
    """What lies beside the kept directions adds to the distance: a row cannot hide there."""
    rng = np.random.default_rng(0)
    train = np.concatenate([np.ones((300, 1)), rng.normal(size=(300, 2)), np.zeros((300, 3))], axis=1)
    reference = OodReference.fit(train, train, kind="knn", rank=2)
    strange = train[:20].copy()
    strange[:, 5] = 3.0
    assert (reference.score(strange) > reference.score(train[:20]) + 0.3).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [0.9, 0.95, 1.0])
def test_threshold_keeps_the_stated_share_of_val(kind: str, target: float) -> None:
    reference = made(kind, target=target)
    kept = 1 - reference.flags(cloud(200, 1)).mean()
    assert target <= kept < target + 1 / 200
    assert reference.record.val_kept == pytest.approx(kept)


@pytest.mark.parametrize("kind", KINDS)
def test_threshold_keeps_the_stated_share_of_every_group_of_val(kind: str) -> None:
    val = np.concatenate([cloud(200, 1), cloud(40, 4, shift=6.0), cloud(5, 5, shift=50.0)])
    groups = np.repeat(np.array(["dermoscopic", "smartphone", None], dtype=object), [200, 40, 5])
    labels = LABELS if kind == "relative_mahalanobis" else None
    train = np.concatenate([cloud(570, 0), cloud(30, 6, shift=6.0)])
    plain, fair = (
        OodReference.fit(train, val, kind=kind, labels=labels, val_groups=g) for g in (None, groups)
    )
    kept = {name: 1 - fair.flags(val[groups == name]).mean() for name in ("dermoscopic", "smartphone")}
    assert min(kept.values()) >= 0.95
    assert min(kept.values()) < 0.95 + 1 / 40  # no higher than the group that needs it most asks for
    assert fair.threshold >= plain.threshold
    small = OodReference.fit(train, val, kind=kind, labels=labels, val_groups=groups, smallest=41)
    assert small.threshold <= fair.threshold


def test_a_rare_skin_type_is_protected_beside_domains() -> None:
    # skin types V-VI are one in fifty and a little apart; every domain has its share of them
    rng, n = np.random.default_rng(0), 2000
    dark = rng.random(n) < 0.02

    def draw(seed: int, dark: np.ndarray) -> np.ndarray:
        rows = cloud(len(dark), seed)
        return np.where(dark[:, None], rows * 1.35, rows)

    val = draw(1, dark)
    groups = {
        "domain": np.where(np.arange(n) % 2 == 0, "clinical", "dermoscopic"),
        "fst_group": np.where(dark, "V-VI", np.where(np.arange(n) % 3 == 0, "I-II", None)),  # type: ignore[call-overload]
    }
    domains, both = (
        OodReference.fit(draw(0, dark), val, kind="mahalanobis", val_groups=g)
        for g in (groups["domain"], groups)
    )
    new = draw(2, np.ones(2000, bool))
    assert domains.flags(new).mean() > 0.2
    assert both.flags(new).mean() < 0.1
    assert both.flags(val[dark]).mean() <= 0.05
    assert both.flags(cloud(100, 3, shift=20.0)).all()


@pytest.mark.parametrize("kind", ["mahalanobis", "knn"])
def test_strange_embeddings_are_flagged_and_new_ones_like_train_are_not(kind: str) -> None:
    reference = made(kind)
    assert reference.flags(cloud(500, 7)).mean() < 0.12
    strange = -cloud(100, 8)  # on the other side of 0
    assert reference.flags(strange).all()


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_scores_are_equal(kind: str, tmp_path: Path) -> None:
    reference, probe = made(kind, rank=3), cloud(50, 2)
    path = reference.save(tmp_path)
    again = OodReference.load(tmp_path)
    np.testing.assert_array_equal(again.score(probe), reference.score(probe))
    assert (again.threshold, again.settings, again.record) == (
        reference.threshold,
        reference.settings,
        reference.record,
    )
    assert again.save(tmp_path / "twice").read_bytes() == path.read_bytes()


def test_rows_are_bounded_and_drawn_alike() -> None:
    references = [made("knn", rows=50, seed=seed) for seed in (0, 0, 1)]
    assert all(len(r.arrays["rows"]) == 50 for r in references)
    np.testing.assert_array_equal(references[0].arrays["rows"], references[1].arrays["rows"])
    assert not np.array_equal(references[0].arrays["rows"], references[2].arrays["rows"])
    with pytest.raises(ConfigError, match="rows"):
        made("knn", rows=2001)


def test_a_mobile_students_reference_stays_small(tmp_path: Path) -> None:
    """960-d embeddings, as MobileNetV3 gives: a reference is a fortieth of a 4 MB model."""
    train = np.random.default_rng(0).normal(size=(2500, 960)).astype(np.float32)
    sizes = {}
    for kind in KINDS:
        reference = OodReference.fit(train, train[:100], kind=kind, labels=np.arange(2500) % 10)
        sizes[kind] = reference.save(tmp_path / kind).stat().st_size
        assert sizes[kind] == pytest.approx(reference.nbytes, abs=4096)
    assert max(sizes.values()) < 110_000, sizes


def test_a_direction_in_which_train_is_constant_does_not_flag_all() -> None:
    train = cloud(600, 0)
    train[:, 2] = 0.0
    val = train[:100] + 1e-9
    for kind in ("mahalanobis", "knn"):
        reference = OodReference.fit(train, val, kind=kind)
        assert np.isfinite(reference.score(val)).all()
        assert reference.flags(val).mean() <= 0.05


def test_what_is_not_finite_is_flagged_and_leaves_the_others_alone() -> None:
    reference = made("mahalanobis")
    rows = cloud(3, 2)
    alone = reference.score(rows)
    rows[1, 0] = np.nan
    np.testing.assert_allclose(reference.score(rows), [alone[0], np.inf, alone[2]])
    assert reference.flags(rows)[1]
    assert reference.score(np.empty((0, 8))).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"train_embeddings": np.zeros((0, 8))}, "train embeddings"),
        ({"train_embeddings": np.full((5, 8), np.nan)}, "5 row"),
        ({"val_embeddings": np.zeros((5, 7))}, "val embeddings"),
        ({"labels": [1, 2, 3]}, "labels"),
        ({"val_groups": ["a", "b"]}, "val groups"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(arguments: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"train_embeddings": cloud(20, 0), "val_embeddings": cloud(20, 1)} | arguments
    with pytest.raises(DataError, match=said):
        OodReference.fit(**given)


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings in ({"target": 0.0}, {"kind": "mahalanobi"}, {"rank": 0}, {"kind": "relative_mahalanobis"}):
        with pytest.raises(ConfigError, match="ood"):
            OodReference.fit(cloud(20, 0), cloud(20, 1), **settings)


def test_another_width_is_refused() -> None:
    with pytest.raises(DataError, match=r"\[n, 8\]"):
        made("knn").score(np.zeros((3, 9)))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = made("knn").save(tmp_path)
    whole, arrays = path.read_bytes(), load_file(path)
    said = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    newer = {"skintag_ood": said["skintag_ood"].replace('"format": 1', '"format": 2')}
    assert newer != said

    def refused() -> str:
        with pytest.raises(DataError) as caught:
            OodReference.load(tmp_path)
        return str(caught.value)

    path.write_bytes(whole[:-5])
    assert FILE in refused()
    save_file(arrays, path, metadata=newer)
    assert "format 2" in refused()
    save_file({**arrays, "rows": arrays["rows"][:, :3]}, path, metadata=said)
    assert "rows has shape" in refused()
    save_file({k: v for k, v in arrays.items() if k != "rows"}, path, metadata=said)
    assert "arrays" in refused()
    save_file({**arrays, "rows": arrays["rows"] * np.float16("inf")}, path, metadata=said)
    assert "not finite" in refused()
    path.unlink()
    assert "FileNotFoundError" in refused() or "No such file" in refused()
