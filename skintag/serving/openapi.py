"""`python -m skintag.serving.openapi > openapi.json`: the API as OpenAPI, from which the web app's types are made."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from fastapi import FastAPI


def document() -> dict[str, Any]:
    """The document; it depends on no bundle."""
    from skintag.serving.app import described

    app: FastAPI = described()
    return app.openapi()


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has seen enough; what is left must not be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
