"""The model as an ONNX file: one file, any batch, with what it is written into it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from skintag.export.deployed_model import INPUT, DeployedModel, WithMap
from skintag.export.onnx_notes import OPSET, describe, strip


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
