"""A run's test images, clean and under each distortion, through the run's own models."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.core.hashing import uniform_from_strings
from skintag.core.io import atomic_path, write_json
from skintag.core.outputs import Outputs
from skintag.core.parquet import write_parquet
from skintag.core.vocabulary import HEAD
from skintag.data.distortions.distortions import CLEAN, DISTORTIONS, Distortion
from skintag.data.distortions.sheet import distortion_sheet
from skintag.runs.folder import ROBUSTNESS, RunFolder
from skintag.runs.scores import distorted_outputs

_CONDITIONS: Final = "p_condition_"


def score_distorted(
    run: RunFolder,
    distortions: Mapping[str, Distortion] = DISTORTIONS,
    models: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the run's test images, clean and under each distortion, and write `robustness.parquet`.

    Each image is decoded and resized once, and distorted at the size that the model sees. The clean images
    take the same way, so their scores are those of `predictions.parquet` up to the rounding of float32
    (trees may jump where an embedding lies on a threshold). `robustness.json` beside it says what was done.

    Args:
        run: a finished run.
        distortions: name -> distortion; `clean` is always scored too.
        models: of the run's predictions; None: all of them.
        limit: at most so many images, drawn by image whatever patient they are of; None: all.
        seed: of the distortions and of the draw.

    Returns:
        A row per distortion, model and image: `distortion`, its `severity` (nan for clean), and the columns of
        the predictions table.

    Raises:
        ConfigError: a model that the run has not, a distortion named `clean`, or a limit below 1.
        DataError: the run's images, checkpoint or probes are gone or are others now.
    """
    began = time.perf_counter()
    names = _models(run, models)
    if CLEAN in distortions:
        raise ConfigError(f"a distortion is named {CLEAN!r}: that is the name of the images as they are")
    image_ids = _chosen(run, names, limit, seed)
    said = distorted_outputs(run, distortions, names, image_ids, seed)
    table = _table(run, distortions, image_ids, said)
    _write(run, table, distortions, {"images": len(image_ids), "limit": limit, "seed": seed}, began)
    return table


def _write(
    run: RunFolder,
    table: pd.DataFrame,
    distortions: Mapping[str, Distortion],
    asked: dict[str, int | None],
    began: float,
) -> None:
    """Write the scores, and beside them what was done."""
    write_parquet(table, run.path / ROBUSTNESS)
    of = {k: {"kind": d.kind, "severity": d.severity, "unit": d.unit} for k, d in distortions.items()}
    size, seconds = run.data.pipeline.image_size, round(time.perf_counter() - began, 2)
    said = {**asked, "size": size, "distortions": of, "seconds": seconds}
    write_json((run.path / ROBUSTNESS).with_suffix(".json"), said)


def _models(run: RunFolder, models: Sequence[str] | None) -> list[str]:
    known = run.predictions.models
    for name in models or ():
        if name not in known:
            raise ConfigError(f"models: {run.path} has no model {name!r}; {near_matches(name, known)}")
    names = list(known if models is None else dict.fromkeys(models))
    if not names:
        raise ConfigError("models is empty: name at least one, or null for all")
    if lost := sorted(set(names) - {HEAD, *run.probes()}):
        raise DataError(
            run.path / "probes",
            expected=f"the fitted probe of each model: {first_few(names)}",
            found=f"none of {first_few(lost)}",
            fix="copy the whole run folder, or name the models to score (models=[head])",
        )
    return names


def _chosen(run: RunFolder, models: Sequence[str], limit: int | None, seed: int) -> list[str]:
    """Test images that every model has scored, by name; a smaller limit gives a part of a larger one's."""
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit}: expected at least 1, or null for all")
    common = set.intersection(*(set(run.predictions.test(m).frame["image_id"]) for m in models))
    image_ids = sorted(common)
    if not image_ids:
        raise DataError(
            run.path,
            expected="test images in the predictions",
            found="none",
            fix="choose a split with a test set",
        )
    if limit is None or limit >= len(image_ids):
        return image_ids
    draw = uniform_from_strings(image_ids, salt=("robustness", seed))
    return sorted(np.asarray(image_ids, dtype=object)[np.argsort(draw, kind="stable")[:limit]].tolist())


def _table(
    run: RunFolder,
    distortions: Mapping[str, Distortion],
    image_ids: list[str],
    said: Mapping[str, Sequence[Outputs]],
) -> pd.DataFrame:
    """The run's own test rows with new scores, one block per distortion; models by name, then images by name."""
    own = run.predictions.frame
    own = own[(own["split"] == "test") & own["model"].isin(said) & own["image_id"].isin(image_ids)]
    own = own.reset_index(drop=True)
    models, n = sorted(said), len(image_ids)
    conditions = [str(column) for column in own if str(column).startswith(_CONDITIONS)]
    blocks = []
    for k, (name, distortion) in enumerate([(CLEAN, None), *distortions.items()]):
        block = own.copy()
        block["p_malignant"] = np.concatenate([said[model][k].malignant for model in models]).astype(
            np.float64
        )
        some = np.full((len(own), len(conditions)), np.nan, dtype=np.float32)
        for i, model in enumerate(models):
            learned = said[model][k].conditions
            if learned is not None:
                some[i * n : (i + 1) * n, : learned.shape[1]] = learned
        block.loc[:, conditions] = some
        block.insert(0, "severity", np.nan if distortion is None else float(distortion.severity))
        block.insert(0, "distortion", pd.Series(name, index=block.index, dtype="str"))
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True)


def write_sheet(run: RunFolder, seed: int = 0) -> Path:
    """Write `plots/distortions.png`: a benign and a malignant test image of each domain, as the model sees them.

    Returns:
        The file.
    """
    rows = run.predictions.frame.query("split == 'test'").drop_duplicates("image_id")
    draw = uniform_from_strings(rows["image_id"], salt=("distortion sheet", seed))
    chosen = rows.iloc[np.argsort(draw, kind="stable")].groupby(["domain", "target"]).head(1)
    names = chosen.sort_values(["domain", "target"])["image_id"].tolist()
    positions = run.data.store.positions(names)
    batch = run.data.pipeline(run.data.store.read_many(positions), names)
    sheet = distortion_sheet(list(batch.permute(0, 2, 3, 1).numpy()), names=names, seed=seed)
    path = run.path / "plots" / "distortions.png"
    with atomic_path(path) as part:
        sheet.save(part, format="PNG")
    return path
