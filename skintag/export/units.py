"""Which nodes of an ONNX graph belong together: the network's blocks, by the names of their weights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import onnx

PREPROCESSING: Final = "preprocessing"
_WITH_MAP: Final = "model."  # what `WithMap` puts before the names of the model's weights
_PREFIX: Final = "backbone.model."
# blocks.3.1.conv_dw -> blocks.3.1, blocks.3.attn -> blocks.3, stages.0.blocks.1.mlp -> stages.0.blocks.1
_BLOCK: Final = re.compile(r"(?:[a-z_]+\.)+?\d+(?:\.(?:[a-z_]+\.)?\d+)*(?=\.|$)")


def units_of(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Names of the nodes of each unit, in the order of computation; each node is in exactly one.

    A node belongs where its weights do, one without any where the node before it does (activations, the gates of
    squeeze-and-excitation, residual sums). What comes before the first weights is PREPROCESSING.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    units: dict[str, list[str]] = {}
    unit = PREPROCESSING
    for node in model.graph.node:
        unit = next((u for name in node.input if name in weights and (u := unit_of(name))), unit)
        units.setdefault(unit, []).append(node.name)
    return units


def unit_of(weight: str) -> str | None:
    """The unit of a weight by its name, e.g. `blocks.3.1` of `backbone.model.blocks.3.1.conv_dw.weight`.

    None for what is no layer's weight: constants, and the scale and offset of the pixels.
    """
    within = weight.removeprefix(_WITH_MAP)
    if within.startswith("head."):
        return "head"
    name = within.removeprefix(_PREFIX)
    if name == within or "." not in name:
        return None
    block = _BLOCK.match(name)
    return block.group(0) if block else name.split(".")[0]
