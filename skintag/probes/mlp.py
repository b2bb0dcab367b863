"""A small multilayer perceptron on standardised embeddings, stopped by val."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skintag.core.errors import ConfigError
from skintag.core.io import atomic_path
from skintag.probes.base import FitRecord, Probe
from skintag.probes.data import ProbeData, standardisation


@dataclass(eq=False)
class MLPProbe(Probe):
    """Linear-ReLU-Dropout with a binary and a condition output, trained on the sum of both log losses.

    Rows count by their weights. Runs on the CPU. Deterministic in `seed` on one machine; leaves the global
    random state as it was.
    """

    name: ClassVar[str] = "mlp"

    hidden: int = 256
    """Units of the hidden layer."""
    dropout: float = 0.3
    """Probability, in [0, 1)."""
    learning_rate: float = 3e-4
    """Step size of AdamW."""
    weight_decay: float = 1e-2
    """Decoupled decay of AdamW."""
    batch_size: int = 256
    """Rows in a step."""
    epochs: int = 50
    """Passes over the rows, at most."""
    patience: int = 5
    """Epochs without a better val loss before it stops; the best epoch's weights are kept."""
    seed: int = 0
    """For the first weights, the order of rows and dropout."""

    def __post_init__(self) -> None:
        for name in ("hidden", "batch_size", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"probe.mlp.{name} is {getattr(self, name)}: expected 1 or more")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"probe.mlp.dropout is {self.dropout}: expected a number in [0, 1)")

    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        # a caller's inference mode would make tensors that cannot be learned from
        with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._net = _Net(record.width, self.hidden, len(record.conditions), self.dropout)
            return self._train(*(_tensors(record, data) for data in (train, val)))

    def _train(self, train: tuple[Tensor, ...], val: tuple[Tensor, ...]) -> dict[str, float]:
        """Epochs over the rows (see `_tensors`) until val no longer gets better."""
        mean, scale = standardisation(train[0].numpy())
        self._net.mean.copy_(torch.from_numpy(mean))
        self._net.scale.copy_(torch.from_numpy(scale))
        optimizer = torch.optim.AdamW(
            self._net.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
        )
        best_loss, best_epoch, best = float("inf"), 0, copy.deepcopy(self._net.state_dict())
        for epoch in range(1, self.epochs + 1):
            self._net.train()
            for batch in torch.randperm(len(train[0])).split(self.batch_size):
                optimizer.zero_grad()
                _loss(self._net, tuple(column[batch] for column in train), self.batch_size).backward()
                optimizer.step()
            self._net.eval()
            with torch.no_grad():
                loss = float(_loss(self._net, val))
            if loss < best_loss:
                best_loss, best_epoch, best = loss, epoch, copy.deepcopy(self._net.state_dict())
            elif epoch - best_epoch >= self.patience:
                break
        self._net.load_state_dict(best)
        return {"best_epoch": best_epoch, "val_loss": best_loss}

    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        self._net.eval()
        with torch.inference_mode():
            binary, conditions = self._net(torch.from_numpy(x))
            return torch.sigmoid(binary).numpy(), torch.softmax(conditions, dim=1).numpy()

    def _save(self, folder: Path) -> None:
        with atomic_path(folder / "mlp.safetensors") as part:
            save_file(self._net.state_dict(), part)

    def _load(self, folder: Path, record: FitRecord) -> None:
        sizes = (record.width, self.hidden, len(record.conditions), self.dropout)
        try:
            weights = load_file(folder / "mlp.safetensors")
            with torch.device("meta"):  # its sizes are compared before it takes its memory
                wanted = {name: tensor.shape for name, tensor in _Net(*sizes).state_dict().items()}
            if wanted != (found := {name: tensor.shape for name, tensor in weights.items()}):
                raise ValueError(f"mlp.safetensors: tensors {found}, expected {wanted}")
            self._net = _Net(*sizes)
            self._net.load_state_dict(weights)
        except (SafetensorError, RuntimeError) as error:  # RuntimeError: other names or shapes
            raise ValueError(f"mlp.safetensors: {error}") from error


class _Net(nn.Module):
    """float32 [n, d] -> malignancy logits [n], condition logits [n, c]."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, hidden: int, n_conditions: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.output = nn.Linear(hidden, 1 + n_conditions)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of malignancy [n] and of the conditions [n, c]."""
        out = self.output(self.hidden((x - self.mean) / self.scale))
        return out[:, 0], out[:, 1:]


def _tensors(record: FitRecord, data: ProbeData) -> tuple[Tensor, ...]:
    """Embeddings, target (float), condition code (-1: not in train) and weight."""
    codes = record.codes(data.condition)
    columns = (data.embeddings, data.target.astype(np.float32), codes, data.weight)
    return tuple(torch.tensor(column) for column in columns)


def _loss(net: _Net, rows: tuple[Tensor, ...], total: float | None = None) -> Tensor:
    """Weighted log losses of malignancy and of the conditions that train had, summed and divided by `total`.

    None: the weight of the rows, for a mean over all there are. A batch divides by its nominal size instead:
    by its own weight, a batch of light rows would count as much as one of heavy rows.
    """
    x, target, code, weight = rows
    binary, conditions = net(x)
    malignancy = nn.functional.binary_cross_entropy_with_logits(binary, target, reduction="none")
    condition = cross_entropy(conditions, code, reduction="none", ignore_index=-1)
    # both are divided by the weight of all rows, for a batch may hold no row of a known condition
    return ((malignancy + condition) * weight).sum() / (total or weight.sum().clamp_min(1e-12))
