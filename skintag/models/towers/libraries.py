"""Libraries that not everybody has: imported where a backbone needs them, or said what to install."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Final

from skintag.core.errors import ConfigError

_EXTRAS: Final = {"open_clip": "open_clip_torch", "transformers": "transformers"}


def library(name: str) -> ModuleType:
    """The imported library.

    Raises:
        ConfigError: it is not installed, or a part of it is not.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"backbone.library={name} needs {_EXTRAS[name]} ({error}): pip install 'skintag[{name}]'"
        ) from error
