"""Whether weights of timm's hub are here, or can be fetched: asked in seconds, and without importing torch."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from typing import Final

from skintag.core.errors import ConfigError

_PATIENCE: Final = 5.0  # seconds that the hub is waited for
_FILES: Final = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)


def refuse_unreachable(name: str, hub: str) -> str | None:
    """Where weights will be fetched from; None where they are here already.

    Args:
        name: of the backbone, for the message.
        hub: the repository on the hub, `timm/<name>`.

    Raises:
        ConfigError: they are not here and cannot be fetched; says the ways on.
    """
    if _is_cached(hub):
        return None
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    reason = "HF_HUB_OFFLINE is set" if _is_offline() else _unreachable(f"{address}/{hub}")
    if not reason:
        return address
    raise ConfigError(
        f"backbone.name={name}: its weights ({hub}) are not here, and {address} cannot be asked for them "
        f"({reason}). Ways on: profile=demo (a small model on drawn data, in minutes); weights from a file: "
        "backbone.pretrained=false backbone.checkpoint=<file>; a mirror: HF_ENDPOINT=<address>"
    )


def _is_cached(hub: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(hub, name), str) for name in _FILES)


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _unreachable(address: str) -> str:
    """Why an address does not answer within seconds, or nothing."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in (401, 403, 405, 429) else f"it answers {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
