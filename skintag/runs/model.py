"""The model side of a finished run: its view, data, weights and probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from skintag.core.errors import DataError
from skintag.core.vocabulary import FEATURES, FROZEN
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.view.seen import Seen
from skintag.data.view.view import View
from skintag.models.backbone import Backbone
from skintag.models.lesion_module import LesionModule
from skintag.probes.base import Probe
from skintag.runs.checkpoints import seen_in
from skintag.runs.files import RunFiles


def view_of(run: RunFiles) -> View:
    """The run's view, computed again.

    Raises:
        DataError: the prepared data are gone, or give another view than the run had.
    """
    view = run.settings.view(run.settings.catalog(run.prepared))
    _check_same(run, "view", run.provenance["data"]["view"]["fingerprint"], view.fingerprint)
    return view


def data_of(run: RunFiles, view: View) -> LesionDataModule:
    """The run's images as its embedding export saw them.

    Raises:
        DataError: the shards are gone, hold other images than the run had, or lie at an address nobody allowed.
    """
    _ = run.url  # an address that nobody allowed ends it here
    data = run.settings.data_module(view, run.prepared, augmented=False)
    _check_same(run, "shards", run.provenance["data"]["shards"], data.store.fingerprint)
    return data


def module_of(run: RunFiles) -> LesionModule:
    """The module of `checkpoint_of`. Raises as it does."""
    return LesionModule.from_checkpoint(checkpoint_of(run))


def checkpoint_of(run: RunFiles) -> Path:
    """The best checkpoint, or the one which the run only scored.

    Raises:
        DataError: the run has neither.
    """
    best = run.path / "checkpoints" / "best.ckpt"
    if not best.is_file() and run.settings.ckpt_path:
        best = run.resolved(run.settings.ckpt_path)
    if not best.is_file():
        raise DataError(
            best,
            expected="the run's best checkpoint",
            found="no such file",
            fix="skintag train writes it; run it again",
        )
    return best


def seen_of(run: RunFiles) -> Seen:
    """The images that the run's models have learned from, those of whatever it began from among them.

    Raises:
        DataError: the run has no checkpoint; or it only scored one, and its data, which its probes have learned from,
            are gone.
    """
    checkpoint = checkpoint_of(run)
    seen = seen_in(checkpoint)
    trained = checkpoint.is_relative_to(run.path)
    if trained and len(seen.images):
        return seen
    try:
        return Seen.union([seen, Seen.of(view_of(run))])
    except DataError:
        if not trained:
            raise
        return seen  # trained by version 0.1, whose checkpoints say no more than the names of groups


def frozen_backbone_of(run: RunFiles) -> Backbone:
    """The backbone as it was before training.

    Raises:
        DataError: its weights are no longer those that the run began with.
    """
    settings = run.settings.backbone
    if settings.checkpoint:
        settings = replace(settings, checkpoint=str(run.resolved(settings.checkpoint)))
    backbone = Backbone(settings).eval()
    _check_same(
        run,
        "weights of the frozen backbone",
        recorded(run, FROZEN)["weights"],
        backbone.weights_fingerprint(),
    )
    return backbone


def probes_of(run: RunFiles) -> dict[str, tuple[str, Probe]]:
    """The fitted probes: name in the predictions table -> (feature it looks at, probe).

    Raises:
        DataError: a probe's files are missing or damaged.
    """
    root, found = run.path / "probes", dict[str, tuple[str, Probe]]()
    features = [feature for feature in FEATURES if (root / feature).is_dir()]
    for probe in run.settings.probes.values():
        kind = type(probe)
        # what looks at no embeddings is there once, whatever was exported
        for feature in features if kind.looks_at_embeddings else (features or recorded_features(run))[:1]:
            found[kind.model_name(feature)] = feature, kind.load(kind.folder(root, feature))
    return found


def recorded_features(run: RunFiles) -> tuple[str, ...]:
    """The features that the run exported, of FEATURES; only `frozen` where nothing learned."""
    return tuple(f for f in FEATURES if f in run.provenance["embeddings"])


def recorded(run: RunFiles, feature: str) -> dict[str, Any]:
    """What the run wrote down of a feature's export."""
    return dict(run.provenance["embeddings"][feature])


def _check_same(run: RunFiles, what: str, then: str, now: str) -> None:
    if then != now:
        raise DataError(
            run.path,
            expected=f"the {what} that the run had ({then})",
            found=now,
            fix="give back what has changed since (data, labels, weights), or train again",
        )


class Towers:
    """Every feature of a run's images in one go; a frozen beginning that the towers share is run once.

    Args:
        run: the run.
        module: its trained model.
        features: which to give, of `recorded_features(run)`.
    """

    def __init__(self, run: RunFiles, module: LesionModule, features: Sequence[str]) -> None:
        self.tuned_feature = recorded_features(run)[0]
        self.tuned = module.backbone
        self.frozen: Backbone | None = None
        self.features = tuple(features)
        if any(feature != self.tuned_feature for feature in features):
            self.frozen = frozen_backbone_of(run)
            self.frozen.lock(**module.settings()["finetune"])  # cut where the tuned one is cut
            self.frozen.eval()
        self.shared = (
            self.frozen is not None and self.tuned.trunk_fingerprint() == self.frozen.trunk_fingerprint()
        )

    def to(self, device: torch.device) -> None:
        """Move the weights of every tower to a device."""
        for tower in (self.tuned, self.frozen):
            if tower is not None:
                tower.to(device)

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Embeddings float32 [B, D] by feature, of pictures uint8 [B, 3, S, S]."""
        trunk = self.tuned.forward_trunk(images)
        made = {}
        if self.tuned_feature in self.features:
            made[self.tuned_feature] = self.tuned.forward_tail(trunk)
        if self.frozen is not None:
            made[FROZEN] = self.frozen.forward_tail(trunk) if self.shared else self.frozen(images)
        return made
