"""From a finished run to a bundle: everything that inference needs, written beside its place and renamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from skintag.bundle.archive import write_zip
from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import FileEntry, Manifest
from skintag.bundle.parts import Preprocessing, Taxonomy, Texts
from skintag.bundle.place import replacing
from skintag.bundle.resizer import RESIZE
from skintag.bundle.runtime import ONNX_FILES
from skintag.bundle.sample import write_sample
from skintag.bundle.verify import verify
from skintag.core.errors import DataError, first_few
from skintag.core.io import write_json
from skintag.core.vocabulary import CONDITIONS
from skintag.evaluation.decisions.calibration import write_calibrations
from skintag.evaluation.decisions.promise import promise_of
from skintag.evaluation.decisions.thresholds import write_thresholds
from skintag.evaluation.decisions.triage import TriagePolicy, write_policies
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.export.bundle.deployed_model import deployed_model
from skintag.export.bundle.deployed_scores import DeployedScores, deployed_scores
from skintag.export.bundle.evidence import write_evidence
from skintag.export.bundle.network import weights_of, write_module
from skintag.export.bundle.probes import write_probes
from skintag.export.bundle.seen import write_seen_images
from skintag.export.bundle.settings import BundleSettings
from skintag.export.resize_onnx import write_resize
from skintag.ood.fit import members_of
from skintag.ood.reference import OodReference
from skintag.runs.folder import RunFolder


def build_bundle(
    run_folder: str | Path,
    settings: BundleSettings | None = None,
    out: str | Path | None = None,
    *,
    prepared: str | Path | None = None,
    cache: str | Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the bundle of a finished run and return its folder; a bundle that is there already is replaced.

    The same run gives the same bytes. Threshold, calibration, triage policy and the limit of the
    out-of-distribution reference stand on the run's val rows; metrics are those of its test rows.

    Args:
        run_folder: of a finished run, a distilled one too.
        settings: what goes into it; None: `BundleSettings()`.
        out: folder of the bundle; by default `bundle` (or `bundle_<runtime>`) in the run folder.
        prepared: the prepared folder, where it is no longer where the run found it; for the reference alone.
        cache: as `prepared`, the folder of the embedding store.
        say: is told what is being done.

    Raises:
        ConfigError: a model that the run has not, or that cannot be deployed.
        DataError: the run is not finished, or lacks what the bundle is made of.
    """
    settings = settings or BundleSettings()
    run = RunFolder(run_folder, prepared=prepared, cache=cache)
    settings = replace(settings, model=deployed_model(run, settings, say))
    target = Path(out) if out else run.path / settings.folder_name
    with replacing(target) as part:
        _write_parts(run, part, settings, say)
        write_sample(Bundle(part, _manifest(run, part, settings), "cpu", None))
        _manifest(run, part, settings).write(part)
    if settings.zip:
        write_zip(target, zip_of(target))
    return target


def _write_parts(run: RunFolder, part: Path, settings: BundleSettings, say: Callable[[str], None]) -> None:
    """Everything but the manifest, which lists it."""
    say(f"network ({settings.runtime})")
    _write_network(run, part, settings.runtime)
    write_seen_images(run, part)
    names = write_probes(run, part / "probes")
    _write_small_parts(run, part)
    say("calibration and triage, on val")
    scores = deployed_scores(run, _model(settings), settings.runtime, part).calibrated(settings.calibration)
    if np.ptp(scores.predictions.frame["p_malignant"]) == 0:
        say(
            "calibration: val ranks the images the wrong way round or not at all, so every image gets one probability"
        )
    say(f"triage: {promise_of(_write_decisions(scores, part, settings))}")
    if settings.ood:
        say(f"out-of-distribution reference ({settings.ood})")
        _write_reference(run, scores, part, settings.ood, say)
    say("metrics and model card")
    write_evidence(run, scores, part)
    write_json(
        part / "provenance.json",
        {**run.provenance, "bundle": _made_with(settings, names)},
        checksum=False,
    )


def zip_of(folder: Path) -> Path:
    """Where the zip of a bundle lies: beside its folder."""
    return folder.with_name(folder.name + ".zip")


