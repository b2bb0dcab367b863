"""What the API answers with, as types: OpenAPI is made from them, and the web app's types from that."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Tier = Literal["LOW", "MODERATE", "HIGH"]
Category = Literal["malignant", "inflammatory", "benign"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConditionProbability(_Closed):
    """One of the likeliest conditions."""

    name: str = Field(description="of the taxonomy, e.g. melanoma")
    probability: float = Field(description="as the model gives it; not calibrated")


class Categories(_Closed):
    """Three kinds of lesion; their sum is 1."""

    malignant: float = Field(description="the calibrated probability")
    inflammatory: float | None = Field(description="null where the model knows no conditions")
    benign: float


class Finding(_Closed):
    """Something that is wrong with the photograph."""

    finding: Literal["blurred", "underexposed", "overexposed", "small"]
    value: float = Field(description="what was measured")
    bound: float = Field(description="what it was held against")


class Map(_Closed):
    """Where the model looked: the logit of malignancy at every position of its last feature map."""

    height: int
    width: int
    values: list[float] = Field(description="height x width logits, row by row")


class Size(_Closed):
    """Of the whole upright picture, pixels."""

    width: int
    height: int


class CropFractions(_Closed):
    """A part of the upright picture, in fractions of its sides."""

    x: float
    y: float
    width: float
    height: float


class BundleName(_Closed):
    """Which bundle answered."""

    name: str
    version: str = Field(description="first 12 hex digits of the digest of its manifest")
    model: str = Field(description="head, or a probe on the embeddings")
    runtime: str = Field(description="onnx, onnx_half, onnx_int8 or torch")
    note: str = Field(description="what has to stand beside every figure, or empty")


_ANALYSIS: Final[dict[str, Any]] = {
    "malignancy_score": 0.0831,
    "malignancy_probability": 0.0831,
    "above_threshold": False,
    "conditions": [
        {"name": "melanocytic_nevus", "probability": 0.71},
        {"name": "seborrheic_keratosis", "probability": 0.13},
        {"name": "melanoma", "probability": 0.06},
    ],
    "category": "benign",
    "tier": "LOW",
    "tier_reason": "0.0831 is below 0.12",
    "recommendation": "Low estimated risk. Keep an eye on the spot, photograph it again in a month or two ...",
    "confidence": 0.9169,
    "out_of_distribution": False,
    "out_of_distribution_score": 21.4,
    "disclaimer": "This is a screening aid, not a diagnosis ...",
    "categories": {"malignant": 0.0831, "inflammatory": 0.0122, "benign": 0.9047},
    "quality": [{"finding": "small", "value": 120, "bound": 160}],
    "picture": {"width": 600, "height": 450},
    "crop": {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5},
    "map": {"height": 2, "width": 2, "values": [-2.1, -1.9, -2.4, -2.2]},
    "bundle": {
        "name": "student seed 0 grouped", "version": "3f2c9a1b04de", "model": "head", "runtime": "onnx", "note": "",
    },
}  # fmt: skip


class Analysis(_Closed):
    """What is said of one photograph."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ANALYSIS]})

    malignancy_score: float = Field(description="what threshold and tiers are held against, 0 to 1")
    malignancy_probability: float = Field(description="calibrated on val, 0 to 1")
    above_threshold: bool = Field(description="whether the score reaches the decision threshold")
    conditions: list[ConditionProbability] = Field(description="the three likeliest, falling; or none")
    category: Category
    tier: Tier
    tier_reason: str
    recommendation: str = Field(description="what to tell the person")
    confidence: float | None = Field(
        description="null where the picture is unlike those the model was made from"
    )
    out_of_distribution: bool | None = Field(description="null where the bundle cannot tell")
    out_of_distribution_score: float | None = Field(description="larger is stranger")
    disclaimer: str = Field(description="stands with every answer")
    categories: Categories
    quality: list[Finding] = Field(description="empty where nothing is wrong")
    picture: Size
    crop: CropFractions | None
    map: Map | None = Field(description="null where the network gives none")
    bundle: BundleName


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["urn:skintag:problem:too-large"])
    title: str = Field(examples=["Request Entity Too Large"])
    status: int = Field(examples=[413])
    detail: str = Field(description="what was expected, what was found, and what to do")
    request_id: str | None = Field(description="stands in X-Request-ID and in the server's log too")


class BatchLine(_Closed):
    """One line of the answer to a batch: it has an analysis or an error."""

    index: int = Field(description="position of the picture, from 0")
    analysis: Analysis | None = None
    error: ProblemDetails | None = None


class Health(_Closed):
    """The process lives."""

    status: Literal["ok"]


class Figure(_Closed):
    """Sensitivity at the decision threshold on test images."""

    group: str = Field(examples=["V-VI"])
    sensitivity: float | None = Field(description="null where it is not defined")
    low: float | None = Field(description="of its 95% interval")
    high: float | None
    n_malignant: int
    n: int
    few: bool = Field(description="whether it stands on too few lesions for its interval to hold")


class Figures(_Closed):
    """Sensitivity over all and by group; groups with no image are not among it."""

    data: str = Field(description="what the test images are; empty: real ones at full resolution")
    overall: Figure | None
    fitzpatrick: list[Figure]
    domain: list[Figure] = Field(description="by camera: dermoscopic, clinical, smartphone")


class Tiers(_Closed):
    """Bounds of the tiers."""

    low: float = Field(description="below it is LOW")
    high: float = Field(description="above it is HIGH")
    malignant_from: float = Field(description="a MODERATE score of at least this is called malignant")
    never_low: list[str] = Field(description="likeliest conditions that lift LOW to MODERATE")


class TaxonomyNames(_Closed):
    """What the numbers of the model mean."""

    name: str
    conditions: list[str]
    malignant: list[str] = Field(description="those of the conditions that are malignant")


class Model(_Closed):
    """The bundle in use."""

    bundle: BundleName
    threshold: float
    tiers: Tiers
    taxonomy: TaxonomyNames
    calibration: str
    image_size: int
    maps: bool = Field(description="whether answers have a map")
    device: bool = Field(description="whether a phone can run it: its files are under /bundle/")
    disclaimer: str
    model_card: str = Field(description="Markdown")
    metrics: Figures
