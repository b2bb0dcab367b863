from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from skintag.models.scores import EpochScores


def data(n: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(0, 2, (n,), generator=random)
    p = (target * 0.3 + torch.rand(n, generator=random)).clamp(0, 1)
    return torch.rand(n, generator=random), p, target, torch.randint(0, 3, (n,), generator=random)


def test_scores_are_those_of_all_samples_whatever_the_batches():
    losses, p, target, group = data(50)
    for sizes in ([50], [49, 1], [7] * 7 + [1]):
        scores = EpochScores(n_groups=4)
        for parts in zip(*(x.split(sizes) for x in (losses, p, target, group)), strict=True):
            scores.update(*parts)
        values = scores.compute()
        assert values["loss"].item() == pytest.approx(losses.mean().item(), rel=1e-6)
        assert values["auroc"].item() == pytest.approx(roc_auc_score(target, p), rel=1e-6)
        worst = max(losses[group == g].mean().item() for g in range(3))
        assert values["worst_group_loss"].item() == pytest.approx(worst, rel=1e-6)


def test_groups_too_small_to_judge_are_left_out_of_the_worst():
    losses, p, target = torch.tensor([1.0] * 10 + [9.0]), torch.rand(11), torch.ones(11, dtype=torch.int64)
    scores = EpochScores(n_groups=2)
    scores.update(losses, p, target, torch.tensor([0] * 10 + [1]))
    assert scores.compute()["worst_group_loss"] == 1


def test_auroc_of_one_class_is_nan_and_the_loss_is_not():
    losses, p, target, group = data(20)
    scores = EpochScores(n_groups=3)
    scores.update(losses, p, torch.zeros_like(target), group)
    values = scores.compute()
    assert math.isnan(values["auroc"])
    assert values["loss"].item() == pytest.approx(losses.mean().item())


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_sample_gives_nan():
    assert all(math.isnan(value) for value in EpochScores(n_groups=3).compute().values())


def test_reset_forgets():
    scores = EpochScores(n_groups=3)
    scores.update(*data(20))
    scores.compute()
    scores.reset()
    losses, p, target, group = data(30, seed=1)
    scores.update(losses, p, target, group)
    assert scores.compute()["loss"].item() == pytest.approx(losses.mean().item(), rel=1e-6)
