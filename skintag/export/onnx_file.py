"""The model as an ONNX file: one file, any batch, with what it is written into it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from skintag.export.deployed_model import INPUT, DeployedModel, WithMap

if TYPE_CHECKING:
    import onnx

# What torch's exporter writes without conversion; HardSwish (14) and int8 weights per channel (13) are in it, and
# every runtime since early 2023 reads it.
OPSET: Final = 18


def write_onnx(model: DeployedModel, path: Path, metadata: Mapping[str, str]) -> None:
    """Write `model` as ONNX: `image` uint8 [batch, S, S, 3] in, the model's outputs by their names out.

    torch's own optimiser has folded the batch norms into the convolutions and the constants into each other. What
    the exporter notes of every node (source files and lines of this machine) is left out.

    A convolutional network has the output `map` beside the others, see `WithMap`.

    Raises:
        onnx.checker.ValidationError: the exporter wrote something that is not ONNX.
    """
    import onnx

    exported = WithMap(model) if model.has_map else model
    with quiet():
        program = torch.onnx.export(
            exported,
            (exported.example(),),
            dynamo=True,
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            input_names=[INPUT],
            output_names=list(exported.output_names),
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    strip(proto)
    describe(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


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


@contextmanager
def quiet() -> Iterator[None]:
    """Without the converters' notes on themselves; errors are raised, not logged."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
