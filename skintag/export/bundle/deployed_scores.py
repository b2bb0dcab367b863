"""What the deployed model says of the run's own val and test images, so that what is fitted for it fits it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.runtime import ONNX_FILES, OnnxRuntime, Runtime
from skintag.core.outputs import Outputs
from skintag.core.progress import track
from skintag.core.vocabulary import HEAD
from skintag.evaluation.decisions.calibration import Calibration, fit_calibration
from skintag.evaluation.decisions.thresholds import GIVEN, Objective, Threshold, fit_threshold
from skintag.evaluation.predictions.predictions import Predictions

if TYPE_CHECKING:
    from skintag.runs.folder import RunFolder

_BATCH: Final = 64


@dataclass(frozen=True)
class DeployedScores:
    """The deployed model's rows of the predictions table, and what goes with them."""

    predictions: Predictions
    """Its val and test rows."""
    threshold: Threshold
    """Fitted on those of val, for what the run's own was fitted for."""
    val_embeddings: NDArray[np.float32] | None
    """Of the rows of `predictions.val`, [n, D]; None where they are the run's own."""
    calibration: Calibration | None = None
    """The map that the scores went through; None: they are as the model gives them."""

    def calibrated(self, kind: str) -> Self:
        """These after a calibration fitted on their val rows, with the threshold that does for them what it did.

        Where the map makes scores equal that were not, the threshold is the best among those that are left. Raises as
        `fit_calibration`.
        """
        [model] = self.predictions.models
        calibration = fit_calibration(self.predictions.val(model), kind)
        frame = self.predictions.frame
        frame = frame.assign(p_malignant=calibration.apply(frame["p_malignant"].to_numpy()))
        predictions = Predictions(frame, "calibrated scores")
        if self.threshold.objective == GIVEN:
            threshold = replace(self.threshold, value=float(calibration.apply([self.threshold.value])[0]))
        else:
            threshold = fit_threshold(predictions.val(model), Objective.parse(self.threshold.objective))
        return replace(self, predictions=predictions, threshold=threshold, calibration=calibration)


def deployed_scores(run: RunFolder, model: str, runtime: str, part: Path) -> DeployedScores:
    """The run's own scores, or new ones where the deployed network is not the one that gave them.

    Torch and ONNX in float32 agree to the rounding, so the run's table stands for both. A network whose
    weights are rounded gives other scores: its thresholds, calibration, triage and figures have to be its own.

    Raises:
        DataError: new scores are needed, and the run's images are gone.
    """
    frame = run.predictions.frame
    frame = frame[frame["model"] == model].reset_index(drop=True)
    if runtime in ("torch", "onnx"):
        return DeployedScores(Predictions(frame, run.path), run.thresholds[model], None)
    outputs = _outputs(run, OnnxRuntime(part / ONNX_FILES[runtime]), frame["image_id"].tolist())
    assert outputs.embeddings is not None
    said = outputs if model == HEAD else run.probes()[model][1].predict(outputs.embeddings)
    frame = frame.assign(p_malignant=said.malignant.astype(np.float64))
    if said.conditions is not None:
        frame = frame.assign(**{f"p_condition_{k}": column for k, column in enumerate(said.conditions.T)})
    predictions = Predictions(frame, f"scores of {runtime}")
    val = predictions.val(model)
    threshold = run.thresholds[model]
    if threshold.objective != GIVEN:
        threshold = fit_threshold(val, Objective.parse(threshold.objective))
    position = {image_id: i for i, image_id in enumerate(frame["image_id"])}
    rows = [position[image_id] for image_id in val.frame["image_id"]]
    return DeployedScores(predictions, threshold, outputs.embeddings[rows])


def _outputs(run: RunFolder, network: Runtime, image_ids: list[str]) -> Outputs:
    """The network's outputs for images of the run's shards, without augmentation."""
    data = run.data
    positions = data.store.positions(np.asarray(image_ids, dtype=object))
    parts = []
    for start in track(range(0, len(image_ids), _BATCH), "scores of the deployed network, in batches"):
        rows = slice(start, start + _BATCH)
        images = data.pipeline(data.store.read_many(positions[rows]), image_ids[rows])  # [n, 3, S, S]
        parts.append(network(images.permute(0, 2, 3, 1).numpy()))
    return Outputs.joined(parts)
