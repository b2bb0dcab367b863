"""Errors as RFC 9457 has them: type, title, status, detail, and the request's id."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from skintag.core.errors import ImageError
from skintag.serving.text import to_json

MEDIA_TYPE: Final = "application/problem+json"
_STATUS_OF: Final = {
    "not an image": 415,
    "unsupported format": 415,
    "too large": 413,
    "out of memory": 503,
}
"""Reason of an ImageError -> status; 422 of any other."""


class Problem(Exception):
    """An answer other than what was asked for.

    Args:
        status: of HTTP.
        kind: short, the same for the same problem: the end of `type`.
        detail: what was expected, what was found, and what to do.
        retry_after: seconds, where it is worth asking again.
    """

    def __init__(self, status: int, kind: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.retry_after = status, kind, detail, retry_after

    @classmethod
    def of_image(cls, error: ImageError) -> Problem:
        """For a file that cannot be read."""
        status = _STATUS_OF.get(error.reason, 422)
        detail = f"Expected {error.expected}; found: {error.found}. To do: {error.fix}."
        return cls(status, error.reason.replace(" ", "-"), detail, retry_after=5 if status == 503 else None)

    def to_json(self, request_id: str | None) -> dict[str, Any]:
        """As it is sent."""
        return {
            "type": f"urn:skintag:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }

    def response(self, request_id: str | None) -> Response:
        """The answer, with what HTTP wants beside some statuses."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return Response(
            to_json(self.to_json(request_id)), self.status, headers=headers, media_type=MEDIA_TYPE
        )


def request_id_of(request: Request) -> str | None:
    """The id that the request was given."""
    found = request.scope.get("state", {}).get("request_id")
    return str(found) if found is not None else None
