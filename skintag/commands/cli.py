"""What every command shares: Hydra, errors a person can read, near matches for typos, and resuming a run."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.commands.door import log_into
from skintag.commands.dry_run import KEY, dry_run, is_asked
from skintag.commands.folders import Refused, run_folder, sweep_folder
from skintag.commands.help import choices_of, groups_in, help_text, hydra_of_our_own, wants_help
from skintag.commands.overrides import cures, parsed, prepared_overrides
from skintag.commands.own_tables import TABLE, with_own_tables
from skintag.commands.resumed import expand_resume
from skintag.commands.sweeps import SWEEP, SweepSummary, run_job
from skintag.core import stopping
from skintag.core.errors import ConfigError, SkinTagError, near_matches

_PACKAGE = Path(__file__).resolve().parent.parent
# In the package where it was installed from a wheel, beside it in a checkout; the files are the same.
CONFIG_DIR = next(f for f in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if f.is_dir())
_RUNS = ("train", "distill")
# Configurations that come with a plugin, and the extra that installs it.
_EXTRAS = {
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/submitit": "submitit",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "optuna",
}


def run_command(
    config_name: str,
    task: Callable[[DictConfig], Any],
    rewrite: Callable[[list[str]], list[str]] = list,
    *,
    command: Sequence[str] = (),
) -> None:
    """Compose `config_name` with the command line and call `task`; multirun and `--help` are Hydra's own.

    Args:
        config_name: of the command's configuration.
        task: the command.
        rewrite: may put other overrides in the place of those that were given; twice must give what once gives.
        command: what stood before the overrides, e.g. `("train",)` of `skintag train ...`. The task sees it again:
            the further processes of a distributed run are started by the whole command line.

    A signal ends it with 128 plus its number, see `skintag.core.stopping`.
    Mistakes in the configuration end with exit status 2, other errors that a user can mend with 1, each with
    one readable message; anything else is for the door (skintag.commands.door).
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hand us the exception instead of printing half of it
    try:
        with stopping.heeded():
            sys.argv[1:] = prepared_overrides(sys.argv[1:], CONFIG_DIR, config_name)
            sys.argv[1:] = with_own_tables(sys.argv[1:], CONFIG_DIR, config_name)
            sys.argv[1:] = prepared_overrides(rewrite(expand_resume(sys.argv[1:])), CONFIG_DIR, config_name)
            _compose_and_call(config_name, task, tuple(command))
    except HydraException as error:
        _fail(2, explain(error, sys.argv[1:], config_name))
    except (ConfigError, OmegaConfBaseException) as error:
        _fail(2, str(error))
    except SkinTagError as error:
        _fail(1, str(error))
    except Exception as error:
        if type(error).__name__ != "MisconfigurationException":  # Lightning's; importing it takes seconds
            raise
        _fail(2, str(error))


