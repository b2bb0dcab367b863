"""What a bundle keeps of the images that its weights were trained on."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import save_file

from skintag.bundle.seen import GROUPS, SEEN
from skintag.core.io import atomic_path
from skintag.runs.checkpoints import trained_on
from skintag.runs.folder import RunFolder
from skintag.runs.model import checkpoint_of


def write_seen(run: RunFolder, folder: Path) -> None:
    """Write the hashed groups that the run's checkpoint keeps; nothing where it keeps none."""
    groups = trained_on(checkpoint_of(run))
    if groups is not None:
        with atomic_path(folder / SEEN) as part:
            save_file({GROUPS: groups}, part)
