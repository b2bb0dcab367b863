"""torch.export: a graph that needs torch alone, and no code of SkinTag, to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skintag.export.formats.base import Format, Material

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime
    from skintag.core.outputs import Outputs


class TorchExport(Format):
    """A `.pt2` that takes any number of pictures up to 1,024."""

    name = "torch_export"
    file = "model.pt2"

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Trace the model, and save the graph with its weights."""
        import torch

        from skintag.export.onnx_file import quiet

        with quiet():
            torch.export.save(material.model.exported(), path)

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """The graph as a module of torch's own."""
        import torch

        from skintag.export.runners import outputs_from, set_torch_threads

        set_torch_threads(threads)
        module = torch.export.load(path).module()

        def run(pictures: NDArray[np.uint8]) -> Outputs:
            with torch.inference_mode():
                return outputs_from(module(torch.from_numpy(pictures)))

        return run
