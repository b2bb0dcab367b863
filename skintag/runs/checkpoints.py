"""What a checkpoint file says of itself: whose tensors it holds, and which images its weights have seen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from lightning.pytorch import LightningModule

from skintag.core.errors import ConfigError, DataError
from skintag.core.pretraining import Pretraining
from skintag.data.view.seen import FILE, GROUPS, IMAGES, Seen, read_seen
from skintag.models.torch_files import load_checkpoint

SEEN_IMAGES: Final = "skintag_seen_images"
"""Key of the hashed images in a checkpoint."""
SEEN_GROUPS: Final = "skintag_trained_on"
"""Key of the hashed names of leakage groups: all that version 0.1 wrote; runs that begin there carry them on."""
SEEN_BEFORE: Final = "skintag_pretraining"
"""Key of what published weights before them have learned from: four texts each, see `Pretraining`."""


def check_fits(module: LightningModule, path: str | Path) -> None:
    """Refuse a checkpoint of another architecture, by the shapes of its tensors; those are not read.

    Raises:
        ConfigError: it holds no weights, or other tensors than the module.
    """
    try:
        saved = load_checkpoint(path, check=False, mmap=True)["state_dict"]
        found = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    except (DataError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no checkpoint of a run ({type(error).__name__})") from error
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    if wanted != found:
        names = sorted(n for n in {*wanted, *found} if wanted.get(n) != found.get(n))
        first = f"{names[0]} is {found.get(names[0], 'not there')}, expected {wanted.get(names[0], 'none')}"
        raise ConfigError(
            f"{path} is of another model: {len(names)} of {len(wanted)} tensors differ, e.g. {first}\n"
            "  to do: give backbone, head, objective and labels as they were in the run that wrote it"
        )


def seen_in(path: str | Path) -> Seen:
    """The images that the weights in a file have learned from; none where it does not say.

    Args:
        path: a checkpoint of a run, a bundle's `model/weights.safetensors`, or weights of somebody else, or no file.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return read_seen(path.with_name(FILE))
    if not path.is_file():
        return Seen()
    saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    names = {IMAGES: SEEN_IMAGES, GROUPS: SEEN_GROUPS}
    seen = Seen.from_arrays({name: saved[key].numpy() for name, key in names.items() if key in saved})
    before = tuple(Pretraining.of(entry) for entry in saved.get(SEEN_BEFORE, ()))
    return Seen.union([seen, Seen(pretraining=before)])


def to_checkpoint(seen: Seen) -> dict[str, torch.Tensor | list[list[str]]]:
    """What a checkpoint holds of it, by key."""
    arrays = seen.to_arrays()
    kept: dict[str, torch.Tensor | list[list[str]]] = {SEEN_IMAGES: torch.from_numpy(arrays[IMAGES])}
    if len(arrays[GROUPS]):
        kept[SEEN_GROUPS] = torch.from_numpy(arrays[GROUPS])
    if seen.pretraining:
        kept[SEEN_BEFORE] = [entry.plain() for entry in seen.pretraining]
    return kept
