"""Weights of a vision tower of transformers: read as safetensors or with `weights_only=True`, and matched exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor

from skintag.core.errors import DataError, first_few
from skintag.models.settings import BackboneSettings
from skintag.models.towers.files import ModelFiles
from skintag.models.towers.libraries import library

_FILES: Final = ("model.safetensors", "pytorch_model.bin")
# the other tower of a checkpoint of two, and what joins them
_BESIDE: Final = ("text_", "logit_", "visual_projection")
# of pretraining alone
_MASK: Final = "embeddings.mask_token"


def loaded(model: Any, settings: BackboneSettings) -> Any:
    """A model like this one with the weights of its files; what a checkpoint holds besides the tower is left out.

    Raises:
        ConfigError: there is no weights file.
        DataError: a tensor is missing, left over, or of another shape.
    """
    files = ModelFiles.of(settings)
    state, own = files.state(*_FILES), model.state_dict()
    if set(own) - {_MASK} <= set(state):  # named as this version has them, as runs keep them
        missing: list[str] = []
        wrong = [name for name in own if name in state and state[name].shape != own[name].shape]
        if not wrong:
            model.load_state_dict({**own, **{name: state[name] for name in own if name in state}})
    else:
        model, missing, wrong = _renamed(model, state)
    if missing or wrong:
        raise DataError(
            files.weights or files.folder or settings.name,
            expected=f"the {len(own)} tensors of the vision tower, by name and shape",
            found=f"{len(missing)} missing ({first_few(missing, 3)}), {len(wrong)} others ({first_few(wrong, 3)})",
            fix="check backbone.name, or copy the folder again",
        )
    return model


def _renamed(model: Any, state: Mapping[str, Tensor]) -> tuple[Any, list[str], list[str]]:
    """The model filled by the library, which renames what earlier versions of it wrote; missing and wrong names."""
    state = {name: tensor for name, tensor in state.items() if not name.startswith(_BESIDE)}
    if not getattr(model, "use_head", True):
        state = {n: t for n, t in state.items() if not n.removeprefix("vision_model.").startswith("head.")}
    with quietly():
        # without a path it reads no file
        filled, said = type(model).from_pretrained(
            None, config=model.config, state_dict=state, output_loading_info=True, dtype=torch.float32
        )
    wrong = [str(name) for key in ("mismatched_keys", "unexpected_keys", "error_msgs") for name in said[key]]
    return filled, sorted(set(said["missing_keys"]) - {_MASK}), sorted(set(wrong) - {_MASK})


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the library prints of every load."""
    logging: Any = library("transformers").logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
