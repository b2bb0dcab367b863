"""`python -m skintag.serving.openapi > openapi.json`: the API as OpenAPI, from which the web app's types are made."""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import FastAPI


def document() -> dict[str, Any]:
    """The document; it depends on no bundle."""
    from skintag.serving.app import described

    app: FastAPI = described()
    return app.openapi()


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
