"""What a checkpoint file says of itself: whose tensors it holds, and which images its weights have seen."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Final

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.data.view.seen import refuse_seen_groups
from skintag.data.view.view import View

TRAINED_ON: Final = "skintag_trained_on"
"""Key of the hashed leakage groups in a checkpoint."""


def check_fits(module: LightningModule, path: str | Path) -> None:
    """Refuse a checkpoint of another architecture, by the shapes of its tensors; those are not read.

    Raises:
        ConfigError: it holds no weights, or other tensors than the module.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    except (KeyError, TypeError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ConfigError(f"{path} is no checkpoint of a run ({type(error).__name__})") from error
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    if wanted != found:
        names = sorted(n for n in {*wanted, *found} if wanted.get(n) != found.get(n))
        first = f"{names[0]} is {found.get(names[0], 'not there')}, expected {wanted.get(names[0], 'none')}"
        raise ConfigError(
            f"{path} is of another model: {len(names)} of {len(wanted)} tensors differ, e.g. {first}\n"
            "  to do: give backbone, head, objective and labels as they were in the run that wrote it"
        )


def refuse_seen_test_images(view: View, path: str | Path) -> None:
    """Refuse weights that were trained on what the view tests on.

    Args:
        view: of this run; one whose split leaks on purpose is not checked.
        path: a checkpoint; one that does not say what it was trained on (no LesionModule's) passes.

    Raises:
        ConfigError: train or val images of the checkpoint share a patient, lesion or near-duplicate with test
            images of the view.
    """
    if view.audit.leaky or Path(path).suffix == ".safetensors" or not Path(path).is_file():
        return
    seen = trained_on(path)
    if seen is not None:
        refuse_seen_groups(view, seen, path)


def trained_on(path: str | Path) -> NDArray[np.int64] | None:
    """Hashes of the leakage groups that a checkpoint's weights have seen, int64 [n]; None where it does not say."""
    seen = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get(TRAINED_ON)
    return None if seen is None else seen.numpy().copy()
