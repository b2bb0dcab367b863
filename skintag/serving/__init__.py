"""The API over one bundle, the settings that it runs by, and what starts it: needs the extra `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skintag.serving.app import create_app
    from skintag.serving.settings import Settings

__all__ = ["Settings", "create_app"]

_PLACES = {"Settings": "settings", "create_app": "app"}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
