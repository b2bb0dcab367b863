from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from skintag.core.errors import ConfigError
from skintag.models.objective import OBJECTIVES, Objective, build_objective
from skintag.models.objectives import Erm, Focal, GroupDro, Hierarchical, Multitask
from skintag.models.outputs import Logits

K = 4


def sample(objective: Objective, n: int = 16, seed: int = 0) -> tuple[Logits, dict[str, Tensor]]:
    """Random logits with gradient, and a random batch that fits them."""
    random = torch.Generator().manual_seed(seed)
    width = objective.condition_width(K)
    malignant = (2 * torch.randn(n, generator=random)).requires_grad_()
    condition = torch.randn(n, width, generator=random).requires_grad_() if width else None
    batch = {
        "target": torch.randint(0, 2, (n,), generator=random),
        "condition": torch.randint(0, K, (n,), generator=random),
        "weight": torch.rand(n, generator=random) + 0.1,
        "group": torch.randint(0, 5, (n,), generator=random),
    }
    return Logits(malignant, condition, torch.zeros(n, 1)), batch


@pytest.fixture(params=sorted(OBJECTIVES))
def objective(request) -> Objective:
    return build_objective({"name": request.param})


def test_erm_is_the_weighted_log_loss_over_the_number_of_samples():
    output, batch = sample(Erm())
    p = output.malignant.detach().sigmoid().numpy()
    summed = log_loss(batch["target"], p, sample_weight=batch["weight"], normalize=False)
    assert Erm().loss(output, batch)["loss"].item() == pytest.approx(summed / 16, rel=1e-5)


def test_a_sample_alone_in_its_batch_keeps_its_weight(objective):
    output, batch = sample(objective, n=1)
    objective.loss(output, batch)  # shows group_dro the group
    objective.eval()
    once = objective.loss(output, {**batch, "weight": torch.tensor([1.0])})["loss"]
    thrice = objective.loss(output, {**batch, "weight": torch.tensor([3.0])})["loss"]
    assert thrice.item() == pytest.approx(3 * once.item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.5])
def test_focal_agrees_with_torchvision(gamma):
    output, batch = sample(Focal())
    want = sigmoid_focal_loss(output.malignant, batch["target"].float(), alpha=-1, gamma=gamma)
    got = Focal(gamma).per_sample(output, batch)["loss"]
    assert torch.allclose(got, want, rtol=1e-4, atol=1e-7)


def test_focal_at_gamma_zero_is_erm():
    output, batch = sample(Focal())
    assert torch.equal(Focal(0.0).loss(output, batch)["loss"], Erm().loss(output, batch)["loss"])


def test_multitask_adds_the_condition_loss():
    output, batch = sample(Multitask())
    losses = Multitask(0.3).loss(output, batch)
    p = output.conditions.detach().softmax(1).numpy()
    condition = log_loss(
        batch["condition"], p, sample_weight=batch["weight"], normalize=False, labels=range(K)
    )
    assert losses["condition"].item() == pytest.approx(condition / 16, rel=1e-5)
    assert losses["binary"].item() == pytest.approx(Erm().loss(output, batch)["loss"].item())
    assert losses["loss"].item() == pytest.approx((losses["binary"] + 0.3 * losses["condition"]).item())


def test_hierarchical_joint_probabilities_sum_to_the_binary_ones():
    objective = Hierarchical()
    output, _ = sample(objective)
    joint = objective.joint(output)
    p_malignant, p_condition, _ = objective.probabilities(output)
    assert joint.shape == (16, 2, K)
    assert torch.allclose(joint[:, 1].sum(1), p_malignant, atol=1e-6)
    assert torch.allclose(joint[:, 0].sum(1), 1 - p_malignant, atol=1e-6)
    assert torch.allclose(joint.sum(1), p_condition, atol=1e-6)
    assert torch.allclose(p_condition.sum(1), torch.ones(16), atol=1e-6)


