"""Vision towers of transformers: SigLIP (1 and 2, at one fixed size), CLIP, DINOv2 and DINOv3.

They are built from their configuration by the library's own classes; code that a repository brings is never asked
for, and weights are read as safetensors or with `weights_only=True`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.models.layers import Stage, grouped_by_block
from skintag.models.settings import BackboneSettings
from skintag.models.towers.files import ModelFiles
from skintag.models.towers.libraries import library
from skintag.models.towers.plain import filter_name, only_simple, side_of, triple
from skintag.models.towers.tower import Native, Tower

_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
_PICTURES: Final = ("preprocessor_config.json", "processor_config.json")
# in a configuration that says nothing of the model's shape
_NO_SHAPE: Final = (
    "_",
    "architectures",
    "auto",
    "dtype",
    "torch",
    "transformers",
    "out_",
    "stage_",
    "id2",
    "label2",
)


@dataclass(frozen=True)
class _Family:
    """One kind of vision tower."""

    model: str
    """Name of its class."""
    blocks: str
    """Where its blocks lie, with a dot behind."""
    final: tuple[str, ...]
    """Beginnings of the names of parameters behind the last block."""
    norm: str
    """The last layer norm."""
    prefix: int
    """Tokens before those of the patches, less registers."""


_FAMILIES: Final = {
    "siglip_vision_model": _Family(
        "SiglipVisionModel", "encoder.layers.", ("post_layernorm.", "head."), "post_layernorm", 0
    ),
    "clip_vision_model": _Family("CLIPVisionModel", "encoder.layers.", ("post_layernorm.",), "post_layernorm", 1),
    "dinov2": _Family("Dinov2Model", "encoder.layer.", ("layernorm.",), "layernorm", 1),
    "dinov3_vit": _Family("DINOv3ViTModel", "model.layer.", ("norm.",), "norm", 1),
}  # fmt: skip


def native(settings: BackboneSettings) -> Native:
    """What the model's folder or repository says of it. Raises ConfigError where it says nothing."""
    files = ModelFiles.of(settings)
    values = files.configuration("config.json")
    vision = values.get("vision_config")
    if isinstance(vision, dict):
        values = {"model_type": f"{values.get('model_type')}_vision_model", **vision}
    kind = str(values.get("model_type"))
    if kind not in _FAMILIES:
        raise ConfigError(
            f"backbone.name={settings.name}: {files.folder or files.repository} holds config.json of model_type "
            f"{kind!r}; known: siglip, clip, {', '.join(list(_FAMILIES)[2:])}"
        )
    pictures = files.configuration(*_PICTURES)
    pictures = pictures.get("image_processor", pictures)
    if not pictures:
        raise ConfigError(
            f"backbone.name={settings.name}: {_PICTURES[0]} is not there: give the whole folder"
        )
    if (
        abs(float(pictures.get("rescale_factor", 1 / 255)) * 255 - 1) > 1e-4
        or pictures.get("do_rescale") is False
    ):
        raise ConfigError(
            f"backbone.name={settings.name}: pixels that are not scaled to 0..1 are not supported"
        )
    cut = pictures.get("crop_size") if pictures.get("do_center_crop") else None
    plain = pictures.get("do_normalize") is False
    return Native(
        side_of(cut or pictures.get("size"), settings.name),
        filter_name(pictures.get("resample", 2 if kind == "dinov3_vit" else 3)),
        bool(pictures.get("do_pad", False)),
        triple(0.0 if plain else pictures.get("image_mean"), "mean", settings.name),
        triple(1.0 if plain else pictures.get("image_std"), "std", settings.name),
        {"model_type": kind, **_shape(kind, values)},
    )


