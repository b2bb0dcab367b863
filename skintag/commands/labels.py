"""`skintag labels draft photos.csv column=diagnosis out=labels.csv`: a label table for a person to fill in."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.commands.folders import override_of
from skintag.commands.help import wants_help
from skintag.core.errors import ConfigError, first_few, near_matches
from skintag.core.vocabulary import CONDITIONS, MALIGNANCY

COMMANDS: Final = {"draft": "a table to fill in: draft <csv> column=<the diagnosis> out=<csv>"}
HELP: Final = "\n".join(
    [
        "usage: skintag labels <command> key=value ...",
        "",
        *(f"  {name:8} {text}" for name, text in COMMANDS.items()),
        "",
        "skintag labels <command> --help lists the keys of a command.",
    ]
)
# taken to the letter, whatever Hydra's grammar would make of them
_LITERAL: Final = ("csv", "column", "out")
_QUOTED: Final = re.compile(r"'.*'|\".*\"")


def draft(config: DictConfig) -> None:
    """Write the table, and say what is left to do."""
    from skintag.core.csv_text import csv_of
    from skintag.core.io import write_bytes
    from skintag.data.sources.own_labels import draft_labels

    out = Path(str(config.out))
    if out.exists():
        raise ConfigError(f"out={out}: is there, and may be filled in: name another file, or delete it")
    lines = draft_labels(Path(str(config.csv)), str(config.column))
    write_bytes(out, csv_of(lines))
    todo = lines["raw_label"][lines["condition"] == ""]
    print(
        f"{out}: {len(lines)} labels, {len(lines) - len(todo)} of them filled in as SkinTag's own tables have them"
    )
    if len(todo):
        print(f"to fill in: {len(todo)}: {first_few(list(todo))}")
    print(f"condition: {', '.join(CONDITIONS)}; or undiagnosed")
    print(f"malignancy: {', '.join(MALIGNANCY)}")
    print("inflammatory: true or false")


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """What stands behind `labels draft`, for Hydra: a word without `=` is the CSV.

    Raises:
        ConfigError: several such words.
    """
    words = [a for a in arguments if "=" not in a and not a.startswith(("-", "~"))]
    if len(words) > 1:
        raise ConfigError(f"several files: {first_few(words)}; the others are given as key=value: out=<csv>")
    given = [f"csv={word}" for word in words]
    given += [a for a in arguments if a not in words]
    return [_literal(a) for a in given]


def _literal(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key not in _LITERAL or _QUOTED.fullmatch(value):
        return argument
    return override_of(key, value)


def main(command: Sequence[str] = ()) -> None:
    """Find the command, and hand the rest to Hydra."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] not in COMMANDS and wants_help(arguments)):
        print(HELP)
        return
    name = arguments[0]
    try:
        if name not in COMMANDS:
            raise ConfigError(f"{name!r} is no command of skintag labels: {near_matches(name, COMMANDS)}")
        sys.argv[1:] = overrides_of(arguments[1:])
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    run_command("labels_draft", draft, command=(*command, name))