def _compose_and_call(config_name: str, task: Callable[[DictConfig], Any], command: tuple[str, ...]) -> None:
    """Print help where it is asked for, else run the task, or a sweep of it; what it raises comes through."""
    if wants_help(sys.argv[1:]):
        print(help_text(CONFIG_DIR, config_name, sys.argv[1:]))
        return
    if config_name in _RUNS and is_asked(sys.argv[1:]):
        if not dry_run(CONFIG_DIR, config_name, sys.argv[1:]):
            sys.exit(1)
        return
    raised: list[Exception] = []
    program = hydra.main(version_base="1.3", config_path=str(CONFIG_DIR), config_name=config_name)
    try:
        with sweep_folder(config_name):
            program(_checked(task, config_name, command, raised))()
            stopping.be_patient(False)  # raises where a sweep in other processes was asked to end
    except Refused as refused:
        raise refused.error from None
    except (ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
        if not _of_hydra(error):
            raise
        said = str(error) if isinstance(error, ValueError) else f"not understood: {error}"
        raise HydraException(said) from error
    if raised:
        raise raised[0]
    if SweepSummary.failed:
        sys.exit(1)


def _checked(
    task: Callable[[DictConfig], Any], name: str, command: tuple[str, ...], raised: list[Exception]
) -> Callable[[DictConfig], Any]:
    """The task, refusing values that were not given; as a job of a sweep, see `skintag.commands.sweeps`."""

    def checked(config: DictConfig) -> Any:
        if unset := sorted(OmegaConf.missing_keys(config)):
            raise ConfigError(f"{', '.join(unset)} is not set: add {unset[0]}=<value>")
        if config.get(KEY):
            raise ConfigError(f"{KEY} is for the command line alone: {KEY}=true")
        return task(config)

    def checked_job(config: DictConfig) -> Any:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return run_job(checked, config, command)
        sys.argv[1:] = [*command, *sys.argv[1:]]
        try:
            if name not in _RUNS:  # the others have no folder of their own
                return checked(config)
            folder = Path(HydraConfig.get().runtime.output_dir)
            log_into(folder)
            with run_folder(config, name, folder):
                return checked(config)
        except Exception as error:
            raised.append(error)  # Hydra would print a line of its own before it lets it through
            return None

    return checked_job


def is_alone() -> bool:
    """Whether this run is no job of a sweep: what is set to `auto` is then done at its end."""
    return bool(HydraConfig.get().mode != RunMode.MULTIRUN)


def jobs_of_sweep() -> int:
    """How many jobs the sweep has that this is a job of, as far as its overrides say; 1 for a run alone."""
    if is_alone():
        return 1
    saved = Path(HydraConfig.get().sweep.dir) / SWEEP
    try:
        given = OmegaConf.to_container(OmegaConf.load(saved).hydra.overrides.task, resolve=False)
    except (OSError, OmegaConfBaseException):
        return 1
    overrides = [o for o in map(parsed, map(str, given if isinstance(given, list) else [])) if o is not None]
    return prod(len(list(o.sweep_iterator())) for o in overrides if o.is_discrete_sweep())


def _of_hydra(error: Exception) -> bool:
    """Whether Hydra, and nothing that it called, raised an error: then it is about what was typed."""
    innermost = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return innermost.f_globals.get("__name__", "").partition(".")[0] in ("hydra", "omegaconf", "antlr4")


def _fail(status: int, message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)


def explain(error: Exception, arguments: Sequence[str], config_name: str) -> str:
    """Hydra's complaint in its own words, then what the user probably meant."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else None
    said = str(error).split("\nfull_key")[0].split("\nConfig search path")[0].strip()
    # "+key=value" would be taken, and never looked at
    dropped = ("To append to your", "See https://hydra.cc")
    lines = [line for line in said.splitlines() if not line.startswith(dropped)] or [type(error).__name__]
    if cause is not None and str(cause).split("\n")[0] not in lines[0]:
        lines.append("  " + str(cause).split("\n")[0])
    lines += [
        f"  pip install 'skintag[{extra}]' adds it" for name, extra in _EXTRAS.items() if f"'{name}" in said
    ]
    lines += cures(arguments)
    # the hints are extra: the message above already says what is wrong
    with suppress(HydraException, OmegaConfBaseException):
        lines += _hints([a for a in arguments if "=" in a or a.startswith("~")], config_name)
    return "\n".join(lines)


def _hints(arguments: Sequence[str], config_name: str) -> list[str]:
    """One line for each override whose key or choice is unknown."""
    overrides = [o for a in arguments if (o := parsed(a)) is not None]
    groups = groups_in(CONFIG_DIR)
    hints, good = [], []
    for override in overrides:
        name = override.key_or_group
        if name in groups:
            options = choices_of(CONFIG_DIR, name)
            value = override.value()
            values = value.list if isinstance(value, ChoiceSweep) else [value]
            chosen = [part for v in values for part in str(v).strip("[]").split(",")]
            wrong = [c.strip() for c in chosen if c.strip() not in [*options, "null", "None"]]
            hints += [f"  {name}={choice}: {near_matches(choice, options)}" for choice in wrong]
            if not wrong:
                good.append(override.input_line or "")
    with hydra_of_our_own(CONFIG_DIR):
        base = hydra.compose(config_name, overrides=[g for g in good if g])
    known = _flat_keys(base)
    for override in overrides:
        name = override.key_or_group
        if (
            not name
            or name in groups
            or name in known
            or override.is_add()
            or name.startswith(("hydra.", "hydra/"))
        ):
            continue
        near = near_matches(name, {*known, *groups, TABLE})
        top = {key.partition(".")[0] for key in known}
        hints.append(f"  {name}: {near if near.startswith('did') else near_matches(name, top)}")
    return hints


def _flat_keys(config: DictConfig, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in map(str, config):
        name = f"{prefix}{key}"
        keys.append(name)
        child = config._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            keys += _flat_keys(child, f"{name}.")
    return keys
