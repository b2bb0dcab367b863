"""ExecuTorch with the XNNPACK backend, for phones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skintag.export.formats.base import Format, Material

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime


class ExecuTorch(Format):
    """A `.pte` that takes one picture at a time, as on a phone."""

    name = "executorch"
    file = "model.pte"
    libraries = ("executorch",)
    install = "skintag[mobile]"
    runtime = ("torch", "executorch.runtime")
    note = "XNNPACK"

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Lower the traced model to XNNPACK, as far as that knows its operators."""
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        from skintag.export.onnx_file import quiet

        with quiet():
            exported = material.model.exported(batch=1)
            edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
            path.write_bytes(edge.to_executorch().buffer)

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """The program; its own threads are as many as the cores that the process may use."""
        import torch
        from executorch.runtime import Runtime as Programs

        from skintag.export.runners import one_by_one

        program = Programs.get().load_program(path)
        method = program.load_method("forward")
        assert method is not None
        kept = (program, method)  # a method does not keep its program alive
        return one_by_one(lambda picture: kept[1].execute((torch.from_numpy(picture),)))
