"""Which leakage groups a bundle's weights have seen, so that nobody tests a student of it on its training images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from skintag.data.view.view import View

SEEN: Final = "model/trained_on.safetensors"
GROUPS: Final = "groups"
"""Name of the array in it."""


def refuse_seen(folder: Path, view: View) -> None:
    """Refuse a view that tests on what the bundle's weights have seen; passes where the bundle does not say.

    Raises:
        ConfigError: see `skintag.data.view.seen.refuse_seen_groups`.
    """
    if not (folder / SEEN).is_file():
        return
    from safetensors.numpy import load_file

    from skintag.data.view.seen import refuse_seen_groups

    refuse_seen_groups(view, load_file(folder / SEEN)[GROUPS], folder)
