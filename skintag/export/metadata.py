"""What an ONNX file says of itself."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

from skintag.bundle.parts import TAXONOMY_VERSION
from skintag.core.vocabulary import CONDITIONS
from skintag.models.network import LesionNetwork

FORMAT_VERSION = 1


def metadata_of(network: LesionNetwork) -> dict[str, str]:
    """Model, input, outputs, the names of the conditions and versions: text by text, as ONNX wants it."""
    backbone, conditions = network.backbone.settings, CONDITIONS[: network.n_conditions]
    try:
        skintag = version("skintag")
    except PackageNotFoundError:
        skintag = "unknown"
    return {
        "skintag_version": skintag,
        "format_version": str(FORMAT_VERSION),
        "model": backbone.name,
        "objective": network.objective.name,
        "image_size": str(backbone.image_size),
        "input": f"image: uint8 [batch, {backbone.image_size}, {backbone.image_size}, 3], RGB",
        "outputs": "p_malignant [batch]; p_condition [batch, conditions], where learnt; embedding [batch, features]",
        "taxonomy_version": str(TAXONOMY_VERSION),
        "conditions": json.dumps(conditions if network.head.condition is not None else []),
        "weights": network.fingerprint(),
    }
