"""`skintag <command> --help`: what a command is for, its groups with their choices, and every key with its value.

Hydra's own help asks its configuration repository for each choice anew, which takes most of two seconds here;
a list of the files says the same.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from omegaconf import OmegaConf

FLAGS: Final = ("-h", "--help")
_FLAGS: Final = (
    "-m sweeps over choices joined by commas; --cfg job prints the configuration; --hydra-help says more."
)

_WITH_COMMENTS: Final = ("train", "distill")
"""Configurations that say of each group what it decides; others use the same groups."""
_COMMENT: Final = re.compile(r"^  - (?:override /)?(\w+): *\S+  # (.+)$", re.MULTILINE)


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for help; `--hydra-help` is Hydra's own."""
    return any(flag in arguments for flag in FLAGS)


def help_text(folder: Path, config_name: str, arguments: Sequence[str]) -> str:
    """The help of a command, with the overrides that stand beside `--help` applied.

    Args:
        folder: of the configurations.
        config_name: of the command.
        arguments: of the command line.

    Raises:
        HydraException: an override that does not fit.
    """
    path = folder / f"{config_name}.yaml"
    header, body = _parts(path.read_text(encoding="utf-8"))
    used = defaults_of(folder, config_name)
    groups = {name: choices_of(folder, name) for name in groups_in(folder) if name in used}
    if not groups:
        return "\n".join([*header, "", *body, "", _FLAGS])
    given = get_args_parser().parse_known_args([a for a in arguments if a not in FLAGS])[0]
    overrides = list(given.overrides)
    if given.config_dir:
        overrides.append(f"hydra.searchpath=[file://{Path(given.config_dir).absolute()}]")
        for name in groups:
            groups[name] = sorted({*groups[name], *choices_of(Path(given.config_dir), name)})
    with hydra_of_our_own(folder):
        config = hydra.compose(config_name, overrides=overrides)
    said = {name: line for name in (*_WITH_COMMENTS, config_name) for name, line in comments_of(folder, name)}
    listed = [_listed(name, said.get(name, ""), used[name], choices) for name, choices in groups.items()]
    keys = "Keys, set with key=value (key.below=value; +key=value adds one, ~key takes one away):"
    shown = [
        "Groups, chosen with group=choice; [choice] is taken where none is given:",
        *listed,
        "",
        keys,
        "",
        OmegaConf.to_yaml(config),
        _FLAGS,
    ]
    return "\n".join([*header, "", *shown])


@contextmanager
def hydra_of_our_own(folder: Path) -> Iterator[None]:
    """Hydra on a folder of configurations; one that the program has set up itself is there again afterwards."""
    before = get_gh_backup()
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(str(folder), version_base="1.3"):
            yield
    finally:
        restore_gh_from_backup(before)


def groups_in(folder: Path) -> list[str]:
    """The groups below a folder of configurations, but for Hydra's own."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir())
    return sorted(name for name in found if name.split("/")[0] != "hydra" and "__pycache__" not in name)


def choices_of(folder: Path, group: str) -> list[str]:
    """The choices of a group."""
    return sorted(path.stem for path in (folder / group).glob("*.yaml"))


def defaults_of(folder: Path, config_name: str) -> dict[str, str | None]:
    """Group -> its choice by default, of a configuration and of those that it builds on; None: no choice."""
    found: dict[str, str | None] = {}
    listed = OmegaConf.to_container(OmegaConf.load(folder / f"{config_name}.yaml"))
    for entry in listed.get("defaults", []) if isinstance(listed, dict) else []:
        if isinstance(entry, dict):
            found |= {
                str(name).removeprefix("override ").lstrip("/"): choice for name, choice in entry.items()
            }
        elif entry != "_self_":
            found |= defaults_of(folder, str(entry))
    return found


def _parts(text: str) -> tuple[list[str], list[str]]:
    """The first lines of a configuration, which say what it is for, and its keys with their comments.

    What is Hydra's business alone (`defaults`, `hydra`) is left out.
    """
    header, body, skipped = [], [], False
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        header.append(lines.pop(0).removeprefix("#").removeprefix(" "))
    for line in lines:
        if line and not line[0].isspace():
            skipped = line.startswith(("defaults:", "hydra:", "# no run folder"))
        if not skipped:
            body.append(line)
    return header, "\n".join(body).strip().splitlines()


def comments_of(folder: Path, config_name: str) -> list[tuple[str, str]]:
    """(group, what stands behind it in the list of defaults of a configuration)."""
    return _COMMENT.findall((folder / f"{config_name}.yaml").read_text(encoding="utf-8"))


def _listed(group: str, comment: str, default: str | None, choices: Sequence[str]) -> str:
    """A group with its comment, and below these its choices."""
    shown = [f"[{choice}]" if choice == default else choice for choice in choices]
    width = max(60, shutil.get_terminal_size((120, 24)).columns)
    indent = " " * 16
    listed = textwrap.fill(
        ", ".join(shown), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return f"  {group:12}  {comment}".rstrip() + f"\n{listed}"
