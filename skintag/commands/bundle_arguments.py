"""`<command> key=value ...` as a user's shell passes it, made into what Hydra's grammar takes."""

from __future__ import annotations

import glob
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skintag.core.errors import ConfigError, DataError, near_matches

# Values that are paths, globs or names: taken to the letter, whatever Hydra's grammar would make of them.
LITERAL: Final = (
    "bundle", "images", "run", "out", "prepared", "cache", "repo", "revision", "message", "checkpoint", "root",
    "column",
)  # fmt: skip
_PLAIN: Final = ("null", "???", "")
_MAGIC: Final = "*?["


@dataclass(frozen=True)
class Command:
    """What comes after `skintag bundle`, or another command that has commands."""

    name: str
    """Of the command, or empty where help is asked for."""
    overrides: list[str]
    """For Hydra."""


def parse(arguments: Sequence[str], commands: Mapping[str, str], program: str = "bundle") -> Command:
    """The command and its overrides; `images=` may be given several times (a shell's `{a,b}` does that).

    Args:
        arguments: of the command line, without the program.
        commands: name -> what it is for.
        program: what stands before the command, for messages.

    Raises:
        ConfigError: no command, an unknown one, or something that is not key=value.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return Command("", [])
    name, rest = arguments[0], list(arguments[1:])
    if name not in commands:
        said = "comes first" if "=" in name else near_matches(name, commands)
        raise ConfigError(
            f"{name!r} is no command of skintag {program}: {said} (commands: {', '.join(commands)})"
        )
    stray = [a for a in rest if "=" not in a and not a.startswith(("-", "~"))]
    if stray:
        hint = "quote a glob, so that the shell leaves it alone: 'images=photos/*.jpg'"
        raise ConfigError(f"{stray[0]!r} is not key=value; {hint}")
    return Command(name, literal(rest))


def literal(rest: Sequence[str]) -> list[str]:
    """Overrides with the values of LITERAL between quotes; `images=` may be given several times."""
    return [*_images(rest), *(_literal(a) for a in rest if not a.startswith("images="))]


def find_images(patterns: str | Sequence[str]) -> list[str]:
    """The files that globs or paths name, sorted within each, none twice.

    A name that is there to the letter is taken so, whatever signs are in it. `**` goes into folders below.
    Folders among the matches are left out, and counted on stderr.

    Raises:
        ConfigError: no pattern.
        DataError: a pattern matches nothing, or a folder alone. A path without wildcards passes: whether it
            can be read is said with the others.
    """
    found: dict[str, None] = {}
    given = [patterns] if isinstance(patterns, str) else list(patterns)
    if not given or not all(given):
        raise ConfigError("images is empty: give a path or a glob, e.g. 'images=photos/*.jpg'")
    for pattern in given:
        literal = Path(pattern).exists() or not any(sign in pattern for sign in _MAGIC)
        matches = [pattern] if literal else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        files = [match for match in matches if not Path(match).is_dir()]
        if not files:
            what = "a folder" if matches else "nothing"
            fix = (
                f"name the files in it: 'images={pattern.rstrip('/')}/*'"
                if matches
                else "check the path; quote it"
            )
            raise DataError(f"images={pattern}", expected="files", found=what, fix=fix)
        if len(files) < len(matches):
            print(f"{pattern}: {len(matches) - len(files)} folder(s) left out", file=sys.stderr)
        found |= dict.fromkeys(files)
    return list(found)


def _images(rest: Sequence[str]) -> list[str]:
    """One override for all `images=` that were given."""
    values = [a.partition("=")[2] for a in rest if a.startswith("images=")]
    if len(values) <= 1:
        return [_literal(f"images={value}") for value in values]
    return [f"images=[{','.join(_quoted(value) for value in values)}]"]


def _literal(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key not in LITERAL or value in _PLAIN or _is_quoted(value):
        return argument
    return f"{key}={_quoted(value)}"


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _quoted(value: str) -> str:
    """The value between quotes, so that Hydra and OmegaConf both hand it on as it is.

    In Hydra's quoted strings backslashes count only before a quote, or at the end; `$` begins an interpolation.
    """
    body = value.replace("\\'", "\\\\'")
    trailing = len(body) - len(body.rstrip("\\"))
    body = (body + "\\" * trailing).replace("'", "\\'").replace("${", "\\${")
    return f"'{body}'"
