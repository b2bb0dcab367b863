"""The image tower: a model that normalises its own input and can be frozen from the bottom up."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from skintag.core.errors import ConfigError
from skintag.core.hashing import content_key
from skintag.models.layers import run_stages
from skintag.models.settings import BackboneSettings
from skintag.models.towers.resolve import build, complete
from skintag.models.weights import state_fingerprint


class Backbone(nn.Module):
    """uint8 pictures in, float32 embeddings out.

    The embedding is the pooled output of the model without its classifier: attention pooling in SigLIP towers, the
    global average in convolutional networks. Which library builds it, `skintag.models.towers` hides. The forward
    pass has two parts, `forward_trunk` (the frozen beginning, without gradient and always in evaluation mode) and
    `forward_tail` (the rest).
    Built frozen; `lock` decides how much learns.

    Raises:
        ConfigError: sizes that the architecture does not take, or hub weights that cannot be had.
        DataError: a weights file that does not fit.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, settings: BackboneSettings) -> None:
        super().__init__()
        self.settings = complete(settings)
        tower = build(self.settings)
        self.model: Any = tower.model  # they share no type
        self.groups, self._stages, self._width = tower.groups, tower.stages, tower.embedding_size
        self._unlocked: int | Literal["all"] = 0
        self._batch_norm: Literal["eval", "train"] = "eval"
        self._grad_checkpointing = False
        # one convolution is a transformer's patch embedding; more are a convolutional network
        convolutions = sum(isinstance(module, nn.Conv2d) for module in self.model.modules())
        self.memory_format = torch.channels_last if convolutions > 1 else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self._mean, self._std = tower.mean, tower.std
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self._mean, self._std))
        # (x / 255 - mean) / std as one multiplication and one addition
        self.register_buffer("scale", 1 / (255 * std), persistent=False)
        self.register_buffer("offset", -mean / std, persistent=False)
        self.lock(0)

    @property
    def embedding_size(self) -> int:
        """D, the number of features of an embedding."""
        return self._width

    @property
    def n_blocks(self) -> int:
        """Number of residual blocks, the upper limit of `lock`."""
        return len(self.groups) - 2  # less stem and final part

    @property
    def fully_frozen(self) -> bool:
        """Whether none of its parameters learns."""
        return self._unlocked == 0

    @property
    def trunk_length(self) -> int:
        """Number of leading stages (stem, blocks, final part) that `forward_trunk` runs."""
        if self.fully_frozen:
            return len(self._stages)
        if self._unlocked == "all" or len(self._stages) != len(self.groups):
            return 0  # an architecture that is not cut into stages runs whole in the tail
        return 1 + self.n_blocks - self._unlocked

    def lock(
        self,
        unlocked_groups: int | Literal["all"],
        *,
        batch_norm: Literal["eval", "train"] = "eval",
        grad_checkpointing: bool = False,
    ) -> None:
        """Let the last `unlocked_groups` blocks learn and freeze the rest; whatever was set before is undone.

        The final part (final norm, pooling, a convolution before it) learns whenever a block does; the stem
        learns with `all` only. Frozen layers are in evaluation mode from here on, whatever `train()` says:
        no dropout, and batch norms keep their running statistics.

        Raises:
            ConfigError: more blocks than there are.
        """
        if unlocked_groups != "all" and not 0 <= unlocked_groups <= self.n_blocks:
            raise ConfigError(
                f"finetune.unlocked_groups={unlocked_groups}: {self.settings.name} with these sizes has "
                f"{self.n_blocks} blocks; use finetune=full to let everything learn"
            )
        self._unlocked, self._batch_norm = unlocked_groups, batch_norm
        self._grad_checkpointing = grad_checkpointing
        if len(self._stages) == 1 and hasattr(self.model, "set_grad_checkpointing"):
            self.model.set_grad_checkpointing(grad_checkpointing)
        frozen = 0 if unlocked_groups == "all" else 1 + self.n_blocks - unlocked_groups
        parameters = dict(self.model.named_parameters())
        for index, group in enumerate(self.groups):
            learns = index >= frozen and unlocked_groups != 0
            for name in group.parameters:
                parameters[name].requires_grad_(learns)
        self.train(self.training)

    def train(self, mode: bool = True) -> Backbone:
        """Training mode for what learns; what is frozen stays in evaluation mode."""
        super().train(mode)
        if not mode:
            return self
        for stage in self._stages[: self.trunk_length]:
            for module in stage.modules:
                module.eval()
        for module in self.model.modules():
            learns = [parameter.requires_grad for parameter in module.parameters()]
            frozen = bool(learns) and not any(learns)
            if frozen or (self._batch_norm == "eval" and isinstance(module, _BatchNorm)):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings float32 [B, D] of RGB pictures uint8 [B, 3, S, S]."""
        return self.forward_tail(self.forward_trunk(images))

    def forward_trunk(self, images: Tensor) -> Tensor:
        """The frozen beginning: uint8 [B, 3, S, S] to the activations that enter the first learning stage.

        These are the same in training and evaluation mode. Where nothing is frozen they are the normalised
        pixels, where everything is they are the embeddings.
        """
        size = self.settings.image_size
        if images.dtype != torch.uint8 or images.shape[1:] != (3, size, size):
            raise ConfigError(
                f"{self.settings.name} takes uint8 [B, 3, {size}, {size}] (backbone.image_size={size}), "
                f"found {images.dtype} {list(images.shape)}; give loader and backbone one image size"
            )
        with torch.no_grad():
            pixels = images.to(self.scale.dtype, memory_format=self.memory_format)
            pixels = torch.addcmul(self.offset, pixels, self.scale)
            return run_stages(self._stages[: self.trunk_length], pixels)

    def forward_tail(self, activations: Tensor) -> Tensor:
        """What learns: the output of `forward_trunk` to embeddings float32 [B, D]."""
        rest = self._stages[self.trunk_length :]
        if self._grad_checkpointing and self.training and torch.is_grad_enabled():
            for stage in rest[:-1]:
                activations = checkpoint(stage.run, activations, use_reentrant=False)
            rest = rest[-1:]
        return run_stages(rest, activations).float()

    def weights_fingerprint(self) -> str:
        """Identifies architecture and weights, whatever file they came from; 32 hex digits."""
        return content_key(*self._identity(), state_fingerprint(self.model.state_dict()))

    def trunk_fingerprint(self) -> str:
        """Identifies architecture and weights of what `forward_trunk` runs; 32 hex digits."""
        modules = [module for stage in self._stages[self.trunk_length :] for module in stage.modules]
        tail = {id(t) for module in modules for t in (*module.parameters(), *module.buffers())}
        state = self.model.state_dict(keep_vars=True)
        trunk = {name: tensor for name, tensor in state.items() if id(tensor) not in tail}
        return content_key(*self._identity(), self.trunk_length, state_fingerprint(trunk))

    def preprocessing_fingerprint(self) -> str:
        """Identifies image size and normalisation; 32 hex digits."""
        size = self.settings.image_size
        return content_key("uint8 RGB / 255", size, list(self._mean), list(self._std))

    def _identity(self) -> tuple[Any, ...]:
        """What is computed with the same tensors; as it always was where nothing but a timm name says it."""
        said = self.settings
        name = said.name.partition(".")[0]
        if said.library == "timm" and not said.architecture and said.pooling is None:
            return name, said.sizes
        return name, said.sizes, said.library, said.architecture, said.pooling
