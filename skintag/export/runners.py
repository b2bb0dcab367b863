"""One way to run every kind of file: pictures in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Scores(NamedTuple):
    """What a model says of n pictures; float32."""

    malignant: Floats
    """[n]."""
    conditions: Floats | None
    """[n, K]; None where none are learnt."""
    embedding: Floats
    """[n, D]."""


Runner = Callable[[NDArray[np.uint8]], Scores]
"""Scores of pictures uint8 [n, S, S, 3] RGB."""


def open_runner(kind: str, path: Path, threads: int | None = None) -> Runner:
    """Load a file and return what runs it.

    Args:
        kind: one of FORMATS that can be run, or `torch` for a checkpoint.
        path: the file.
        threads: to compute with; None: as the library chooses.
    """
    return _OPEN[kind](path, threads)


def scores_of(runner: Runner, batches: Iterable[NDArray[np.uint8]]) -> Scores:
    """The scores of all batches, one after the other."""
    parts = [runner(batch) for batch in batches]
    conditions = [part.conditions for part in parts if part.conditions is not None]
    return Scores(
        np.concatenate([part.malignant for part in parts]),
        np.concatenate(conditions) if conditions else None,
        np.concatenate([part.embedding for part in parts]),
    )


def _open_torch(path: Path, threads: int | None) -> Runner:
    import torch

    from skintag.models.lesion_module import LesionModule

    _torch_threads(threads)
    module = LesionModule.from_checkpoint(path)

    def run(pictures: NDArray[np.uint8]) -> Scores:
        with torch.inference_mode():
            output = module({"image": torch.from_numpy(pictures).permute(0, 3, 1, 2)})
            malignant, conditions = module.objective.probabilities(output)
        return _scores(
            [malignant, output.embedding] if conditions is None else [malignant, conditions, output.embedding]
        )

    return run


def _open_onnx(path: Path, threads: int | None) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda pictures: _scores(session.run(None, {"image": pictures}))


def _open_torch_export(path: Path, threads: int | None) -> Runner:
    import torch

    _torch_threads(threads)
    module = torch.export.load(path).module()

    def run(pictures: NDArray[np.uint8]) -> Scores:
        with torch.inference_mode():
            return _scores(module(torch.from_numpy(pictures)))

    return run


def _open_executorch(path: Path, threads: int | None) -> Runner:
    import torch
    from executorch.runtime import Runtime

    # its own threads are as many as the cores that the process may use
    program = Runtime.get().load_program(path)
    method = program.load_method("forward")
    assert method is not None
    kept = (program, method)  # a method does not keep its program alive
    return _one_by_one(lambda picture: kept[1].execute((torch.from_numpy(picture),)))


def _open_litert(path: Path, threads: int | None) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_path=str(path), num_threads=threads).get_signature_runner()
    (name,) = signature.get_input_details()

    def run(picture: NDArray[np.uint8]) -> list[Any]:
        outputs = signature(**{name: picture})
        return [outputs[key] for key in sorted(outputs)]

    return _one_by_one(run)


def _one_by_one(run: Callable[[NDArray[np.uint8]], Any]) -> Runner:
    """A runner of any number of pictures, of one that takes one."""

    def run_all(pictures: NDArray[np.uint8]) -> Scores:
        # copied: some libraries give out memory that the next call uses again
        rows = [[np.array(value) for value in run(pictures[i : i + 1])] for i in range(len(pictures))]
        return _scores([np.concatenate(column) for column in zip(*rows, strict=True)])

    return run_all


def _scores(outputs: Any) -> Scores:
    """Two or three outputs: conditions are missing where none are learnt."""
    arrays = [np.asarray(output, dtype=np.float32) for output in outputs]
    return Scores(arrays[0].reshape(-1), arrays[1] if len(arrays) == 3 else None, arrays[-1])


def _torch_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


_OPEN: dict[str, Callable[[Path, int | None], Runner]] = {
    "torch": _open_torch,
    "onnx": _open_onnx,
    "onnx_int8": _open_onnx,
    "torch_export": _open_torch_export,
    "executorch": _open_executorch,
    "litert": _open_litert,
}
