from __future__ import annotations

import pytest
import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skintag.distillation.ema import EmaWeights


class Counter(LightningModule):
    """One weight that grows by 1 a step, and a buffer that counts steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.validated: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.steps += 1
        return -self.weight.sum()  # its gradient is -1

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(self.weight.item())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def average_of(weights: list[float], decay: float) -> float:
    """The first weight, then a + (1 - d) (w - a) with the documented d."""
    average = weights[0]
    for n, weight in enumerate(weights[1:], start=1):
        average += (1 - min(decay, (1 + n) / (10 + n))) * (weight - average)
    return average


@pytest.mark.parametrize("decay", [0.1, 0.999])
def test_average_of_the_weights_is_validated_and_kept(decay, tmp_path):
    module, batches = Counter(), DataLoader(torch.zeros(6))
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path, callbacks=[EmaWeights(decay)], num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, batches, DataLoader(torch.zeros(1)))
    expected = average_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], decay)
    assert module.validated == [pytest.approx(expected, rel=1e-6)]
    assert module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert module.steps.item() == 6  # whole numbers are not averaged