def test_hierarchical_condition_can_be_malignant_in_one_sample_and_benign_in_another():
    # condition 2 is certain either way; malignancy stays a matter of its own
    given = torch.full((2, 2, K), -50.0)
    given[:, :, 2] = 50.0
    output = Logits(torch.tensor([3.0, -3.0]), given.flatten(1), torch.zeros(2, 1))
    joint = Hierarchical().joint(output)
    p = torch.tensor([3.0, -3.0]).sigmoid()
    assert torch.allclose(joint[:, 1, 2], p, atol=1e-6)
    assert torch.allclose(joint[:, 0, 2], 1 - p, atol=1e-6)


def test_hierarchical_loss_is_the_likelihood_of_the_pair():
    objective = Hierarchical()
    output, batch = sample(objective)
    pair = objective.joint(output)[torch.arange(16), batch["target"], batch["condition"]]
    assert torch.allclose(objective.per_sample(output, batch)["loss"], -pair.log(), rtol=1e-5)


def test_probabilities_are_probabilities(objective):
    output, _ = sample(objective)
    p_malignant, p_condition, _ = objective.probabilities(output)
    assert torch.equal(p_malignant, output.malignant.sigmoid())
    if objective.condition_width(K):
        assert p_condition.shape == (16, K)
        assert torch.allclose(p_condition.sum(1), torch.ones(16), atol=1e-6)
    else:
        assert p_condition is None


def test_gradients_flow_to_every_output(objective):
    output, batch = sample(objective)
    objective.loss(output, batch)["loss"].backward()
    assert (output.malignant.grad != 0).all()
    if output.conditions is not None:
        assert (output.conditions.grad != 0).any(dim=0).all()


def test_samples_of_weight_zero_do_not_count(objective):
    output, batch = sample(objective)
    batch["weight"][3] = 0
    objective.loss(output, batch)["loss"].backward()
    assert output.malignant.grad[3] == 0
    assert (output.malignant.grad[4:] != 0).all()


@pytest.mark.parametrize("logit", [-1e4, -200.0, 200.0, 1e4])
def test_extreme_logits_give_finite_losses_and_gradients(objective, logit):
    output, batch = sample(objective)
    malignant = torch.full((16,), logit, requires_grad=True)
    condition = None
    if output.conditions is not None:
        condition = (output.conditions.detach() * abs(logit)).requires_grad_()
    output = Logits(malignant, condition, output.embeddings)
    loss = objective.loss(output, batch)["loss"]
    loss.backward()
    assert loss.isfinite()
    assert malignant.grad.isfinite().all()
    assert all(p.isfinite().all() for p in objective.probabilities(output) if p is not None)


def test_focal_below_gamma_one_has_a_finite_gradient_where_the_sample_is_right():
    malignant = torch.tensor([300.0, -300.0], requires_grad=True)
    batch = {"target": torch.tensor([1, 0]), "weight": torch.ones(2)}
    Focal(0.5).loss(Logits(malignant, None, torch.zeros(2, 1)), batch)["loss"].backward()
    assert malignant.grad.isfinite().all()


def test_settings_rebuild_the_objective(objective):
    again = build_objective(objective.settings())
    assert type(again) is type(objective)
    assert again.settings() == objective.settings()
    assert build_objective({"name": "focal", "gamma": 1.5}).settings()["gamma"] == 1.5


def test_unknown_name_and_senseless_values_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'focal'"):
        build_objective({"name": "focall"})
    for senseless in (lambda: Focal(-1), lambda: Multitask(0), lambda: Hierarchical(-1), lambda: GroupDro(0)):
        with pytest.raises(ConfigError, match=r"objective\."):
            senseless()


def dro_batch(logits: list[float], group: list[int]) -> tuple[Logits, dict[str, Tensor]]:
    """All benign, so the loss of a sample is log(1 + exp(logit))."""
    malignant = torch.tensor(logits, requires_grad=True)
    n = len(group)
    batch = {
        "target": torch.zeros(n, dtype=torch.int64),
        "weight": torch.ones(n),
        "group": torch.tensor(group),
    }
    return Logits(malignant, None, torch.zeros(n, 1)), batch


