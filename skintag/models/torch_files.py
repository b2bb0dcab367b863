"""Files that torch wrote, read without running code and with their checksums looked at."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

import torch

from skintag.core.checksums import check_zip
from skintag.core.errors import DataError

_BROKEN: Final = (
    OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, AttributeError,
    IndexError, pickle.UnpicklingError,
)  # fmt: skip


def load_checkpoint(
    path: str | Path, *, map_location: Any = "cpu", check: bool = True, mmap: bool = False
) -> dict[str, Any]:
    """A checkpoint of a run as plain values and tensors (`weights_only=True`).

    Args:
        path: the file.
        map_location: where tensors go, as torch has it.
        check: whether every member of the file is compared with its CRC-32, which torch does not do; reads all of it.
        mmap: leave tensors on the disk until they are used.

    Raises:
        DataError: no such file, its bytes are not those that were written (`Damaged`), or it is no checkpoint.
    """
    expected = "a checkpoint that a run wrote"
    if not Path(path).is_file():
        raise DataError(path, expected=expected, found="no such file", fix="correct the path")
    if check:
        check_zip(path)
    try:
        loaded = torch.load(path, map_location=map_location, weights_only=True, mmap=mmap)
    except _BROKEN as error:
        found = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'nothing said'}"
        fix = "copy it again from where it is whole, or go on from another one (checkpoints/)"
        raise DataError(path, expected=expected, found=found, fix=fix) from error
    if not isinstance(loaded, dict):
        raise DataError(path, expected=expected, found=f"a {type(loaded).__name__}", fix="give a run's .ckpt")
    return loaded
