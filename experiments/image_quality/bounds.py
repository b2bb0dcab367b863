"""From where on is a photo too blurred, dark, bright or small to be told anything about? By what it costs on val.

python experiments/image_quality/bounds.py <run folder> <its ONNX bundle> <folder for results> --limit 1500

Photos of val are made worse step by step, before they are resized; at each step stand the median of what the server
measures of them and the AUROC that is left. A bound is where the AUROC has fallen by `COST`, but never so strict that
more than `ALARMS` of the photos as they are fail it. Then, with the bounds fixed: the AUROC of test photos as they
are, of those that pass and of those that do not.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.bundle import Bundle
from skintag.core.progress import track
from skintag.data.images.files import decode_image
from skintag.evaluation.metrics.metrics import auroc
from skintag.runs.folder import RunFolder
from skintag.serving.quality import measures

COST: Final = 0.02
ALARMS: Final = 0.05
_BATCH: Final = 64
Photo = NDArray[np.uint8]


def blurred(photo: Photo, share: float) -> Photo:
    """Out of focus: a Gaussian whose sigma is so large a share of the shorter side."""
    return cv2.GaussianBlur(photo, (0, 0), share * min(photo.shape[:2])) if share else photo


def lit(photo: Photo, gain: float) -> Photo:
    """So many times the light, as linear as sRGB lets one say it; what is beyond white is lost."""
    linear = (photo / 255.0) ** 2.2 * gain
    return np.rint(np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def shrunk(photo: Photo, side: float) -> Photo:
    """Its shorter side so many pixels, where it has more."""
    scale = side / min(photo.shape[:2])
    return cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else photo


# finding: how photos are made worse, the steps from harmless to useless, whether a smaller measure is worse
WAYS: Final[dict[str, tuple[Callable[[Photo, float], Photo], tuple[float, ...], bool]]] = {
    "blurred": (blurred, (0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06), True),
    "underexposed": (lit, (1, 0.6, 0.4, 0.25, 0.15, 0.1, 0.06, 0.03), True),
    "overexposed": (lit, (1, 1.5, 2, 2.5, 3, 4, 6, 9), False),
    "small": (shrunk, (1e6, 160, 112, 80, 56, 40, 28, 20), True),
}


def main() -> None:
    """Write `steps.csv`, `bounds.json` and `passing.csv`, and print them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--limit", type=int, default=1500, help="val images; all test images are looked at once"
    )
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    run, bundle = RunFolder(asked.run), Bundle.load(asked.bundle)
    frame = run.view.frame
    val = frame[frame["split"] == "val"].sample(frac=1, random_state=0).head(asked.limit)
    steps = pd.concat([made_worse(run, bundle, val, finding) for finding in WAYS])
    chosen = {finding: bound(rows) for finding, rows in steps.groupby("finding", sort=False)}
    passing = passed(run, bundle, frame[frame["split"] == "test"], chosen)
    steps.drop(columns="clean").to_csv(asked.out / "steps.csv", index=False, float_format="%.6g")
    passing.to_csv(asked.out / "passing.csv", index=False, float_format="%.6g")
    (asked.out / "bounds.json").write_text(json.dumps(chosen, indent=2) + "\n")
    print(steps.drop(columns="clean").to_string(index=False, float_format="%.4g"))
    print(json.dumps(chosen))
    print(passing.to_string(index=False, float_format="%.4g"))


def made_worse(run: RunFolder, bundle: Bundle, rows: pd.DataFrame, finding: str) -> pd.DataFrame:
    """A row per step: the median measure, the AUROC, and what was measured of the photos as they are."""
    worsen, severities, _ = WAYS[finding]
    made, clean = [], None
    for severity in severities:
        measured, score = looked_at(run, bundle, rows, lambda photo, by=severity: worsen(photo, by), finding)
        values = measured[finding].to_numpy()
        clean = values if clean is None else clean
        made.append((finding, severity, float(np.median(values)), auroc(rows["target"], score), clean))
    return pd.DataFrame(made, columns=["finding", "severity", "median", "auroc", "clean"])


def bound(steps: pd.DataFrame) -> float:
    """The measure at which the AUROC has fallen by `COST`, between steps on a straight line, held back by `ALARMS`."""
    smaller = WAYS[steps["finding"].iloc[0]][2]
    lost = np.maximum.accumulate((steps["auroc"].iloc[0] - steps["auroc"]).to_numpy())
    at = (
        float(np.interp(COST, lost, steps["median"])) if lost[-1] >= COST else float(steps["median"].iloc[-1])
    )
    clean = steps["clean"].iloc[0]
    most = float(np.quantile(clean, ALARMS if smaller else 1 - ALARMS))
    return float(f"{min(at, most) if smaller else max(at, most):.3g}")


def passed(run: RunFolder, bundle: Bundle, rows: pd.DataFrame, bounds: dict[str, float]) -> pd.DataFrame:
    """Test photos as they are: how many fail each bound, and the AUROC of those that pass and of those that fail."""
    measured, score = looked_at(run, bundle, rows, lambda photo: photo, "test")
    fails = pd.DataFrame(
        {f: measured[f] < bounds[f] if WAYS[f][2] else measured[f] > bounds[f] for f in bounds}
    )
    target = rows["target"].to_numpy()
    made = []
    for name, failing in [*fails.items(), ("any", fails.any(axis=1))]:
        bad = failing.to_numpy()
        for said, some in (("passes", ~bad), ("fails", bad)):
            both = 0 < target[some].sum() < some.sum()
            value = auroc(target[some], score[some]) if both else float("nan")
            made.append((name, said, int(some.sum()), int(target[some].sum()), value))
    return pd.DataFrame(made, columns=["finding", "photos", "n", "malignant", "auroc"])


def looked_at(
    run: RunFolder, bundle: Bundle, rows: pd.DataFrame, change: Callable[[Photo], Photo], said: str
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """What is measured of the photos after a change, and the deployed model's scores of them."""
    store = run.data.store
    data = store.read_many(store.positions(rows["image_id"].to_numpy(dtype=object)))
    measured, scores, batch = [], [], []
    for i, encoded in enumerate(track(data, f"{said}: looking at photos", total=len(rows))):
        photo = change(decode_image(encoded, rows["image_id"].iloc[i]))
        square = bundle.square(photo)
        measured.append(measures(square, min(photo.shape[:2])))
        batch.append(square)
        if len(batch) == _BATCH or i == len(rows) - 1:
            scores.append(bundle.outputs(np.stack(batch)).malignant)
            batch = []
    return pd.DataFrame(measured), np.concatenate(scores).astype(np.float64)


if __name__ == "__main__":
    main()
