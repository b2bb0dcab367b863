"""AdamW with a slow backbone and a fast head, and one cosine over all optimizer steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from skintag.core.errors import ConfigError

# vectors in all but shape: position embeddings, class tokens, the query of attention pooling
_NO_DECAY = ("pos_embed", "cls_token", "reg_token", "latent")


@dataclass(frozen=True)
class OptimizerSettings:
    """Learning rates, weight decay and the schedule of a run."""

    backbone_lr: float = 1e-5
    """Peak learning rate of the backbone."""
    head_lr: float = 1e-4
    """Peak learning rate of the head."""
    weight_decay: float = 0.01
    """Decoupled weight decay; norms, biases and embeddings of positions have none."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of AdamW's moments."""
    warmup: float = 0.05
    """Share of all optimizer steps over which the rates rise linearly."""
    final_lr: float = 0.0
    """Where the cosine ends, as a share of the peak."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        if min(self.backbone_lr, self.head_lr) < 0 or self.weight_decay < 0:
            raise ConfigError("optimizer: learning rates and weight_decay should not be negative")
        if not 0 <= self.warmup < 1 or not 0 <= self.final_lr <= 1:
            raise ConfigError(f"optimizer.warmup={self.warmup}, final_lr={self.final_lr}: shares in [0, 1]")


def parameter_groups(
    backbone: nn.Module, heads: Iterable[nn.Module], settings: OptimizerSettings
) -> list[dict[str, Any]]:
    """Groups for AdamW of all parameters that learn, always in the same order; empty groups are left out.

    Weight decay is for matrices and kernels only.
    """
    rates = [
        ("backbone", backbone, settings.backbone_lr),
        *(("head", head, settings.head_lr) for head in heads),
    ]
    groups: dict[str, dict[str, Any]] = {}
    for kind, module, rate in rates:
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            decays = parameter.ndim > 1 and not name.endswith(_NO_DECAY)
            group = groups.setdefault(
                f"{kind}/{'decay' if decays else 'no_decay'}",
                {"params": [], "lr": rate, "weight_decay": settings.weight_decay if decays else 0.0},
            )
            group["params"].append(parameter)
    return [{"name": name, **group} for name, group in groups.items()]


def learning_rate_factor(step: int, *, steps: int, warmup: float, final: float) -> float:
    """The share of the peak rate at optimizer step `step`, counted from 0.

    Linear up to 1 over the first `warmup * steps` steps, then a half cosine that has come down to `final`
    when `steps` steps are done, and stays there.
    Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, without restarts.
    """
    rising = math.floor(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    progress = min(1.0, (step - rising) / max(1, steps - rising))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def build_optimizer(
    backbone: nn.Module, heads: Iterable[nn.Module], settings: OptimizerSettings, steps: int | float
) -> tuple[AdamW, LambdaLR]:
    """Optimizer and schedule for a run of `steps` optimizer steps.

    Raises:
        ConfigError: the number of steps is not known, so no schedule can end with it.
    """
    if not math.isfinite(steps) or steps < 1:
        raise ConfigError(
            f"the cosine needs the number of optimizer steps, found {steps}: set trainer.max_epochs "
            "(with a loader of known length) or trainer.max_steps"
        )
    optimizer = AdamW(parameter_groups(backbone, heads, settings), betas=settings.betas)

    def factor(step: int) -> float:
        return learning_rate_factor(step, steps=int(steps), warmup=settings.warmup, final=settings.final_lr)

    return optimizer, LambdaLR(optimizer, factor)
