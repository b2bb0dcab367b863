"""What OpenAPI is told where types alone do not say it: forms, streams, files and errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from skintag.serving.problems import MEDIA_TYPE
from skintag.serving.schemas import BatchLine, ProblemDetails

RETRY: Final = 5
_WHY: Final = {
    400: "No multipart form, or a broken one",
    401: "The API key is missing or wrong",
    404: "No such file is served, or not in this version",
    408: "The request came too slowly",
    413: "More bytes, pixels or pictures than are taken",
    415: "No multipart form, or a file of a kind that is not read",
    422: "A file that is no whole picture, a crop outside it, or another field",
    429: "More pictures than one client may send; Retry-After says when to go on",
    500: "The server failed",
    503: "The queue or the memory is full, or the server is ending; Retry-After says when to ask again",
}
_EXAMPLES: Final = {
    413: (
        "too-large",
        "Expected a picture of at most 20,000,000 bytes; found more. To do: send a smaller one.",
    ),
    429: ("rate", "More pictures than 120 a minute: wait 3 s and ask again."),
    503: ("busy", "64 pictures are under way, of 64 at most: ask again soon."),
}


def _ref(kind: type) -> str:
    return f"#/components/schemas/{kind.__name__}"


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of answers with these statuses."""
    out: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        kind, detail = _EXAMPLES.get(status, ("kind", _WHY[status] + "."))
        example = {
            "type": f"urn:skintag:problem:{kind}", "title": HTTPStatus(status).phrase, "status": status,
            "detail": detail, "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e",
        }  # fmt: skip
        out[status] = {
            "description": _WHY[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": _ref(ProblemDetails)}, "example": example}},
        }
        if status in (429, 503):
            out[status]["headers"] = {
                "Retry-After": {"description": "seconds", "schema": {"type": "integer"}}
            }
    return out


def _form(properties: dict[str, Any], required: list[str], encoding: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"requestBody": {"required": True, "content": content}}


_PICTURE: Final = {"type": "string", "format": "binary", "description": "an image file"}
_CROP: Final = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "a part of the upright picture, as JSON with x, y, width and height in fractions of its sides",
    "examples": ['{"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}'],
}
_KINDS: Final = {"contentType": "image/jpeg, image/png, image/webp, image/bmp, image/tiff, image/heic"}
FORM: Final = _form({"image": _PICTURE, "crop": _CROP}, ["image"], {"image": _KINDS})
BATCH: Final = _form(
    {"images": {"type": "array", "items": _PICTURE, "minItems": 1}}, ["images"], {"images": _KINDS}
)
NDJSON: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A line of JSON for each picture, in the order sent: `{index, analysis}` or `{index, error}`",
        "content": {"application/x-ndjson": {"schema": {"$ref": _ref(BatchLine)}}},
    }
}
METRICS_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file; its ETag is its SHA-256",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {},
        },
    },
    304: {"description": "The client has it"},
}
WEB: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "The web app"}}
