"""Image towers of open_clip: `<model>.<weights>` as it lists them, `hf-hub:org/name`, or a folder in its format.

An embedding is what the tower pools, before the projection into the space that images and texts share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.models.layers import LayerGroup, Stage, grouped_by_block
from skintag.models.settings import BackboneSettings
from skintag.models.towers import timm_tower
from skintag.models.towers.files import HUB, ModelFiles, under
from skintag.models.towers.libraries import library
from skintag.models.towers.plain import only_simple, side_of, triple
from skintag.models.towers.tower import Native, Tower
from skintag.models.weights import load_state

_CONFIG: Final = "open_clip_config.json"
_WEIGHTS: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_POOLINGS: Final = {"cls": "tok", "mean": "avg"}


def native(settings: BackboneSettings) -> Native:
    """What open_clip, or the model's folder or repository, says of it. Raises ConfigError where nothing does."""
    files = ModelFiles.of(settings)
    values = files.configuration(_CONFIG)
    model, pictures = (values.get("model_cfg"), values.get("preprocess_cfg")) if values else _listed(settings)
    if not isinstance(model, dict) or not isinstance(model.get("vision_cfg"), dict):
        raise ConfigError(
            f"backbone.name={settings.name}: {_CONFIG} with a model_cfg and its vision_cfg is not there"
        )
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    said = merge_preprocess_dict(PreprocessCfg(), pictures if isinstance(pictures, dict) else {})
    vision = _vision(model["vision_cfg"])
    return Native(
        side_of(vision.get("image_size", said["size"]), settings.name),
        "bicubic" if said["interpolation"] == "random" else str(said["interpolation"]),
        said["resize_mode"] == "longest",
        triple(said["mean"], "mean", settings.name),
        triple(said["std"], "std", settings.name),
        {**only_simple(model, ("embed_dim", "quick_gelu")), "vision_cfg": vision},
    )


def hub_of(name: str) -> str | None:
    """The repository of a listed model's weights; None where they lie elsewhere."""
    kind, _, tag = name.partition(".")
    place = str((library("open_clip").get_pretrained_cfg(kind, tag) or {}).get("hf_hub") or "")
    return "/".join(place.split("/")[:2]) or None


def _listed(settings: BackboneSettings) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The configurations of a model that open_clip lists, and of its weights."""
    name = settings.name
    open_clip = library("open_clip")
    kind, _, tag = name.partition(".")
    model = None if name.startswith(HUB) else open_clip.get_model_config(kind)
    if model is None:
        known = open_clip.list_models()
        raise ConfigError(f"backbone.name={name!r} is not a model of open_clip; {near_matches(kind, known)}")
    weights = open_clip.get_pretrained_cfg(kind, tag) if tag else {}
    if settings.pretrained and not tag:
        tags = first_few(open_clip.list_pretrained_tags_by_model(kind), 5)
        raise ConfigError(f"backbone.name={name}: which weights? {name}.<weights>, e.g. {tags}")
    if tag and not weights:
        known = open_clip.list_pretrained_tags_by_model(kind)
        raise ConfigError(
            f"backbone.name={name!r}: open_clip has no such weights; {near_matches(tag, known)}"
        )
    return {**model, "quick_gelu": bool(weights.get("quick_gelu", model.get("quick_gelu", False)))}, weights


def _vision(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of CLIPVisionCfg that are plain, and name nothing to load."""
    library("open_clip")
    from open_clip.model import CLIPVisionCfg

    known = {field.name for field in fields(CLIPVisionCfg)} - {"timm_model_pretrained", "output_tokens"}
    kept = only_simple(values, known)
    for name in ("act_kwargs", "norm_kwargs"):
        if isinstance(values.get(name), dict):
            kept[name] = only_simple(values[name], set(values[name]))
    trunk = kept.get("timm_model_name")
    if trunk is not None and not timm.is_model(str(trunk)):
        raise ConfigError(f"an open_clip tower on timm's {trunk!r}, which this timm does not know")
    return kept


