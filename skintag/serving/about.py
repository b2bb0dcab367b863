"""What /api/model says of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError
from skintag.serving.engine import MALIGNANT, Engine
from skintag.serving.schemas import Model
from skintag.serving.text import to_json


def told(engine: Engine, *, device: bool) -> bytes:
    """`about` as JSON. Made when a bundle is loaded, so that one which cannot be told of is never taken into use.

    Raises:
        DataError: figures or texts of the bundle are not what they should be.
    """
    try:
        said = about(engine, device=device)
        Model.model_validate(said)
        return to_json(said)
    except (ValidationError, ValueError, TypeError, AttributeError, KeyError) as error:
        found = f"{type(error).__name__}: {error}"[:300]
        expected = "figures and texts that can be told of it"
        raise DataError(engine.bundle.manifest.name, expected=expected, found=found, fix=AGAIN) from error


def about(engine: Engine, *, device: bool) -> dict[str, Any]:
    """Of the bundle in use; `device`: whether a phone can run it."""
    bundle = engine.bundle
    names, policy = bundle.taxonomy.conditions, bundle.policy
    return {
        "bundle": engine.about,
        "threshold": float(bundle.threshold.value),
        "tiers": {
            "low": policy.low,
            "high": policy.high,
            "malignant_from": policy.malignant_from,
            "never_low": [names[code] for code in policy.never_low if code < len(names)],
        },
        "taxonomy": {
            "name": bundle.taxonomy.name,
            "conditions": list(names),
            "malignant": [names[code] for code in MALIGNANT if code < len(names)],
        },
        "calibration": bundle.calibration.kind,
        "image_size": bundle.preprocessing.image_size,
        "maps": engine.maps,
        "device": device,
        "disclaimer": bundle.texts.disclaimer,
        "model_card": bundle.model_card,
        "metrics": figures(bundle.metrics, bundle.manifest.model),
    }


def figures(metrics: Mapping[str, Any], model: str) -> dict[str, Any]:
    """`metrics.json` in short: sensitivity at the threshold with its interval, over all, by skin type and by camera."""
    levels = metrics.get("models", {}).get(model, {}).get("levels", {})
    overall = _figures(levels.get("overall", {}))
    return {
        "data": str(metrics.get("data") or ""),
        "overall": overall[0] if overall else None,
        "fitzpatrick": _figures(levels.get("fst_group", {})),
        "domain": _figures(levels.get("domain", {})),
    }


def _figures(groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    out = []
    for group, cells in groups.items():
        cell = cells.get("sensitivity") or {}
        out.append(
            {
                "group": group,
                "sensitivity": cell.get("value"),
                "low": cell.get("low"),
                "high": cell.get("high"),
                "n_malignant": int(cell.get("n_positive") or 0),
                "n": int(cell.get("n") or 0),
                "few": bool(cell.get("too_few")) or bool(cell.get("note")),
            }
        )
    return out