def _shape(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the model's shape and arithmetic, of names that its configuration has."""
    known = _classes(kind)[1]().to_dict()
    names = {name for name in known if not name.startswith(_NO_SHAPE)} - {"model_type"}
    return only_simple(values, names)


def _classes(kind: str) -> tuple[Any, Any]:
    """The classes of a model and of its configuration."""
    if kind not in _FAMILIES:
        raise ConfigError(f"backbone.architecture.model_type={kind!r}: {near_matches(kind, list(_FAMILIES))}")
    model = getattr(library("transformers"), _FAMILIES[kind].model)
    return model, model.config_class


def build(settings: BackboneSettings) -> Tower:
    """The vision tower, with the weights that the settings ask for.

    Raises:
        ConfigError: a pooling that it has not, or weights that cannot be had.
        DataError: weights that do not fit.
    """
    kind = str(settings.architecture.get("model_type"))
    model_class, config_class = _classes(kind)
    family, shape = _FAMILIES[kind], _shape(kind, settings.architecture)
    own = "head" if kind == "siglip_vision_model" and shape.get("vision_use_head", True) else "cls"
    pooling = settings.pooling or ("mean" if kind == "siglip_vision_model" and own == "cls" else own)
    if (
        pooling not in ("head", "cls", "mean")
        or (pooling == "head") > (own == "head")
        or (pooling == "cls" and not family.prefix)
    ):
        ways = [own, *(["cls"] if family.prefix and own != "cls" else []), "mean"]
        raise ConfigError(
            f"backbone.pooling={settings.pooling!r}: for {settings.name} {near_matches('', ways)}"
        )
    if own == "head":
        shape["vision_use_head"] = pooling == "head"  # what nothing is learned of is not there
    try:
        with _quietly(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.seed)
            model = model_class(config_class(**shape))
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"backbone.architecture: {settings.name} cannot be built of it ({error})"
        ) from error
    if settings.pretrained or settings.checkpoint:
        model = _loaded(model, settings)
    if getattr(model.embeddings, "mask_token", None) is not None:
        model.embeddings.mask_token = None  # of pretraining alone
    groups = grouped_by_block(model, family.blocks, family.final)
    side = settings.image_size
    rope = hasattr(model, "rope_embeddings")
    blocks = model.get_submodule(family.blocks.rstrip("."))
    skipped = family.prefix + int(getattr(model.config, "num_register_tokens", 0))
    final = [
        model.get_submodule(name.rstrip(".")) for name in family.final if hasattr(model, name.rstrip("."))
    ]
    stem = [model.embeddings, *([model.pre_layrnorm] if hasattr(model, "pre_layrnorm") else [])]
    return Tower(
        model,
        groups,
        [
            Stage(tuple(stem), partial(_stem, model, kind in ("siglip_vision_model", "clip_vision_model"))),
            *(Stage((block,), partial(_block, model, block, side if rope else 0)) for block in blocks),
            Stage(tuple(final), partial(_final, model, family.norm, pooling, skipped)),
        ],
        int(model.config.hidden_size),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),  # the settings hold the real ones, see `native`
    )


def _loaded(model: Any, settings: BackboneSettings) -> Any:
    """A model like this one with the weights of its files; what a checkpoint holds besides the tower is left out."""
    files = ModelFiles.of(settings)
    state = files.state(*_WEIGHTS)
    where = files.weights or files.folder or settings.name
    own = model.state_dict()
    if set(own) - {"embeddings.mask_token"} <= set(
        state
    ):  # named as this version has them, as runs keep them
        given = {name: tensor for name, tensor in state.items() if name in own}
        given = {"embeddings.mask_token": own.get("embeddings.mask_token"), **given}
        missing: list[str] = []
        wrong = [name for name, t in given.items() if t is not None and t.shape != own[name].shape]
        if not wrong:
            model.load_state_dict({name: t for name, t in given.items() if t is not None})
    else:
        state = {n: t for n, t in state.items() if not n.startswith(("text_", "logit_", "visual_projection"))}
        if not getattr(model, "use_head", True):
            state = {
                n: t for n, t in state.items() if not n.removeprefix("vision_model.").startswith("head.")
            }
        with _quietly():
            # the library renames what earlier versions of it wrote; without a path it reads no file
            model, said = type(model).from_pretrained(
                None, config=model.config, state_dict=state, output_loading_info=True, dtype=torch.float32
            )
        missing = sorted(set(said["missing_keys"]) - {"embeddings.mask_token"})
        wrong = [*map(str, said["mismatched_keys"]), *said["unexpected_keys"], *said["error_msgs"]]
    if missing or wrong:
        raise DataError(
            where,
            expected=f"the {len(own)} tensors of the vision tower, by name and shape",
            found=f"{len(missing)} missing ({first_few(missing, 3)}), {len(wrong)} others ({first_few(wrong, 3)})",
            fix="check backbone.name, or copy the folder again",
        )
    return model


@contextmanager
def _quietly() -> Iterator[None]:
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


def _stem(model: Any, positions: bool, x: Tensor) -> Tensor:
    """[B, 3, S, S] -> [B, tokens, D]; a table of positions is resampled to the size of the picture."""
    x = model.embeddings(x, interpolate_pos_encoding=True) if positions else model.embeddings(x)
    return model.pre_layrnorm(x) if hasattr(model, "pre_layrnorm") else x  # its name in the library


def _block(model: Any, block: Callable[..., Any], side: int, x: Tensor) -> Tensor:
    """One block; where positions are rotations (`side` > 0) they are those of a whole picture, never jittered."""
    if not side:
        out = block(x, None)
    else:
        model.rope_embeddings.eval()
        out = block(x, position_embeddings=model.rope_embeddings(x.new_empty((1, 3, side, side))))
    tokens: Tensor = out[0] if isinstance(out, tuple) else out
    return tokens


def _final(model: Any, norm: str, pooling: str, skipped: int, x: Tensor) -> Tensor:
    """[B, tokens, D] -> [B, D]."""
    if pooling == "cls":
        x = x[:, 0]
    x = getattr(model, norm)(x)
    if pooling == "head":
        return model.head(x)  # type: ignore[no-any-return]
    return x[:, skipped:].mean(dim=1) if pooling == "mean" else x
