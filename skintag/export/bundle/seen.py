"""What a bundle keeps of the images that its weights have learned from."""

from __future__ import annotations

from pathlib import Path

from skintag.bundle.seen import SEEN
from skintag.data.view.seen import write_seen
from skintag.runs.folder import RunFolder
from skintag.runs.model import seen_of


def write_seen_images(run: RunFolder, folder: Path) -> None:
    """Write the hashed images, whatever the runtime; nothing where the run says nothing. Raises as `seen_of`."""
    seen = seen_of(run)
    if len(seen):
        write_seen(seen, folder / SEEN)