def test_group_dro_follows_the_published_algorithm():
    objective, step = GroupDro(n_groups=3, step_size=0.5), 0.5
    q = np.full(3, 1 / 3)
    for logits in ([0.0, 1.0, 2.0, -1.0], [1.0, -3.0, 0.5, 2.0]):
        output, batch = dro_batch(logits, [0, 1, 1, 2])
        loss = np.log1p(np.exp(logits))
        means = np.array([loss[0], (loss[1] + loss[2]) / 2, loss[3]])
        q = q * np.exp(step * means)  # algorithm 1, lines 4 to 6
        q /= q.sum()
        assert objective.loss(output, batch)["loss"].item() == pytest.approx((q * means).sum(), rel=1e-5)
        assert objective.group_weights().numpy() == pytest.approx(q, rel=1e-5)


def test_group_dro_gradient_is_that_of_the_weighted_group_means():
    objective = GroupDro(n_groups=2, step_size=0.1)
    output, batch = dro_batch([0.0, 1.0, 2.0], [0, 1, 1])
    objective.loss(output, batch)["loss"].backward()
    q = objective.group_weights()
    p = output.malignant.detach().sigmoid()  # derivative of log(1 + exp)
    assert torch.allclose(output.malignant.grad, torch.stack([q[0], q[1] / 2, q[1] / 2]) * p)


def test_group_dro_leans_towards_the_group_that_loses_most():
    objective = GroupDro(n_groups=3, step_size=1.0)
    for _ in range(5):
        objective.loss(*dro_batch([3.0, -3.0], [0, 1]))
    assert objective.group_weights()[0] > 0.99
    assert objective.group_weights()[2] == 0  # never seen


def test_group_dro_does_not_move_in_evaluation():
    objective = GroupDro(n_groups=2, step_size=1.0)
    objective.loss(*dro_batch([3.0, -3.0], [0, 1]))
    before = objective.group_weights()
    objective.eval().loss(*dro_batch([3.0, -3.0], [0, 1]))
    assert torch.equal(objective.group_weights(), before)


def test_group_dro_state_comes_back_from_a_state_dict():
    objective, restored = GroupDro(n_groups=2, step_size=1.0), GroupDro(n_groups=2, step_size=1.0)
    objective.loss(*dro_batch([3.0, -3.0], [0, 1]))
    restored.load_state_dict(objective.state_dict())
    assert torch.equal(restored.group_weights(), objective.group_weights())
    assert F.l1_loss(restored.group_weights(), torch.tensor([0.5, 0.5])) > 0.1


def test_group_dro_shares_unknown_skin_types_among_the_groups_of_their_domain():
    # one domain of two groups and "unknown": the unknown sample counts half in each
    objective = GroupDro(n_groups=3, step_size=1.0, per_domain=3)
    logits = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
    output = Logits(logits, None, torch.zeros(3, 1))
    batch = {"target": torch.tensor([1, 1, 0]), "weight": torch.ones(3), "group": torch.tensor([0, 1, 2])}
    loss = objective.loss(output, batch)["loss"]
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.detach(), batch["target"].float(), reduction="none"
    )
    means = torch.stack([(each[0] + each[2] / 2) / 1.5, (each[1] + each[2] / 2) / 1.5])
    weights = torch.softmax(means, dim=0)
    torch.testing.assert_close(loss.detach(), (weights * means).sum())
    torch.testing.assert_close(objective.group_weights(), torch.tensor([*weights, 0.0]))


def test_group_dro_weight_does_not_follow_missingness():
    # the loss sits in the unknown samples alone: that must not move the weight of either group against the other
    objective = GroupDro(n_groups=3, step_size=1.0, per_domain=3)
    output = Logits(torch.tensor([5.0, 5.0, 5.0]), None, torch.zeros(3, 1))
    batch = {"target": torch.tensor([1, 1, 0]), "weight": torch.ones(3), "group": torch.tensor([0, 1, 2])}
    for _ in range(20):
        objective.loss(output, batch)
    torch.testing.assert_close(objective.group_weights(), torch.tensor([0.5, 0.5, 0.0]))