def _model(settings: BundleSettings) -> str:
    assert settings.model is not None  # `deployed_model` has chosen
    return settings.model


def _write_network(run: RunFolder, part: Path, runtime: str) -> None:
    if runtime == "torch":
        write_module(run.module(), part)
        return
    from skintag.export import export_run

    exported = run.path / "exports" / Path(ONNX_FILES[runtime]).name
    weights = run.module().fingerprint()
    if weights_of(exported) != weights:
        export_run(run.path, formats=[runtime])
    if (found := weights_of(exported)) != weights:
        fix = f"look at what skintag export run={run.path} formats=[{runtime}] says"
        said = f"one of weights {found}" if exported.is_file() else "no such file"
        raise DataError(exported, expected=f"the export of weights {weights}", found=said, fix=fix)
    (part / ONNX_FILES[runtime]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(exported, part / ONNX_FILES[runtime])
    tower = run.settings.backbone
    write_resize(
        part / RESIZE,
        tower.image_size,
        padding=bool(tower.padding),
        interpolation=tower.interpolation or "bilinear",
    )


def _write_small_parts(run: RunFolder, part: Path) -> None:
    tower = run.settings.backbone
    Preprocessing(
        image_size=tower.image_size,
        fit="pad" if tower.padding else str(run.setting("loader.fit")),
        interpolation=tower.interpolation or "bilinear",
        longest_side=int(run.setting("data.longest_side")),
        jpeg_quality=int(run.setting("data.quality")),
    ).write(part)
    name = str(run.setting("labels.taxonomy"))
    Taxonomy(
        name=name,
        premalignant=str(run.setting("labels.premalignant")),
        non_neoplastic=str(run.setting("labels.non_neoplastic")),
        conditions=CONDITIONS[: 11 if name == "extended" else 10],
    ).write(part)
    Texts().write(part)


def _write_decisions(scores: DeployedScores, part: Path, settings: BundleSettings) -> TriagePolicy:
    """Threshold, calibration and triage policy, which never disagree; returns the last."""
    model = _model(settings)
    assert scores.calibration is not None
    write_thresholds(part / "thresholds.json", {model: scores.threshold})
    write_calibrations(part / "calibration.json", {model: scores.calibration})
    val = scores.predictions.val(model)
    fitted = fit_triage(val, settings.target_sensitivity, settings.target_specificity, settings.confidence)
    policy = fitted.around(scores.threshold.value)
    write_policies(part / "triage.json", {model: policy})
    return policy


def _write_reference(
    run: RunFolder, scores: DeployedScores, part: Path, kind: str, say: Callable[[str], None]
) -> None:
    frame = run.view.frame
    train = frame[frame["split"] == "train"]
    val = scores.predictions.val(scores.predictions.models[0]).frame
    seen = scores.val_embeddings
    groups = {name: val[name].to_numpy(dtype=object) for name in ("domain", "fst_group")}
    reference = OodReference.fit(
        run.embeddings(train["image_id"].tolist()),
        run.embeddings(val["image_id"].tolist()) if seen is None else seen,
        kind=kind,
        labels=train["target_condition"].to_numpy(),
        # one limit for all, which keeps its share of every domain and skin type: a rare one would else be turned away
        val_groups=groups,
    )
    small = [
        name for name, rows in members_of(groups, len(val)).items() if len(rows) < reference.settings.smallest
    ]
    if small:
        say(f"too few in val to have a say in the out-of-distribution limit: {first_few(small)}")
    (part / "ood").mkdir()
    reference.save(part / "ood")


def _made_with(settings: BundleSettings, probes: list[str]) -> dict[str, object]:
    shown = {key: value for key, value in vars(settings).items() if key != "zip"}
    return {**shown, "probes": probes, "fitted_on": "val"}


def _manifest(run: RunFolder, part: Path, settings: BundleSettings) -> Manifest:
    paths = sorted(path.relative_to(part).as_posix() for path in part.rglob("*") if path.is_file())
    return Manifest(
        name=run.label,
        model=_model(settings),
        runtime=settings.runtime,
        note=run.caption,
        skintag=version("skintag"),
        files=tuple(FileEntry.of(part, path) for path in paths),
    )
    verify(part)
