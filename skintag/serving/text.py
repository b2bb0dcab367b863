"""Answers as JSON."""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any) -> bytes:
    """Compact UTF-8; numbers that JSON has no word for raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
