"""Settings for a notebook or a program of one's own: what the command line would have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra
from hydra.errors import HydraException

from skintag.commands.cli import CONFIG_DIR, explain
from skintag.commands.help import hydra_of_our_own
from skintag.commands.own_tables import with_own_tables
from skintag.core.errors import ConfigError

if TYPE_CHECKING:
    from skintag.runs.settings import RunSettings


def compose(*overrides: str) -> RunSettings:
    """The settings of a training run, as `skintag train <overrides>` would have them.

    Args:
        overrides: as on the command line, e.g. `"experiment=multi_balanced", "trainer.max_epochs=3"`.

    Returns:
        The typed tree; `.data_module()` makes the data, prepared first where they are not there, and
        `.module(view)` the model.

    Raises:
        ConfigError: a key or choice that there is not, with near matches, or a value that makes no sense.
    """
    from skintag.runs.settings import RunSettings

    try:
        with hydra_of_our_own(CONFIG_DIR):
            given = with_own_tables(overrides, CONFIG_DIR, "train")
            config = hydra.compose("train", overrides=given)
    except HydraException as error:
        raise ConfigError(explain(error, list(overrides), "train")) from error
    return RunSettings.of(config)
