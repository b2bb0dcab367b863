"""Loss and AUROC of a whole evaluation epoch, exact over batches of any size and over all ranks."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities import dim_zero_cat


class EpochScores(Metric):
    """Sums over samples, not means of batch means; an undefined value is nan.

    Args:
        n_groups: number of values that `group` can take.
        min_group: groups with fewer samples have no part in the worst group's loss.
    """

    full_state_update = False
    loss_sum: Tensor
    count: Tensor
    p_malignant: list[Tensor]
    target: list[Tensor]

    def __init__(self, n_groups: int, min_group: int = 10) -> None:
        super().__init__()
        self.n_groups, self.min_group = n_groups, min_group
        self.add_state("loss_sum", torch.zeros(n_groups, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(n_groups, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("p_malignant", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, losses: Tensor, p_malignant: Tensor, target: Tensor, group: Tensor) -> None:
        """Add a batch: float [B], float [B], int64 [B] of 0 and 1, int64 [B] below `n_groups`."""
        member = torch.nn.functional.one_hot(group, self.n_groups).double()  # [B, n_groups]
        self.loss_sum += losses.detach().double() @ member
        self.count += member.sum(dim=0)
        self.p_malignant.append(p_malignant.detach().float())
        # as float32 too: that is what a rank without samples sends, and the types have to agree
        self.target.append(target.float())

    def compute(self) -> dict[str, Tensor]:
        """`loss` (mean over samples), `worst_group_loss` and `auroc`, float32 scalars.

        `auroc` is nan unless both classes occur, `worst_group_loss` where no group is large enough.
        """
        nan = torch.tensor(torch.nan, device=self.count.device)
        large = self.count >= self.min_group
        means = self.loss_sum / self.count  # nan for empty groups
        target = dim_zero_cat(self.target).long() if len(self.target) else torch.empty(0)
        both_classes = len(target.unique()) == 2
        return {
            "loss": (self.loss_sum.sum() / self.count.sum()).float(),
            "worst_group_loss": means[large].max().float() if large.any() else nan,
            "auroc": binary_auroc(dim_zero_cat(self.p_malignant), target) if both_classes else nan,
        }
