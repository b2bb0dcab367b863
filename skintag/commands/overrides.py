"""The command line as it was typed, made into what Hydra takes: options, `~`, `group=null`, and cures for the rest."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from skintag.commands.help import defaults_of
from skintag.core.errors import ConfigError, near_matches

# It loads a pickle, which may hold any program.
_REFUSED: Final = ("--experimental-rerun",)
# A home folder where a path begins: at the start of the value, of an item of a list, or of a quoted text.
_HOME: Final = re.compile(r"(^|[\[,'\"]\s*)(~[\w.-]*)(?=/)|^(~)$")


def prepared_overrides(arguments: Sequence[str], folder: Path, config_name: str) -> list[str]:
    """The arguments as Hydra takes them; what is prepared already stays as it is.

    Args:
        arguments: of the command line.
        folder: of the configurations.
        config_name: of the command.

    Raises:
        ConfigError: as `options_first`.
    """
    typed = options_first(arguments)
    return without_null_groups([with_home(argument) for argument in typed], folder, config_name)


def options_first(arguments: Sequence[str]) -> list[str]:
    """Hydra's options with their values, then everything else: it refuses overrides that stand behind an option.

    Raises:
        ConfigError: an option that there is not (keys are given as key=value), or one without its value.
    """
    parser = _parser()
    by_text = {text: action for action in parser._actions for text in action.option_strings}
    options: list[str] = []
    rest: list[str] = []
    waiting: argparse.Action | None = None
    for argument in arguments:
        action = by_text.get(argument)
        if waiting is not None and (waiting.nargs is None or argument in (waiting.choices or ())):
            options[-1:] = (
                [options[-1], argument] if waiting.nargs is None else [f"--{waiting.dest}={argument}"]
            )
            waiting = None
        elif argument.partition("=")[0] in by_text or re.match(r"-[^\d]", argument):
            # with its default written out, or it would take an override for its value
            optional = action is not None and action.nargs == "?"
            options.append(f"--{action.dest}={action.const}" if action and optional else argument)
            waiting = action if action is not None and action.nargs in (None, "?") else None
        else:
            rest.append(argument)
            waiting = None
    for option in options:
        _refuse(option, by_text, rest)
    parser.parse_args([*options, *rest])
    return [*options, *rest]


def given_overrides(arguments: Sequence[str]) -> list[str]:
    """What stands on a command line beside Hydra's options."""
    return [str(override) for override in get_args_parser().parse_known_args(list(arguments))[0].overrides]


def _parser() -> argparse.ArgumentParser:
    """Hydra's, with errors that are ours, and without names of options that were cut short."""
    parser = get_args_parser()
    parser.allow_abbrev = False

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message} (--hydra-help lists the options)")

    parser.error = refuse  # type: ignore[method-assign]
    return parser


def _refuse(option: str, known: Collection[str], rest: Sequence[str]) -> None:
    """Say what was probably meant by an option that there is not."""
    name, _, value = option.partition("=")
    if name in _REFUSED:
        raise ConfigError(f"{name} is not offered: it would run whatever the file holds")
    if not name.startswith("--") or name in known:
        return
    if any(text.startswith(name) for text in known if text not in _REFUSED):
        raise ConfigError(f"{name} is no option: {near_matches(name, known)}")
    words = [word for word in rest if "=" not in word]
    meant = f"{name.lstrip('-')}={value or (words[0] if len(words) == 1 else '<value>')}"
    raise ConfigError(f"{name} is no option: keys are given as key=value: {meant}")


def with_home(argument: str) -> str:
    """`key=~/folder` with the home folder in the place of `~`, as a shell has it at the start of a word."""
    key, equals, value = argument.partition("=")
    if not equals or "~" not in value:
        return argument
    made = _HOME.sub(lambda found: (found[1] or "") + _expanded(found[2] or found[3]), value)
    if made != value and parsed(f"{key}={made}") is None and parsed(quoted := f'{key}="{made}"') is not None:
        return quoted
    return f"{key}={made}"


def without_null_groups(arguments: Sequence[str], folder: Path, config_name: str) -> list[str]:
    """`group=null` as Hydra takes it: `~group`, or nothing where the group has no choice by default."""
    defaults = defaults_of(folder, config_name)
    given = []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if value != "null" or name not in defaults:
            given.append(argument)
        elif defaults[name] is not None:
            given.append(f"~{name}")
    return given


def cures(arguments: Sequence[str]) -> list[str]:
    """A line for each argument that Hydra's grammar does not take: what to type instead."""
    found = []
    for argument in given_overrides(arguments):
        if parsed(argument) is not None:
            continue
        key, equals, value = argument.partition("=")
        if not equals:
            found.append(f"  {argument!r}: expected key=value")
            continue
        if parsed(f"{key}=x") is None:
            found.append(f"  {key!r} is no key")
            continue
        body = value.strip("'\"").replace("\\", "\\\\").replace('"', '\\"')
        found.append(f"  put the value between quotes: {_between_quotes(key, body)}")
    return found


def parsed(argument: str) -> Override | None:
    """The override that an argument is, or None where Hydra's grammar does not take it."""
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def path_in(override: str) -> Path:
    """The path that an override gives to a key, its quotes read as Hydra reads them."""
    known = parsed(override)
    value = override.partition("=")[2] if known is None else known.value()
    return Path(str(value).strip("'\"").replace("\\${", "${"))  # as OmegaConf reads it


def _between_quotes(key: str, body: str) -> str:
    """`'key="value"'`: one pair of quotes for Hydra, and one for the shell."""
    text = f'{key}="{body}"'
    return f"'{text}'" if "'" not in text else shlex.quote(text)


def _expanded(home: str) -> str:
    try:
        return str(Path(home).expanduser())
    except RuntimeError:  # nobody of that name, or no home
        return home
