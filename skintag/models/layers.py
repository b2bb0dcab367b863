"""The ordered layers of a timm model: which parameters belong together, and how to run it layer by layer.

`layer_groups` says what `Backbone.lock` counts: the stem, the residual blocks one by one, and the final part
(what comes after the last block: final norm, the 1x1 convolution before pooling, attention pooling).
`stages` cuts the forward pass at the same places, so that a frozen beginning can be run apart from the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from timm.models import group_parameters
from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from skintag.core.errors import ConfigError

# between the last block and the classifier of timm's networks of inverted residual blocks
FINAL_LAYERS: Final = ("conv_head", "bn2", "norm_head", "act2")
# timm's group matchers end a pattern with this where its match joins the group before it
_JOINS_PREVIOUS = (99999,)


@dataclass(frozen=True)
class LayerGroup:
    """Parameters that are frozen or learn together."""

    name: str
    """`stem`, `block_0` ... `block_<n-1>`, `final`."""
    parameters: tuple[str, ...]
    """Names as in `named_parameters()`; empty for the final part of a network that ends in its last block."""


@dataclass(frozen=True)
class Stage:
    """A consecutive part of the forward pass."""

    modules: tuple[nn.Module, ...]
    """Every module the part runs."""
    run: Callable[[Tensor], Tensor]
    """Activations in, activations out."""


def layer_groups(model: nn.Module) -> list[LayerGroup]:
    """Stem, blocks in order, final part; every parameter is in exactly one of them.

    The order is timm's own (`timm.models.group_parameters`). A block is a residual block in transformers and
    in convolutional networks alike: 27 in `vit_so400m_patch14_siglip_384`, 16 in `tf_efficientnet_lite0`.
    timm joins the final norm to the last block; here it belongs to the final part.
    """
    matcher = model.group_matcher(coarse=False)  # type: ignore[operator]
    after_blocks = _after_blocks(matcher)
    final = [name for name, _ in model.named_parameters() if after_blocks(name)]
    ordered = group_parameters(model, matcher).values()
    kept = [[name for name in names if name not in set(final)] for names in ordered]
    stem, *blocks = [names for names in kept if names]
    return [
        LayerGroup("stem", tuple(stem)),
        *(LayerGroup(f"block_{i}", tuple(names)) for i, names in enumerate(blocks)),
        LayerGroup("final", tuple(final)),
    ]


def grouped_by_block(model: nn.Module, blocks: str, final: tuple[str, ...]) -> list[LayerGroup]:
    """Stem, blocks in order and final part of a transformer whose blocks lie in one list.

    Args:
        model: any model.
        blocks: what the names of their parameters begin with, before the number: `encoder.layers.`.
        final: what the names of parameters behind the last block begin with.
    """
    found: dict[int, list[str]] = {}
    stem, last = list[str](), list[str]()
    for name, _ in model.named_parameters():
        if name.startswith(blocks):
            found.setdefault(int(name.removeprefix(blocks).partition(".")[0]), []).append(name)
        else:
            (last if name.startswith(final) else stem).append(name)
    return [
        LayerGroup("stem", tuple(stem)),
        *(LayerGroup(f"block_{i}", tuple(found[i])) for i in sorted(found)),
        LayerGroup("final", tuple(last)),
    ]


def _after_blocks(matcher: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a parameter comes after the last block: its pattern says so, or no pattern knows it."""
    patterns: list[tuple[re.Pattern[str], bool]] = []
    for entry in matcher.values():
        for pattern, suffix in [(entry, None)] if isinstance(entry, str) else entry or ():
            compiled = re.compile(pattern)
            # with a number captured, the parameter ends a stage in the middle instead
            patterns.append((compiled, suffix == _JOINS_PREVIOUS and compiled.groups == 0))

    def after_blocks(name: str) -> bool:
        return next((final for pattern, final in patterns if pattern.match(name)), True)

    return after_blocks


def stages(model: nn.Module) -> list[Stage]:
    """The forward pass cut at the layer groups; one single stage for an architecture not known here.

    Pixels [B, 3, S, S] go into the first stage, pooled features [B, D] come out of the last.
    """
    # exact classes: a subclass may run its layers in another way
    if type(model) is VisionTransformer:
        return _vision_transformer_stages(model)
    if type(model) is EfficientNet:
        return _efficientnet_stages(model)
    return [Stage((model,), model)]


def drop_final_layers(model: nn.Module) -> None:
    """Take away what comes between the last block and the classifier, but for pooling; changed in place.

    Raises:
        ConfigError: not one of timm's networks of inverted residual blocks (EfficientNet, MobileNetV3).
    """
    if type(model) not in (EfficientNet, MobileNetV3):
        raise ConfigError(
            f"backbone.features=blocks: {type(model).__name__} has no such layers to leave out; use features=final"
        )
    for name in FINAL_LAYERS:
        if hasattr(model, name):
            setattr(model, name, nn.Identity())


def run_stages(parts: Sequence[Stage], x: Tensor) -> Tensor:
    """`x` through the stages, one after the other."""
    for part in parts:
        x = part.run(x)
    return x


def _vision_transformer_stages(model: VisionTransformer) -> list[Stage]:
    stem = (model.patch_embed, model.pos_drop, model.patch_drop, model.norm_pre)
    final = (model.norm, model.fc_norm, model.head_drop, model.head)
    pooling = () if model.attn_pool is None else (model.attn_pool,)
    return [
        Stage(stem, partial(_vision_transformer_stem, model)),
        *(Stage((block,), block) for block in model.blocks),
        Stage((*final, *pooling), partial(_vision_transformer_final, model)),
    ]


def _vision_transformer_stem(model: VisionTransformer, x: Tensor) -> Tensor:
    x = model._pos_embed(model.patch_embed(x))  # [B, tokens, D]
    return model.norm_pre(model.patch_drop(x))


def _vision_transformer_final(model: VisionTransformer, x: Tensor) -> Tensor:
    return model.forward_head(model.norm(x))  # [B, tokens, D] -> [B, D]


def _efficientnet_stages(model: EfficientNet) -> list[Stage]:
    final = (model.conv_head, model.bn2, model.global_pool, model.classifier)
    return [
        Stage((model.conv_stem, model.bn1), partial(_efficientnet_stem, model)),
        *(Stage((block,), block) for stack in model.blocks for block in stack.children()),
        Stage(final, partial(_efficientnet_final, model)),
    ]


def _efficientnet_stem(model: EfficientNet, x: Tensor) -> Tensor:
    return model.bn1(model.conv_stem(x))


def _efficientnet_final(model: EfficientNet, x: Tensor) -> Tensor:
    return model.forward_head(model.bn2(model.conv_head(x)))  # [B, C, h, w] -> [B, D]
