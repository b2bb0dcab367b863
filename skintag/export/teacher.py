"""The teacher of a distilled student, for comparison: its size, its speed, and its scores on the same pictures."""

from __future__ import annotations

from pathlib import Path

from skintag.core.errors import SkinTagError
from skintag.core.io import read_json
from skintag.core.vocabulary import HEAD
from skintag.evaluation.metrics.metrics import auroc
from skintag.export.pictures import Pictures
from skintag.export.row import NAN, TEACHER, Row
from skintag.export.weights import cost_of_network
from skintag.models.network import LesionNetwork
from skintag.runs.folder import RunFolder


def teacher_row(run: RunFolder, val: Pictures, test: Pictures, repeats: int) -> Row | None:
    """The teacher's row; None where the run is no distillation. What is no longer there is nan, and said."""
    path = run.path / "distillation.json"
    if not path.is_file():
        return None
    settings = read_json(path)
    kind = str(settings.get("kind", HEAD))
    scores = [_auroc(run, pictures) for pictures in (val, test)]
    note = "torch" if kind == HEAD else f"torch, its tower and head alone; scores are of kind {kind}"
    try:
        network = _network(run.resolved(str(settings.get("teacher", ""))))
    except (SkinTagError, OSError) as error:
        reason = str(error).splitlines()[0]
        return Row(TEACHER, auroc_val=scores[0], auroc=scores[1], note=f"no longer there: {reason}")
    size = f"{network.backbone.settings.name}, {network.backbone.settings.image_size} px"
    row = cost_of_network(network, Row(TEACHER, note=f"{note}; {size}"), repeats)
    return Row(**{**vars(row), "auroc_val": scores[0], "auroc": scores[1]})


def _auroc(run: RunFolder, pictures: Pictures) -> float:
    """The teacher's AUROC on these pictures, out of the student's predictions; nan where it has not scored all."""
    frame = run.predictions.frame
    of = frame[frame["model"] == TEACHER].set_index("image_id")["p_malignant"].reindex(pictures.image_ids)
    return auroc(pictures.rows.target, of.to_numpy(float)) if len(of) and of.notna().all() else NAN


def _network(path: Path) -> LesionNetwork:
    """The network of a run folder, or of a bundle."""
    if path.is_dir() and (path / ".hydra" / "config.yaml").is_file():
        return RunFolder(path).module()
    from skintag.bundle import Bundle

    return Bundle.load(path).module()
