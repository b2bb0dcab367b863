"""What a bundle can be told when it is built."""

from __future__ import annotations

from dataclasses import dataclass

from skintag.bundle.runtime import RUNTIMES
from skintag.core.errors import ConfigError, near_matches
from skintag.evaluation.decisions.calibration import KINDS
from skintag.ood.settings import KINDS as OOD_KINDS


@dataclass(frozen=True)
class BundleSettings:
    """What goes into a bundle, and what is fitted for it on val."""

    runtime: str = "torch"
    """`torch`: safetensors of the network; `onnx`, `onnx_half`, `onnx_int8`: its export."""
    model: str | None = None
    """The model of the run that is deployed: `head`, or a probe on the model's own embeddings. None: with the runtime
    `torch` the one that val ranks first, with the others the head, for a probe may need more than onnxruntime."""
    calibration: str = "platt"
    """`platt`, `temperature` or `isotonic`."""
    target_sensitivity: float = 0.95
    """Share of malignancies that has to lie outside LOW."""
    target_specificity: float = 0.90
    """Share of the other val images that has to lie outside HIGH."""
    confidence: float | None = 0.95
    """Of that promise, see `skintag.evaluation.decisions.tolerance`; None: a plain quantile of val, which promises
    nothing."""
    ood: str | None = "knn"
    """Kind of out-of-distribution reference, see `skintag.ood.reference`; None: none, and predictions say so."""
    zip: bool = False
    """Write `<bundle>.zip` beside the folder too."""

    def __post_init__(self) -> None:
        for key, value, known in (
            ("runtime", self.runtime, RUNTIMES),
            ("calibration", self.calibration, tuple(KINDS)),
            ("ood", self.ood, (None, *OOD_KINDS)),
        ):
            if value not in known:
                choices = [str(k) for k in known if k is not None]
                raise ConfigError(
                    f"{key}={value}: expected one of {', '.join(choices)}; {near_matches(str(value), choices)}"
                )

    @property
    def folder_name(self) -> str:
        """What the bundle is called in its run folder, where no other place is named."""
        return "bundle" if self.runtime == "torch" else f"bundle_{self.runtime}"
