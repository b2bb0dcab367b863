"""Which leakage groups a bundle's weights have seen, so that nobody tests a student of it on its training images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from skintag.io import atomic_path

if TYPE_CHECKING:
    from skintag.data.view import View
    from skintag.run_folder import RunFolder

SEEN: Final = "model/trained_on.safetensors"
_NAME: Final = "groups"


def write_seen(run: RunFolder, folder: Path) -> None:
    """Write the hashed groups that the run's checkpoint keeps; nothing where it keeps none."""
    from safetensors.torch import save_file

    from skintag.checkpoints import trained_on
    from skintag.run_model import checkpoint_of

    groups = trained_on(checkpoint_of(run))
    if groups is not None:
        with atomic_path(folder / SEEN) as part:
            save_file({_NAME: groups.contiguous()}, part)


def refuse_seen(folder: Path, view: View) -> None:
    """Refuse a view that tests on what the bundle's weights have seen; passes where the bundle does not say.

    Raises:
        ConfigError: see `skintag.checkpoints.refuse_seen_test_images`.
    """
    if not (folder / SEEN).is_file():
        return
    from safetensors.torch import load_file

    from skintag.checkpoints import refuse_seen_groups

    refuse_seen_groups(view, load_file(folder / SEEN)[_NAME], folder)
