"""The objectives: `erm`, `focal`, `multitask`, `hierarchical` and `group_dro`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor

from skintag.core.errors import ConfigError, near_matches
from skintag.models.head import HeadOutput
from skintag.models.objective import Batch, Objective, Setting, binary_cross_entropy


class Erm(Objective):
    """Weighted cross-entropy of malignancy: empirical risk minimisation."""

    name = "erm"

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B], the binary cross-entropy."""
        return {"loss": binary_cross_entropy(output, batch)}


class Focal(Objective):
    """Focal loss without its class factor alpha: weights are the view's business.

    (1 - p_t)^gamma times the cross-entropy, p_t the probability of the true class. Equals `erm` at gamma 0.
    Its probabilities are not calibrated: it stops pushing samples that are already on the right side.
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4.
    """

    name = "focal"

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ConfigError(f"objective.gamma={gamma} should be 0 or more")
        self.gamma = float(gamma)

    def settings(self) -> dict[str, Setting]:
        """`name` and `gamma`."""
        return {"name": self.name, "gamma": self.gamma}

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B]."""
        signed = output.malignant * (1 - 2 * batch["target"])  # logit of the wrong class
        # (1 - p_t)^gamma through its logarithm: a power of 0 has an infinite gradient for gamma below 1
        return {"loss": torch.exp(self.gamma * F.logsigmoid(signed)) * binary_cross_entropy(output, batch)}


class Multitask(Objective):
    """Cross-entropy of malignancy plus `condition_weight` times the cross-entropy of the condition."""

    name = "multitask"

    def __init__(self, condition_weight: float = 0.5) -> None:
        super().__init__()
        if condition_weight <= 0:
            raise ConfigError(f"objective.condition_weight={condition_weight} should be positive (else: erm)")
        self.condition_weight = float(condition_weight)

    def settings(self) -> dict[str, Setting]:
        """`name` and `condition_weight`."""
        return {"name": self.name, "condition_weight": self.condition_weight}

    def condition_width(self, n_conditions: int) -> int:
        """One logit a condition."""
        return n_conditions

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss`, `binary` and `condition`, each [B]."""
        binary = binary_cross_entropy(output, batch)
        condition = F.cross_entropy(_condition(output), batch["condition"], reduction="none")
        return {
            "loss": binary + self.condition_weight * condition,
            "binary": binary,
            "condition": condition,
        }

    def probabilities(self, output: HeadOutput) -> tuple[Tensor, Tensor | None]:
        """The two heads side by side; nothing ties p_condition to p_malignant."""
        return output.malignant.sigmoid(), _condition(output).softmax(dim=1)


