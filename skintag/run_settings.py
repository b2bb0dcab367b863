"""Values of the training configuration that would be found wrong late, or in somebody else's words."""

from __future__ import annotations

from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from skintag.errors import ConfigError

_Kind = tuple[type, ...]
_WHOLE: Final[_Kind] = (int,)
_NUMBER: Final[_Kind] = (int, float)

# key -> kind, smallest value (None: any), whether null will do
_NUMBERS: Final[dict[str, tuple[_Kind, float | None, bool]]] = {
    "seed": (_WHOLE, 0, False),
    "split_seed": (_WHOLE, 0, False),
    "head.hidden": (_WHOLE, 1, False),
    "head.dropout": (_NUMBER, 0, False),
    "trainer.effective_batch_size": (_WHOLE, 1, False),
    "trainer.max_epochs": (_WHOLE, -1, True),
    "trainer.min_epochs": (_WHOLE, 0, True),
    "trainer.max_steps": (_WHOLE, -1, False),
    "trainer.num_nodes": (_WHOLE, 1, False),
    "trainer.gradient_clip_val": (_NUMBER, 0, True),
    "trainer.log_every_n_steps": (_WHOLE, 0, False),
    "trainer.val_check_interval": (_NUMBER, 0, True),
    "trainer.limit_train_batches": (_NUMBER, 0, True),
    "trainer.limit_val_batches": (_NUMBER, 0, True),
    "trainer.num_sanity_val_steps": (_WHOLE, -1, True),
    "callbacks.patience": (_WHOLE, 0, True),
    "callbacks.checkpoint_every_steps": (_WHOLE, 1, False),
    "loader.batch_size": (_WHOLE, 1, False),
    "loader.eval_batch_size": (_WHOLE, 1, False),
    "loader.num_workers": (_WHOLE, 0, True),
    "loader.prefetch_factor": (_WHOLE, 1, False),
}
_SWITCHES: Final = ("fit", "compile")
_WITH_AUTO: Final = ("report", "robustness")


def check_settings(config: DictConfig) -> None:
    """Refuse values of the wrong kind or out of range; choices with a `_target_` check their own.

    Raises:
        ConfigError: names the key, the value and what would do.
    """
    for key, (kinds, smallest, nullable) in _NUMBERS.items():
        value = OmegaConf.select(config, key)
        if value is None and nullable:
            continue
        right = isinstance(value, kinds) and not isinstance(value, bool)
        if not right or (smallest is not None and value < smallest):
            raise ConfigError(f"{key}={_shown(value)}: expected {_wanted(kinds, smallest, nullable)}")
    for key in _SWITCHES:
        if not isinstance(config[key], bool):
            raise ConfigError(f"{key}={_shown(config[key])}: expected true or false")
    for key in _WITH_AUTO:
        if config[key] not in (True, False, "auto"):
            raise ConfigError(f"{key}={_shown(config[key])}: expected auto, true or false")
    if not config.fit and not config.ckpt_path and not config.probe:
        raise ConfigError("fit=false without ckpt_path scores probes alone, and probe=null has none")


def _wanted(kinds: _Kind, smallest: float | None, nullable: bool) -> str:
    what = "a whole number" if kinds == _WHOLE else "a number"
    least = "" if smallest is None else f" of {smallest:g} or more"
    return f"{what}{least}{', or null' if nullable else ''}"


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
