"""Which model of a run a bundle deploys: the one that was asked for, or the one that val ranks first."""

from __future__ import annotations

from collections.abc import Callable

from skintag.core.errors import ConfigError, near_matches
from skintag.core.vocabulary import HEAD
from skintag.evaluation.analyses.retention import TEACHER
from skintag.evaluation.metrics.metrics import auroc
from skintag.export.bundle.settings import BundleSettings
from skintag.runs.folder import RunFolder
from skintag.runs.model import recorded_features


def deployed_model(run: RunFolder, settings: BundleSettings, say: Callable[[str], None]) -> str:
    """The name of the model, as the predictions table calls it; `say` is told what val chose, or what is better there.

    Raises:
        ConfigError: a model that the run has not, or that cannot be deployed.
    """
    models = run.predictions.models
    if settings.model is not None and settings.model not in models:
        raise ConfigError(
            f"model={settings.model}: {run.path} has no such model; {near_matches(settings.model, models)}"
        )
    fits = _deployable(run)
    if settings.model is not None and settings.model not in fits:
        raise ConfigError(
            f"model={settings.model} cannot be deployed: it does not look at the embeddings of the trained model "
            f"({recorded_features(run)[0]}); choose one of {', '.join(fits)}"
        )
    ranks = _auroc_on_val(run)
    best = max(fits, key=lambda model: (ranks[model], model == HEAD))
    chosen = settings.model or (best if settings.runtime == "torch" else HEAD)
    say(f"model: {chosen}, AUROC {ranks[chosen]:.3f} on val{_better(chosen, best, settings, ranks)}")
    return chosen


def _deployable(run: RunFolder) -> list[str]:
    """The head, and the probes on the embeddings of the trained model."""
    own = recorded_features(run)[0]
    names = [HEAD, *(name for name, (feature, _) in run.probes().items() if feature == own)]
    return [name for name in names if name in run.predictions.models]


def _auroc_on_val(run: RunFolder) -> dict[str, float]:
    """By model, the teacher of a student left out; -1 where val has one class only."""
    found = {}
    for model in run.predictions.models:
        val = run.predictions.val(model)
        value = auroc(val.target, val.score) if len(val) else float("nan")
        found[model] = value if value == value else -1.0
    found.pop(TEACHER, None)
    return found


def _better(chosen: str, best: str, settings: BundleSettings, ranks: dict[str, float]) -> str:
    """What val ranks above the chosen one, and how to get it; empty where nothing is."""
    said = ""
    if ranks[best] > ranks[chosen]:
        said = f"; {best} is better there ({ranks[best]:.3f}): model={best}"
        if settings.runtime != "torch":
            said += ", which may need more than onnxruntime where it is served"
    first = max(ranks, key=lambda model: (ranks[model], model == best))
    if ranks[first] > max(ranks[best], ranks[chosen]):
        said += f"; {first} is better still ({ranks[first]:.3f}), but looks at other embeddings and cannot be deployed"
    return said