class Hierarchical(Objective):
    """Malignancy first, then the condition given malignancy, as one joint distribution.

    p(condition, malignant) = p(malignant) p(condition | malignant), with a softmax over the conditions for
    malignant and another one for benign lesions. So the joint probabilities with malignant = 1 sum to
    p_malignant exactly, whichever conditions they are spread over, and no condition is tied to one side:
    actinic keratosis and other/unknown are malignant in one source and benign in another.

    The loss -log p(malignant) - condition_weight log p(condition | malignant), at the true values, is the
    negative log-likelihood of the pair at the default weight of 1.
    """

    name = "hierarchical"

    def __init__(self, condition_weight: float = 1.0) -> None:
        super().__init__()
        if condition_weight <= 0:
            raise ConfigError(f"objective.condition_weight={condition_weight} should be positive (else: erm)")
        self.condition_weight = float(condition_weight)

    def settings(self) -> dict[str, Setting]:
        """`name` and `condition_weight`."""
        return {"name": self.name, "condition_weight": self.condition_weight}

    def condition_width(self, n_conditions: int) -> int:
        """Two sets of logits: given benign, given malignant."""
        return 2 * n_conditions

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss`, `binary` and `condition` (given the true malignancy), each [B]."""
        binary = binary_cross_entropy(output, batch)
        given = _condition(output).unflatten(1, (2, -1))  # [B, 2, K]
        given_truth = given[torch.arange(len(given), device=given.device), batch["target"]]  # [B, K]
        condition = F.cross_entropy(given_truth, batch["condition"], reduction="none")
        return {
            "loss": binary + self.condition_weight * condition,
            "binary": binary,
            "condition": condition,
        }

    def joint(self, output: HeadOutput) -> Tensor:
        """p(malignant, condition) [B, 2, K]: benign at index 0, malignant at 1; sums to 1 over both."""
        side = torch.stack([-output.malignant, output.malignant], dim=1).sigmoid()  # [B, 2]
        return side[:, :, None] * _condition(output).unflatten(1, (2, -1)).softmax(dim=2)

    def probabilities(self, output: HeadOutput) -> tuple[Tensor, Tensor | None]:
        """The margins of the joint distribution."""
        return output.malignant.sigmoid(), self.joint(output).sum(dim=1)


class GroupDro(Objective):
    """Group distributionally robust optimisation: the groups that lose most weigh most.

    The loss is sum_g q_g mean_g, mean_g the weighted cross-entropy averaged over the batch's samples of group
    g (`batch["group"]`), and q_g proportional to exp(step_size * sum of mean_g over all steps so far): the
    exponentiated-gradient ascent of Sagawa et al., Distributionally Robust Neural Networks for Group Shifts,
    ICLR 2020, algorithm 1. Groups never seen so far have no part in q.

    A sample whose skin type is not known has no group of its own, for what is missing may never move a weight:
    it belongs in equal parts to the groups of its domain. So its weight is the mean of theirs, and a domain
    without any skin types is one group.

    q is updated in every training batch, so under accumulation in every micro-batch. Under DDP sums and
    counts of all ranks are joined first: q is the same everywhere, the mean gradient that of the whole batch.
    The sums are a buffer, so a checkpoint holds them.
    """

    name = "group_dro"
    ascent: Tensor
    seen: Tensor

    member: Tensor

    def __init__(self, n_groups: int = 12, step_size: float = 0.01, per_domain: int = 0) -> None:
        """
        Args:
            n_groups: number of values of `batch["group"]`.
            step_size: of the ascent.
            per_domain: values that a domain has in a row, the last of them for unknown skin types; 0: every
                value is a group.
        """
        super().__init__()
        if n_groups < 1 or step_size <= 0:
            raise ConfigError(f"objective.n_groups={n_groups}, step_size={step_size} should both be positive")
        if per_domain and (per_domain < 2 or n_groups % per_domain):
            raise ConfigError(f"objective.per_domain={per_domain} should divide n_groups={n_groups}")
        self.n_groups, self.step_size, self.per_domain = n_groups, float(step_size), per_domain
        member = torch.eye(n_groups)  # [value, group], rows sum to 1
        for unknown in range(per_domain - 1, n_groups, per_domain) if per_domain else ():
            member[unknown] = 0
            member[unknown, unknown - per_domain + 1 : unknown] = 1 / (per_domain - 1)
        self.register_buffer("member", member, persistent=False)
        self.register_buffer("ascent", torch.zeros(n_groups))
        self.register_buffer("seen", torch.zeros(n_groups))

    def settings(self) -> dict[str, Setting]:
        """`name` and the arguments."""
        return {
            "name": self.name,
            "n_groups": self.n_groups,
            "step_size": self.step_size,
            "per_domain": self.per_domain,
        }

    def group_weights(self) -> Tensor:
        """q [n_groups], float32; sums to 1 once a group has been seen, 0 for those not seen."""
        return torch.softmax(self.ascent.where(self.seen > 0, -torch.inf), dim=0).nan_to_num(0.0)

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B], the binary cross-entropy, every sample alike."""
        return {"loss": binary_cross_entropy(output, batch)}

    def loss(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """`loss` as above, `mean` (what `erm` would minimise) and `worst_group` of this batch; scalars.

        Moves q while training. A collective operation under DDP: every rank calls it equally often.
        """
        losses = batch["weight"] * binary_cross_entropy(output, batch)
        # sums by a product: scattered additions are not deterministic on a GPU
        value = F.one_hot(batch["group"], self.n_groups).to(losses.dtype)  # [B, n_groups]
        member = value @ self.member.to(losses.dtype)
        own_sums = losses @ member
        sums, counts, ranks = _over_ranks(own_sums.detach(), member.sum(dim=0))
        counted = counts.clamp(min=1e-6)  # nothing is summed where nothing was counted
        means = sums / counted
        if self.training:
            self.ascent += self.step_size * means
            self.seen += (counts > 0).to(self.seen.dtype)
        share = self.group_weights() / counted
        # DDP takes the mean of the ranks' gradients where the sum is meant
        return {
            "loss": ranks * (share * own_sums).sum(),
            "mean": losses.mean(),
            "worst_group": means.max(),
        }


def _over_ranks(sums: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, int]:
    """Both summed over all ranks, and the number of ranks."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return sums, counts, 1
    both = torch.stack([sums, counts])
    torch.distributed.all_reduce(both)
    return both[0], both[1], torch.distributed.get_world_size()


def _condition(output: HeadOutput) -> Tensor:
    assert output.condition is not None, "head built without condition logits"
    return output.condition


OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective for objective in (Erm, Focal, Multitask, Hierarchical, GroupDro)
}


def build_objective(settings: Mapping[str, Setting]) -> Objective:
    """The objective that `Objective.settings` describes.

    Raises:
        ConfigError: a name not known.
    """
    options = dict(settings)
    name = str(options.pop("name", ""))
    if name not in OBJECTIVES:
        raise ConfigError(f"objective {name!r} is not known; {near_matches(name, OBJECTIVES)}")
    return OBJECTIVES[name](**options)
