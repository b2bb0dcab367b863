"""The jobs that a command line stands for, as Hydra would start them, without starting any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from skintag.commands.overrides import parsed

_BASIC: Final = "BasicSweeper"


@dataclass(frozen=True)
class Jobs:
    """What a command line asks for."""

    overrides: tuple[tuple[str, ...], ...]
    """Of each job, as a launcher would have them; of a search, of its first job as far as they are known."""
    multirun: bool
    """Whether it is a sweep."""
    trials: int | None = None
    """How many jobs a search may start, which chooses their settings itself; None for a grid."""


def jobs_of(config_name: str, overrides: Sequence[str], *, multirun: bool) -> Jobs:
    """The jobs that Hydra would start; to be called where it is set up.

    Raises:
        HydraException: an override that does not fit.
    """
    known = [o for o in map(parsed, overrides) if o is not None]
    multirun = multirun or any(
        o.key_or_group == "hydra.mode" and str(o.value()).endswith("MULTIRUN") for o in known
    )
    if not multirun:
        return Jobs((tuple(overrides),), False)
    fixed = [o for o in overrides if (p := parsed(o)) is None or not p.is_sweep_override()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    first = [_first_of(override) for override in parser.parse_overrides(list(overrides))]
    config = hydra.compose(config_name, overrides=first, return_hydra_config=True)
    sweeper = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    assert isinstance(sweeper, dict)
    params = [f"{name}={value}" for name, value in (sweeper.get("params") or {}).items()]
    if not str(sweeper["_target_"]).endswith(_BASIC):
        return Jobs((tuple(fixed),), True, trials=int(sweeper.get("n_trials") or 0) or None)
    ours = [o for o in overrides if not o.startswith(("hydra.", "hydra/"))]
    batches = BasicSweeper.split_arguments(parser.parse_overrides([*params, *ours]), None)
    own = [o for o in overrides if o not in ours]
    return Jobs(tuple((*job, *own) for batch in batches for job in batch), True)


def _first_of(override: Override) -> str:
    """An override, of one that is swept over the first value: enough to see which sweeper is chosen."""
    if not override.is_sweep_override():
        return str(override.input_line)
    value = next(iter(override.sweep_string_iterator()), "null") if override.is_discrete_sweep() else "null"
    return f"{override.get_key_element()}={value}"
