"""INT8 by onnxruntime's static quantisation, with the layers that break left in float.

Activations uint8, weights int8 per channel, quantise-dequantise format. Ranges of activations, the way they are
found, and the layers that stay in float are all chosen on validation pictures. Layers in float compute in float;
their weights are kept as int8 in the file.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from skintag.bundle.runtime import OnnxRuntime
from skintag.evaluation.predictions.predictions import ValPredictions, require_val
from skintag.export.onnx_file import quiet
from skintag.export.onnx_notes import describe, strip
from skintag.export.pictures import Pictures
from skintag.export.runners import outputs_of
from skintag.export.search import Trial, choose
from skintag.export.settings import ExportSettings
from skintag.export.stored_int8 import store_weights_as_int8
from skintag.export.units import PREPROCESSING, units_of

if TYPE_CHECKING:
    import onnx

_METHODS: Final = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
# pictures whose activations are held at a time: EfficientNet-B0 at 224 px has 80 MB of them a picture
_STEP: Final = 4


@dataclass(frozen=True)
class Quantised:
    """How a model was quantised."""

    calibration: str
    """Way in which ranges were found, the best on val."""
    float_layers: tuple[str, ...]
    """Layers left in float, worst first; without the normalisation of pixels, which always is."""
    auroc_difference: float
    """AUROC on the val pictures of the search, int8 less float; nan with one class."""
    deviation: float
    """Mean difference of p_malignant on them."""
    within: bool
    """Whether both are within the bounds that were asked for."""
    tried: Mapping[str, float]
    """Mean difference of p_malignant by way of calibration, everything quantised."""


def write_int8(
    source: Path,
    path: Path,
    val: Pictures[ValPredictions],
    settings: ExportSettings,
    metadata: Mapping[str, str],
) -> Quantised:
    """Quantise the ONNX file `source` into `path`.

    Raises:
        TypeError: the pictures are not of val.
        ConfigError: `settings.float_layers` names a layer that is not there.
    """
    require_val(val.rows, "write_int8")
    with TemporaryDirectory() as folder, quiet(), contextlib.redirect_stdout(io.StringIO()):
        quantiser = _Quantiser(source, Path(folder), val, settings)
        method, tried = quantiser.best_calibration()
        trials = choose(quantiser.trial, quantiser.units, settings)
        quantiser.write(trials.float_layers, path)
    _finish(path, {**metadata, "calibration": method, "float_layers": ",".join(trials.float_layers)})
    found = trials.trial
    return Quantised(
        method, trials.float_layers, found.auroc_difference, found.deviation, found.within(settings), tried
    )


def prepare(source: Path, path: Path) -> dict[str, list[str]]:
    """Write `source` with known shapes and folded layers, as the quantiser wants it; its units, see `units_of`."""
    import onnx

    quant_pre_process(str(source), str(path))
    model = onnx.load(path)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{i}"  # what onnxruntime takes apart has no names
    onnx.save(model, path)
    return units_of(model)


class _Quantiser:
    """One prepared graph, its ranges, and what quantising parts of it does to scores of val pictures."""

    def __init__(
        self, source: Path, folder: Path, val: Pictures[ValPredictions], settings: ExportSettings
    ) -> None:
        self.folder, self.settings = folder, settings
        self.calibration_set = val.drawn(settings.calibration_images, settings.seed, even=True)
        searched = val.drawn(settings.search_images, settings.seed + 1)
        self.target = searched.rows.target
        self.pictures = searched.load()
        self.prepared = folder / "prepared.onnx"
        self.units = prepare(source, self.prepared)
        self.always_float = self.units.pop(PREPROCESSING, [])
        self.method = settings.calibration[0]
        self.reference = self._scored(source)

    def best_calibration(self) -> tuple[str, dict[str, float]]:
        """The way of calibration whose scores differ least where everything is quantised, and all that were tried."""
        tried = {}
        for method in self.settings.calibration:
            self.method = method
            tried[method] = self.trial(()).deviation
        self.method = min(tried, key=lambda method: (np.isnan(tried[method]), tried[method]))
        return self.method, tried

    def trial(self, float_layers: Sequence[str]) -> Trial:
        """What the scores lose with some units in float."""
        path = self.folder / "trial.onnx"
        self.write(float_layers, path)
        return Trial.of(self.target, self.reference, self._scored(path))

    def write(self, float_layers: Sequence[str], path: Path) -> None:
        """Write the model with some units in float; ranges are found once for each way of calibration."""
        import onnx

        ranges = self.folder / f"{self.method}.json"
        reader = None if ranges.is_file() else _Reader(self.calibration_set)
        quantize_static(
            str(self.prepared),
            str(path),
            reader,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=_METHODS[self.method],
            nodes_to_exclude=[*self.always_float, *(name for u in float_layers for name in self.units[u])],
            extra_options={"CalibStridedMinMax": 1, "CalibPercentile": self.settings.percentile},
            calibration_cache_path=ranges,
        )
        model = onnx.load(path)
        store_weights_as_int8(model)
        onnx.save(model, path)

    def _scored(self, path: Path) -> NDArray[np.floating]:
        size = self.settings.batch_size
        batches = (self.pictures[i : i + size] for i in range(0, len(self.pictures), size))
        return outputs_of(OnnxRuntime(path), batches).malignant


class _Reader(CalibrationDataReader):
    """Val pictures some at a time; onnxruntime sets a range of steps and asks until there is no more."""

    def __init__(self, pictures: Pictures[ValPredictions]) -> None:
        require_val(pictures.rows, "calibration")
        self._pictures = pictures
        self._batches: Iterator[NDArray[np.uint8]] = pictures.batches(_STEP)
        self._left = len(self)

    def __len__(self) -> int:
        return -(-len(self._pictures) // _STEP)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Give the steps of a range, which follows on the one before."""
        self._left = end_index - start_index

    def get_next(self) -> dict[str, Any] | None:
        """The next step's input; None at the end of the range."""
        if self._left <= 0:
            return None
        self._left -= 1
        return {"image": next(self._batches)}


def _finish(path: Path, metadata: Mapping[str, str]) -> None:
    """Write into the file what it is, and check it."""
    import onnx

    proto: onnx.ModelProto = onnx.load(path)
    strip(proto)
    describe(proto, metadata)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)
