"""Files of the students that a browser might run, in the forms that it might fetch: for bytes and milliseconds alone.

python experiments/browser_models/files.py <folder>

Weights are random and INT8 is quantised whole on noise, so what these files say means nothing; a run's own come from
`skintag export formats=[onnx,onnx_half,onnx_int8]`, and say what each form costs in AUROC.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from skintag.export.deployed_model import DeployedModel
from skintag.export.onnx_file import write_onnx
from skintag.export.stored_half import store_weights_as_half
from skintag.models.network import LesionNetwork
from skintag.models.settings import BackboneSettings, FinetuneSettings

NAMES: Final = ("mobilenetv3_large_100", "tf_efficientnet_lite0", "mobilenetv4_conv_small", "efficientnet_b0")
SIDE: Final = 224


class Noise(CalibrationDataReader):
    """Smooth noise, 16 pictures."""

    def __init__(self) -> None:
        self._left = self.pictures()

    def get_next(self) -> Any:
        """The next picture; None at the end."""
        return next(self._left, None)

    @staticmethod
    def pictures() -> Iterator[dict[str, np.ndarray]]:
        """The pictures, uint8 [1, S, S, 3]."""
        draw = np.random.default_rng(0)
        for _ in range(16):
            noise = draw.integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
            smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
            yield {"image": smooth.astype(np.uint8)[None]}


def main() -> None:
    """Write `<name>.onnx`, `<name>_half.onnx`, `<name>_int8.onnx` for each name."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        tower = BackboneSettings(name, image_size=SIDE)
        network = settled(LesionNetwork(tower, FinetuneSettings(), {"name": "multitask"}))
        whole = folder / f"{name}.onnx"
        write_onnx(DeployedModel(network), whole, {})
        model = onnx.load(whole)
        store_weights_as_half(model)
        onnx.save(model, folder / f"{name}_half.onnx")
        prepared = folder / "prepared.onnx"
        quant_pre_process(str(whole), str(prepared))
        quantize_static(
            prepared,
            folder / f"{name}_int8.onnx",
            Noise(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        prepared.unlink()
        print(f"{name}: {folder}")


def settled(network: LesionNetwork) -> LesionNetwork:
    """The network with batch norms that fit its activations: else these fade to numbers that processors are slow at."""
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the average of what is seen
            module.train()
    pictures = np.concatenate([fed["image"] for fed in Noise.pictures()])
    with torch.no_grad():
        network.backbone.model(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1)
    return network.eval()


if __name__ == "__main__":
    main()
