"""What stands in an ONNX file beside its graph; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import onnx

# What torch's exporter writes without conversion; HardSwish (14) and int8 weights per channel (13) are in it, and
# every runtime since early 2023 reads it.
OPSET: Final = 18


def strip(proto: onnx.ModelProto) -> None:
    """Leave out what tools noted for people who look for faults in them."""
    graph = proto.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def describe(proto: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Write what the model is into the file, in place of what was there."""
    import onnx

    proto.producer_name, proto.doc_string = "skintag", ""
    onnx.helper.set_model_props(proto, dict(metadata))
