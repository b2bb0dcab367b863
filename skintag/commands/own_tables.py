"""What `table=<file.yaml>` stands for: a further dataset under `data.sources`, by the name that the file has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hydra.core.override_parser.types import QuotedString

from skintag.commands.folders import override_of
from skintag.commands.help import defaults_of
from skintag.commands.overrides import parsed
from skintag.core.errors import ConfigError

TABLE: Final = "table"


def with_own_tables(arguments: Sequence[str], folder: Path, config_name: str) -> list[str]:
    """The arguments with `+data.sources.<name>=<file>` in the place of `table=<file>` or `table=[<file>,<file>]`.

    Only the names are read from the files. Of a command without a group `data` the arguments stay as they are.

    Args:
        arguments: of the command line, or overrides.
        folder: of the configurations.
        config_name: of the command.

    Raises:
        ConfigError: a value that names no YAML file, two files of one name, or a description that makes no sense.
        DataError: a file that cannot be read.
    """
    if not any(a.startswith(f"{TABLE}=") for a in arguments) or "data" not in defaults_of(
        folder, config_name
    ):
        return list(arguments)
    made: list[str] = []
    taken: dict[str, str] = {}
    for argument in arguments:
        if not argument.startswith(f"{TABLE}="):
            made.append(argument)
            continue
        for file in _files(argument):
            name = _name(file)
            if name in taken:
                raise ConfigError(
                    f"table: {taken[name]} and {file} are both called {name}: write another name into one of them"
                )
            taken[name] = file
            made.append(override_of(f"+data.sources.{name}", file))
    return made


def _files(argument: str) -> list[str]:
    """The files that one `table=` names."""
    override, text = parsed(argument), argument.partition("=")[2]
    if override is not None and override.is_sweep_override():
        raise ConfigError(f"{argument}: several tables are given as {TABLE}=[{text}]")
    value = (
        text if override is None else override.value()
    )  # a path that Hydra's grammar does not take is one path
    listed = value if isinstance(value, list) else [value]
    return [str(item.text if isinstance(item, QuotedString) else item) for item in listed if item is not None]


def _name(file: str) -> str:
    from skintag.data.sources.description import check_name, is_description, name_of

    if not is_description(file):
        raise ConfigError(
            f"{TABLE}={file}: expected a YAML file that describes a dataset (docs/datasets.md), not the table itself"
        )
    name = name_of(Path(file))
    try:
        check_name(name)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}; write a name into the file") from error
    return name
