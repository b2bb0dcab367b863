"""The interface of what training minimises, and of the probabilities that follow from the head's logits.

Every objective weighs a sample's loss by `batch["weight"]` and divides by the number of samples, not by the
sum of the weights. The view gives weights of mean 1 over the training set, so the mean over a batch is an
unbiased estimate of the weighted mean over the set. Divided by the batch's own sum, a sample would count the
less the heavier its neighbours are (and in a batch of its own not be weighted at all), and the result would
change with batch size, accumulation and number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import torch.nn.functional as F
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.core.registry import Registry
from skintag.models.outputs import Logits, Probabilities

Batch = Mapping[str, Tensor]
Setting = int | float | str


class Objective(nn.Module):
    """Interface and what all share. Losses are natural logarithms (nats), float32.

    A subclass that has a `name` is registered by it where it is defined, see `OBJECTIVES`.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            OBJECTIVES.add(cls, cls.name)

    def settings(self) -> dict[str, Setting]:
        """Plain values from which `build_objective` makes an equal objective."""
        return {"name": self.name}

    def condition_width(self, n_conditions: int) -> int:
        """Number of condition logits that the head must give; 0: conditions are not learnt."""
        return 0

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """Unweighted losses [B] by name; `loss` is what is minimised, others are parts of it."""
        raise NotImplementedError

    def loss(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """The losses of `per_sample`, weighted and averaged over the batch: scalars by the same names."""
        return {
            name: (batch["weight"] * values).mean() for name, values in self.per_sample(output, batch).items()
        }

    def probabilities(self, output: Logits) -> Probabilities:
        """What the logits [B] stand for; here conditions are not learnt."""
        return Probabilities(output.malignant.sigmoid(), None, output.embeddings)


class ConditionObjective(Objective):
    """What the objectives share that learn conditions too.

    Args:
        condition_weight: of the conditions' loss beside that of malignancy.

    Raises:
        ConfigError: it is not positive.
    """

    def __init__(self, condition_weight: float) -> None:
        super().__init__()
        if condition_weight <= 0:
            raise ConfigError(f"objective.condition_weight={condition_weight} should be positive (else: erm)")
        self.condition_weight = float(condition_weight)

    def settings(self) -> dict[str, Setting]:
        """`name` and `condition_weight`, as `build_objective` takes them."""
        return {"name": self.name, "condition_weight": self.condition_weight}


OBJECTIVES: Final[Registry[Objective]] = Registry("objective", "skintag.models.objectives")
"""Name -> class; SkinTag's own are the modules of `skintag.models.objectives`."""


def build_objective(settings: Mapping[str, Setting]) -> Objective:
    """The objective that `Objective.settings` describes.

    Raises:
        ConfigError: a name not known.
    """
    options = dict(settings)
    return OBJECTIVES.named(str(options.pop("name", "")))(**options)


def binary_cross_entropy(output: Logits, batch: Batch) -> Tensor:
    """-log p(true malignancy) [B], from the logit: finite wherever the logit is."""
    target = batch["target"].to(output.malignant.dtype)
    return F.binary_cross_entropy_with_logits(output.malignant, target, reduction="none")


def condition_logits(output: Logits) -> Tensor:
    """The condition logits [B, W] of a head that was built with them."""
    assert output.conditions is not None, "head built without condition logits"
    return output.conditions