def build(settings: BackboneSettings) -> Tower:
    """The image tower without projection, with the weights that the settings ask for.

    Raises:
        ConfigError: a pooling that it has not, or weights that cannot be had.
        DataError: weights that do not fit.
    """
    visual = _created(settings)
    if settings.pretrained or settings.checkpoint:
        _load(visual, settings)
    if hasattr(visual, "trunk"):
        return _on_timm(visual, settings)
    if type(visual).__name__ != "VisionTransformer":
        if settings.pooling:
            raise ConfigError(f"backbone.pooling={settings.pooling}: {settings.name} pools in one way only")
        names = tuple(name for name, _ in visual.named_parameters())
        groups = [LayerGroup("stem", names), LayerGroup("final", ())]
        return _tower(visual, groups, [Stage((visual,), visual)], int(visual.output_dim))
    visual.proj = None
    if settings.pooling and settings.pooling not in _POOLINGS:
        raise ConfigError(
            f"backbone.pooling={settings.pooling!r}: for open_clip {near_matches('', list(_POOLINGS))}"
        )
    if settings.pooling:
        visual.pool_type = _POOLINGS[settings.pooling]
    groups = grouped_by_block(visual, "transformer.resblocks.", ("ln_post.", "attn_pool"))
    return _tower(visual, groups, _stages(visual), int(visual.ln_post.normalized_shape[0]))


def _created(settings: BackboneSettings) -> Any:
    library("open_clip")
    from open_clip.model import _build_vision_tower

    own = settings.architecture
    vision = _vision(own["vision_cfg"])
    if not vision.get("timm_model_name"):
        vision["image_size"] = settings.image_size
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.seed)
            return _build_vision_tower(int(own.get("embed_dim", 512)), vision, bool(own.get("quick_gelu")))
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"backbone.name={settings.name}: open_clip does not build it ({error})") from error


def _load(visual: Any, settings: BackboneSettings) -> None:
    """Fill the tower; the text tower of the file is left out, position embeddings are resampled."""
    files = ModelFiles.of(settings)
    if files.folder is None and files.repository is None:
        import open_clip

        kind, _, tag = settings.name.partition(".")
        try:
            files = ModelFiles.of_file(
                settings.name, open_clip.download_pretrained(open_clip.get_pretrained_cfg(kind, tag))
            )
        except Exception as error:  # the hub client has errors of its own, by the dozen
            raise ConfigError(
                f"backbone.pretrained: no weights for {settings.name} from the hub or its cache ({error}); without a "
                "network give the model's folder: backbone.pretrained=false backbone.checkpoint=<folder>"
            ) from error
    state = under(files.state(*_WEIGHTS), "visual.")
    where = files.weights or files.folder or settings.name
    if hasattr(visual, "trunk"):
        load_state(visual.trunk, under(state, "trunk."), where)
        return
    from open_clip.model import resize_pos_embed

    prefixed = (
        {"visual.positional_embedding": state["positional_embedding"]}
        if "positional_embedding" in state
        else {}
    )
    resize_pos_embed(prefixed, SimpleNamespace(visual=visual))
    state |= under(prefixed, "visual.")
    if "proj" not in state and hasattr(visual, "proj"):  # of a run of SkinTag, which keeps no projection
        state["proj"] = visual.proj
    try:
        visual.load_state_dict(state, strict=True)
    except RuntimeError as error:
        expected = f"the {len(visual.state_dict())} tensors of the image tower, by name and shape"
        raise DataError(
            where, expected=expected, found=str(error)[:1000], fix="check backbone.name"
        ) from error


def _on_timm(visual: Any, settings: BackboneSettings) -> Tower:
    """The timm model that does all but the projection."""
    if "pool" in dict(visual.head.named_children()):
        raise ConfigError(
            f"backbone.name={settings.name}: its pooling lies in the projection, which is not supported"
        )
    trunk = visual.trunk
    trunk.reset_classifier(0, *([settings.pooling] if settings.pooling else []))
    usual: Any = timm.get_pretrained_cfg(str(settings.architecture["vision_cfg"]["timm_model_name"]))
    size = int(usual.input_size[-1])
    if settings.image_size != size and hasattr(trunk, "set_input_size"):
        trunk.set_input_size(settings.image_size)
    return timm_tower.parts_of(trunk)


def _tower(model: nn.Module, groups: list[LayerGroup], stages: list[Stage], size: int) -> Tower:
    # the settings hold the real ones, see `native`
    return Tower(model, groups, stages, size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _stages(visual: Any) -> list[Stage]:
    stem = (visual.conv1, visual.patch_dropout, visual.ln_pre)
    pool = (
        visual.ln_post,
        *(m for m in (visual.attn_pool, getattr(visual, "attn_pool_contrastive", None)) if m),
    )
    return [
        Stage(stem, visual._embeds),
        *(Stage((block,), block) for block in visual.transformer.resblocks),
        Stage(pool, partial(_pooled, visual)),
    ]


def _pooled(visual: Any, x: Tensor) -> Tensor:
    pooled: Tensor = visual._pool(x)[0]  # [B, tokens, D] -> [B, D]
    return pooled
