"""The network as a LightningModule: what trains it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.core.hashing import content_key
from skintag.models.head import HeadSettings
from skintag.models.network import LesionNetwork, settings_of
from skintag.models.objective import Batch, Objective
from skintag.models.optimizer import OptimizerSettings, build_optimizer
from skintag.models.scores import EpochScores
from skintag.models.settings import BackboneSettings, FinetuneSettings

# frozen layers are in evaluation mode on purpose; Lightning warns at every start
warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")


class LesionModule(LesionNetwork, LightningModule):
    """A `LesionNetwork` that Lightning can train, validate and test.

    A batch is a dict: what `LesionNetwork.forward` takes; and `row` int64 [B]; and, but for prediction, `target`,
    `condition`, `group` int64 [B], `weight` float32 [B].

    Hyperparameters are plain values, so that checkpoints load with `weights_only=True`; a `LesionNetwork` is made
    of such a checkpoint too.

    Args:
        backbone, finetune, objective, optimizer, head: what is trained, and how.
        n_conditions: K, 10 or 11.
        n_groups: number of values that `group` can take.
        seed: of the head's first weights and of dropout.
        compile_backbone: see `LesionNetwork`.
    """

    def __init__(
        self,
        backbone: BackboneSettings | Mapping[str, Any],
        finetune: FinetuneSettings | Mapping[str, Any],
        objective: Objective | Mapping[str, Any],
        optimizer: OptimizerSettings | Mapping[str, Any],
        head: HeadSettings | Mapping[str, Any] | None = None,
        *,
        n_conditions: int = 10,
        n_groups: int = 12,
        seed: int = 0,
        compile_backbone: bool = False,
    ) -> None:
        super().__init__(
            backbone,
            finetune,
            objective,
            head,
            n_conditions=n_conditions,
            seed=seed,
            compile_backbone=compile_backbone,
        )
        self.optimizer_settings = rates = settings_of(OptimizerSettings, optimizer)
        self.n_groups = n_groups
        self.val_scores, self.test_scores = EpochScores(n_groups), EpochScores(n_groups)
        of_training = {"optimizer": {**asdict(rates), "betas": list(rates.betas)}, "n_groups": n_groups}
        self.save_hyperparameters({**self.settings(), **of_training})

    @classmethod
    def _arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values)

    def on_fit_start(self) -> None:
        """Refuse a backbone whose activations were thrown away.

        Raises:
            ConfigError: torch replaced timm's fused norm-and-activation layers by plain synchronised norms.
        """
        if any(isinstance(module, nn.SyncBatchNorm) for module in self.backbone.modules()):
            raise ConfigError(
                "trainer.sync_batchnorm=true drops the activations of timm's batch norms: set it to false"
            )

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Dropout depends on (seed, epoch, batch, rank) alone: a resumed run goes on as if never cut."""
        key = content_key("training batch", self.seed, self.current_epoch, batch_idx, self.global_rank)
        seed = int(key[:15], 16)
        # torch.manual_seed would also note it for every kind of device that is not there, with a stack trace each
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """`loss` of `losses`, which are logged."""
        losses = self.losses(batch)
        # only where it will be written down: for a head alone, Lightning's book-keeping costs as much as a step
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and ((self.global_step + 1) % every == 0 or self.trainer.is_last_batch):
            for name, value in losses.items():
                # no mean over the epoch: a resumed run could not continue it
                self.log(
                    f"train/{name}", value.detach(), prog_bar=name == "loss", batch_size=len(batch["row"])
                )
        return losses["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The objective's `loss` and its parts for a training batch, float32 scalars."""
        return self.objective.loss(self(batch), batch)

    def heads(self) -> list[nn.Module]:
        """What learns at the head's rate."""
        return [self.head]

    def on_validation_epoch_start(self) -> None:
        """Validate the model that is saved, rank 0's: the ranks' batch norms have seen different images."""
        if self.trainer.world_size > 1:
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds the batch to the epoch's scores."""
        self._add(self.val_scores, batch)

    def on_validation_epoch_end(self) -> None:
        """Logs `val/loss`, `val/worst_group_loss` and `val/auroc`."""
        self._report(self.val_scores, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds the batch to the epoch's scores."""
        self._add(self.test_scores, batch)

    def on_test_epoch_end(self) -> None:
        """Logs `test/loss`, `test/worst_group_loss` and `test/auroc`."""
        self._report(self.test_scores, "test")

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> dict[str, Tensor]:
        """`row` int64 [B], `p_malignant` [B], `p_condition` [B, K] and `embedding` [B, D], float32.

        `p_condition` is nan where the objective learns no conditions.
        """
        malignant, conditions, embeddings = self.probabilities(batch)
        if conditions is None:
            conditions = malignant.new_full((len(malignant), self.n_conditions), torch.nan)
        return {
            "row": batch["row"],
            "p_malignant": malignant,
            "p_condition": conditions,
            "embedding": embeddings,
        }

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW and a schedule counted in optimizer steps, so the same under any accumulation."""
        optimizer, schedule = build_optimizer(
            self.backbone, self.heads(), self.optimizer_settings, self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _add(self, scores: EpochScores, batch: Batch) -> None:
        output = self(batch)
        losses = batch["weight"] * self.objective.per_sample(output, batch)["loss"]
        scores.update(losses, self.objective.probabilities(output).malignant, batch["target"], batch["group"])

    def _report(self, scores: EpochScores, stage: str) -> None:
        values = {f"{stage}/{name}": value for name, value in scores.compute().items()}
        scores.reset()
        # already joined over all ranks; the largest of equal values is the same value to the last bit
        self.log_dict(values, sync_dist=True, reduce_fx="max", prog_bar=True)
