"""Group distributionally robust optimisation: the groups that lose most weigh most."""

from __future__ import annotations

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor

from skintag.core.errors import ConfigError
from skintag.models.objective import Batch, Objective, Setting, binary_cross_entropy
from skintag.models.outputs import Logits


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
        """`name` and the three arguments, as `build_objective` takes them."""
        return {
            "name": self.name,
            "n_groups": self.n_groups,
            "step_size": self.step_size,
            "per_domain": self.per_domain,
        }

    def group_weights(self) -> Tensor:
        """q [n_groups], float32; sums to 1 once a group has been seen, 0 for those not seen."""
        return torch.softmax(self.ascent.where(self.seen > 0, -torch.inf), dim=0).nan_to_num(0.0)

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B], the binary cross-entropy, every sample alike."""
        return {"loss": binary_cross_entropy(output, batch)}

    def loss(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
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
