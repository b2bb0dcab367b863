"""Backbone, head and objective as one plain network: what is deployed, exported and asked as a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import torch
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.core.hashing import content_key
from skintag.models.backbone import Backbone
from skintag.models.head import HeadSettings, LesionHead
from skintag.models.objective import Batch, Objective, build_objective
from skintag.models.outputs import Logits, Probabilities
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.models.torch_files import load_checkpoint
from skintag.models.weights import state_fingerprint

T = TypeVar("T")

# what a student has for the sake of its teacher alone, see DistillModule
_ONLY_TRAINED_WITH: Final = "projection."
# what a checkpoint keeps beside the network's own settings, of its training
_OF_TRAINING: Final = ("optimizer", "n_groups")
_NO_FIRST_WEIGHTS: Final = {"pretrained": False, "checkpoint": None, "package": None, "key_order": "name"}


class LesionNetwork(nn.Module):
    """Malignancy and condition of a lesion from its picture, or from what the frozen layers made of it.

    Settings are objects or the plain mappings that a checkpoint keeps of them.

    Args:
        backbone, finetune, objective, head: what it consists of.
        n_conditions: K, 10 or 11.
        seed: of the head's first weights.
        compile_backbone: run the backbone through `torch.compile`; names in the checkpoint stay the same.

    Raises:
        ConfigError: settings that make no sense, an objective that is not known, or weights that cannot be had.
    """

    def __init__(
        self,
        backbone: BackboneSettings | Mapping[str, Any],
        finetune: FinetuneSettings | Mapping[str, Any],
        objective: Objective | Mapping[str, Any],
        head: HeadSettings | Mapping[str, Any] | None = None,
        *,
        n_conditions: int = 10,
        seed: int = 0,
        compile_backbone: bool = False,
    ) -> None:
        super().__init__()
        tower, self._finetune = (
            settings_of(BackboneSettings, backbone),
            settings_of(FinetuneSettings, finetune),
        )
        self.objective = objective if isinstance(objective, Objective) else build_objective(objective)
        self._head, self._compiled = settings_of(HeadSettings, head or {}), compile_backbone
        self.n_conditions, self.seed = n_conditions, seed
        self.backbone = Backbone(tower)
        self.backbone.lock(**asdict(self._finetune))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            width = self.objective.condition_width(n_conditions)
            self.head = LesionHead(self.backbone.embedding_size, width, self._head)
        if compile_backbone:
            self.backbone.compile()

    @classmethod
    def from_checkpoint(cls, path: Path | str, *, map_location: str = "cpu") -> Self:
        """The network that wrote a checkpoint, in evaluation mode; needs neither hub nor first weights."""
        checkpoint = load_checkpoint(path, map_location=map_location)
        return cls.of(checkpoint["hyper_parameters"], checkpoint["state_dict"]).to(map_location)

    @classmethod
    def of(cls, values: Mapping[str, Any], state: Mapping[str, Tensor]) -> Self:
        """The network of a checkpoint's plain values and tensors, in evaluation mode.

        Raises:
            RuntimeError: a tensor is missing, left over, or of another shape.
        """
        network = cls.blank(values)
        kept = {name: tensor for name, tensor in state.items() if not name.startswith(_ONLY_TRAINED_WITH)}
        network.load_state_dict(kept, strict=True)
        return network.eval()

    @classmethod
    def blank(cls, values: Mapping[str, Any]) -> Self:
        """The network of a checkpoint's plain values, with weights of its own."""
        return cls(**cls._arguments({**values, "backbone": {**values["backbone"], **_NO_FIRST_WEIGHTS}}))

    @classmethod
    def _arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a checkpoint keeps, as arguments of this class."""
        return {name: value for name, value in values.items() if name not in _OF_TRAINING}

    def settings(self) -> dict[str, Any]:
        """Plain values that make an equal network; with the tensors of `state_dict` the same one, see `of`."""
        return {
            "backbone": asdict(self.backbone.settings),
            "finetune": asdict(self._finetune),
            "objective": self.objective.settings(),
            "head": asdict(self._head),
            "n_conditions": self.n_conditions,
            "seed": self.seed,
            "compile_backbone": self._compiled,
        }

    def fingerprint(self) -> str:
        """Identifies what it computes from pictures: weights, head, objective and preprocessing; 32 hex digits."""
        state = state_fingerprint({**self.backbone.state_dict(), **self.head.state_dict(prefix="head.")})
        preprocessing = self.backbone.preprocessing_fingerprint()
        return content_key(self.backbone.settings.name, self.objective.settings(), preprocessing, state)

    def forward(self, batch: Batch) -> Logits:
        """Logits and embeddings of a batch.

        Args:
            batch: `image` uint8 [B, 3, S, S], or `activation` (the output of `Backbone.forward_trunk`), or
                `embedding` float [B, D] (with a frozen backbone only).

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

    def probabilities(self, batch: Batch) -> Probabilities:
        """What the logits of a batch stand for, by the objective."""
        return self.objective.probabilities(self(batch))


def settings_of(settings: type[T], value: T | Mapping[str, Any]) -> T:
    """The settings object, made from its plain values where those are given."""
    return settings(**value) if isinstance(value, Mapping) else value
