"""One way to run every kind of file: pictures in, outputs out. What a bundle deploys is run by the bundle's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.runtime import OnnxRuntime, Runtime
from skintag.core.outputs import Outputs


def open_runner(kind: str, path: Path, threads: int | None = None) -> Runtime:
    """Load a file and return what runs it.

    Args:
        kind: one of FORMATS that can be run, or `torch` for a checkpoint.
        path: the file.
        threads: to compute with; None: as the library chooses.
    """
    return _OPEN[kind](path, threads)


def outputs_of(runner: Runtime, batches: Iterable[NDArray[np.uint8]]) -> Outputs:
    """What a model says of all batches, one after the other."""
    return Outputs.joined(runner(batch) for batch in batches)


def _open_torch(path: Path, threads: int | None) -> Runtime:
    from skintag.bundle.torch_runtime import TorchRuntime
    from skintag.models.network import LesionNetwork

    _torch_threads(threads)
    return TorchRuntime(LesionNetwork.from_checkpoint(path))


def _open_torch_export(path: Path, threads: int | None) -> Runtime:
    import torch

    _torch_threads(threads)
    module = torch.export.load(path).module()

    def run(pictures: NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode():
            return _outputs(module(torch.from_numpy(pictures)))

    return run


def _open_executorch(path: Path, threads: int | None) -> Runtime:
    import torch
    from executorch.runtime import Runtime

    # its own threads are as many as the cores that the process may use
    program = Runtime.get().load_program(path)
    method = program.load_method("forward")
    assert method is not None
    kept = (program, method)  # a method does not keep its program alive
    return _one_by_one(lambda picture: kept[1].execute((torch.from_numpy(picture),)))


def _open_litert(path: Path, threads: int | None) -> Runtime:
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_path=str(path), num_threads=threads).get_signature_runner()
    (name,) = signature.get_input_details()

    def run(picture: NDArray[np.uint8]) -> list[Any]:
        outputs = signature(**{name: picture})
        return [outputs[key] for key in sorted(outputs)]

    return _one_by_one(run)


def _one_by_one(run: Callable[[NDArray[np.uint8]], Any]) -> Runtime:
    """A runner of any number of pictures, of one that takes one."""

    def run_all(pictures: NDArray[np.uint8]) -> Outputs:
        # copied: some libraries give out memory that the next call uses again
        rows = [[np.array(value) for value in run(pictures[i : i + 1])] for i in range(len(pictures))]
        return _outputs([np.concatenate(column) for column in zip(*rows, strict=True)])

    return run_all


def _outputs(outputs: Any) -> Outputs:
    """Two or three outputs: conditions are missing where none are learnt."""
    arrays = [np.asarray(output, dtype=np.float32) for output in outputs]
    return Outputs(arrays[0].reshape(-1), arrays[1] if len(arrays) == 3 else None, arrays[-1])


def _torch_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


_OPEN: dict[str, Callable[[Path, int | None], Runtime]] = {
    "torch": _open_torch,
    "onnx": OnnxRuntime,
    "onnx_int8": OnnxRuntime,
    "torch_export": _open_torch_export,
    "executorch": _open_executorch,
    "litert": _open_litert,
}
