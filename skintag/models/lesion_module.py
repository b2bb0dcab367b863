"""Backbone, head and objective as a LightningModule."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.core.hashing import content_key
from skintag.models.backbone import Backbone
from skintag.models.head import HeadOutput, HeadSettings, LesionHead
from skintag.models.objective import Batch, Objective
from skintag.models.objectives import build_objective
from skintag.models.optimizer import OptimizerSettings, build_optimizer
from skintag.models.scores import EpochScores
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.models.weights import state_fingerprint

T = TypeVar("T")

# what a student has for the sake of its teacher alone, see DistillModule
_ONLY_TRAINED_WITH = "projection."
# frozen layers are in evaluation mode on purpose; Lightning warns at every start
warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")


class LesionModule(LightningModule):
    """Malignancy and condition of a lesion from its picture, or from what the frozen layers made of it.

    A batch is a dict: `image` uint8 [B, 3, S, S], or `activation` (the output of `Backbone.forward_trunk`), or
    `embedding` float [B, D] (with a frozen backbone only); and `row` int64 [B]; and, but for prediction,
    `target`, `condition`, `group` int64 [B], `weight` float32 [B].

    Settings are objects or the plain mappings that a checkpoint keeps of them. Hyperparameters are plain
    values, so that checkpoints load with `weights_only=True`.

    Args:
        backbone, finetune, objective, optimizer, head: what is trained, and how.
        n_conditions: K, 10 or 11.
        n_groups: number of values that `group` can take.
        seed: of the head's first weights and of dropout.
        compile_backbone: run the backbone through `torch.compile`; names in the checkpoint stay the same.
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
        super().__init__()
        tower, tuning = _as(BackboneSettings, backbone), _as(FinetuneSettings, finetune)
        self.objective = objective if isinstance(objective, Objective) else build_objective(objective)
        self.optimizer_settings = rates = _as(OptimizerSettings, optimizer)
        head_settings = _as(HeadSettings, head or {})
        self.n_conditions, self.n_groups, self.seed = n_conditions, n_groups, seed
        self.backbone = Backbone(tower)
        self.backbone.lock(**asdict(tuning))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            width = self.objective.condition_width(n_conditions)
            self.head = LesionHead(self.backbone.embedding_size, width, head_settings)
        self.val_scores, self.test_scores = EpochScores(n_groups), EpochScores(n_groups)
        self.save_hyperparameters(
            {
                "backbone": asdict(tower),
                "finetune": asdict(tuning),
                "objective": self.objective.settings(),
                "optimizer": {**asdict(rates), "betas": list(rates.betas)},
                "head": asdict(head_settings),
                "n_conditions": n_conditions,
                "n_groups": n_groups,
                "seed": seed,
                "compile_backbone": compile_backbone,
            }
        )
        if compile_backbone:
            self.backbone.compile()

    @classmethod
    def from_checkpoint(cls, path: Path | str, *, map_location: str = "cpu") -> LesionModule:
        """The module that wrote a checkpoint, in evaluation mode; needs neither hub nor first weights."""
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
        values = dict(checkpoint["hyper_parameters"])
        no_source = {"pretrained": False, "checkpoint": None, "package": None, "key_order": "name"}
        module = LesionModule(**{**values, "backbone": {**values["backbone"], **no_source}})
        state = {k: v for k, v in checkpoint["state_dict"].items() if not k.startswith(_ONLY_TRAINED_WITH)}
        module.load_state_dict(state, strict=True)
        return module.to(map_location).eval()

    def fingerprint(self) -> str:
        """Identifies what it computes from pictures: weights, head, objective and preprocessing; 32 hex digits."""
        state = state_fingerprint({**self.backbone.state_dict(), **self.head.state_dict(prefix="head.")})
        preprocessing = self.backbone.preprocessing_fingerprint()
        return content_key(self.backbone.settings.name, self.objective.settings(), preprocessing, state)

    def forward(self, batch: Batch) -> HeadOutput:
        """Logits and embeddings of a batch.

        Raises:
            ConfigError: stored embeddings while the backbone learns: they would not be its own for long.
        """
        if "activation" in batch:
            return self.head(self.backbone.forward_tail(batch["activation"]))
        if "embedding" not in batch:
            return self.head(self.backbone(batch["image"]))
        if not self.backbone.fully_frozen:
            raise ConfigError("training on stored embeddings needs finetune=frozen")
        return self.head(batch["embedding"].float())

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
        """The objective's loss, in float32."""
        losses = self.objective.loss(self(batch), batch)
        # only where it will be written down: for a head alone, Lightning's book-keeping costs as much as a step
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and ((self.global_step + 1) % every == 0 or self.trainer.is_last_batch):
            for name, value in losses.items():
                # no mean over the epoch: a resumed run could not continue it
                self.log(
                    f"train/{name}", value.detach(), prog_bar=name == "loss", batch_size=len(batch["row"])
                )
        return losses["loss"]

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
        output = self(batch)
        p_malignant, p_condition = self.objective.probabilities(output)
        if p_condition is None:
            p_condition = p_malignant.new_full((len(p_malignant), self.n_conditions), torch.nan)
        return {
            "row": batch["row"],
            "p_malignant": p_malignant,
            "p_condition": p_condition,
            "embedding": output.embedding,
        }

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW and a schedule counted in optimizer steps, so the same under any accumulation."""
        optimizer, schedule = build_optimizer(
            self.backbone, [self.head], self.optimizer_settings, self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _add(self, scores: EpochScores, batch: Batch) -> None:
        output = self(batch)
        losses = batch["weight"] * self.objective.per_sample(output, batch)["loss"]
        scores.update(losses, self.objective.probabilities(output)[0], batch["target"], batch["group"])

    def _report(self, scores: EpochScores, stage: str) -> None:
        values = {f"{stage}/{name}": value for name, value in scores.compute().items()}
        scores.reset()
        # already joined over all ranks; the largest of equal values is the same value to the last bit
        self.log_dict(values, sync_dist=True, reduce_fx="max", prog_bar=True)


def _as(settings: type[T], value: T | Mapping[str, Any]) -> T:
    """The settings object, made from its plain values where those are given."""
    return settings(**value) if isinstance(value, Mapping) else value
