"""Text that a folder brings along, read as data: a stranger's YAML may neither run, fetch nor fill anything.

What SkinTag and Hydra write is plain: no tags, no anchors, no aliases, and references (`${...}`) to other values of
the same tree alone. Whatever goes beyond that was put there by hand, and is refused or left without effect.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from pathlib import Path
from typing import Any, Final

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.core.checksums import damaged
from skintag.core.errors import DataError
from skintag.core.io import atomic_path

_SUM: Final = "# checksum: "
LARGEST: Final = 1_000_000
"""Bytes of a configuration that is read; those of runs have some 10,000."""
_DEEPEST: Final = 40  # levels; a run's configuration has 7
_LONGEST: Final = 20_000  # characters of one value: YAML's numbers take time that grows with their square
_FIX: Final = (
    "do not use this folder if it is not yours; else restore the file, or run the command again without it"
)
# `${a.b}` refers to another value, `${now:%Y}` is a date. Every other resolver may read the environment, files or code.
_HARMLESS: Final = re.compile(r"\$\{(?:[\w.\[\]/-]+|now:[\w%:. -]*)\}")


def read_yaml(path: Path, expected: str = "a configuration in YAML") -> Any:
    """The plain values of a YAML file, references as they are written.

    Args:
        path: the file.
        expected: what messages say it should be.

    Returns:
        Mappings, lists, texts, numbers, true, false and null; an empty mapping for an empty file.

    Raises:
        Damaged: it is not what `write_yaml` wrote.
        DataError: no such file, too large, nested too deeply, with tags, anchors or aliases (of which a kilobyte can
            stand for gigabytes), or no YAML.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"more than {LARGEST:,} bytes")
        _check_sum(data, path)
        text = data.decode("utf-8")
        _check_plain(text)
        loaded = OmegaConf.load(io.StringIO(text))
        return OmegaConf.to_container(loaded, resolve=False)
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError, OmegaConfBaseException) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(path, expected=expected, found=said, fix=_FIX) from error


def write_yaml(config: Any, path: Path) -> None:
    """Write a configuration of OmegaConf's, references unresolved; its last line is a comment with its checksum.

    It is whole or not there. Whoever changes the file by hand deletes that line.
    """
    text = OmegaConf.to_yaml(config)
    with atomic_path(path) as part:
        part.write_text(f"{text}{_SUM}{zlib.crc32(text.encode()):08x}\n", encoding="utf-8", newline="\n")


def _check_sum(data: bytes, path: Path) -> None:
    """Raise Damaged where a file's last line says another checksum than the lines before it have."""
    lines = data.replace(b"\r\n", b"\n").splitlines(keepends=True) or [b""]
    said, found = lines[-1].decode("latin-1").strip(), f"{_SUM}{zlib.crc32(b''.join(lines[:-1])):08x}"
    if said != found and _SUM[1:] in said:  # so that a damaged "#" makes no key of it
        fix = "restore it; if it was changed by hand, delete its last line"
        raise damaged(path, said, found, fix)


def _check_plain(text: str) -> None:
    """Raise ValueError for what no configuration of SkinTag's has; nothing is built from the text."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"line {event.start_mark.line + 1}: an alias or anchor (& or *)")
        if getattr(event, "tag", None):
            raise ValueError(f"line {event.start_mark.line + 1}: the tag {event.tag}")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _LONGEST:
            raise ValueError(f"line {event.start_mark.line + 1}: a value of {len(event.value):,} characters")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(f"line {event.start_mark.line + 1}: nested in more than {_DEEPEST} levels")


def reaches_out(text: str) -> bool:
    """Whether a text holds a reference to anything but another value of its own tree, or a date.

    `${oc.env:SECRET}` does, and `${oc.create:...}`; what is not understood does too, as does one in another.
    """
    return "${" in _HARMLESS.sub("", text)


def without_reach(values: Any) -> Any:
    """Plain values in a new tree; what reaches out is text with `$(` for `${`, which nothing resolves any more."""
    if isinstance(values, dict):
        return {name: without_reach(value) for name, value in values.items()}
    if isinstance(values, list):
        return [without_reach(value) for value in values]
    return values.replace("${", "$(") if isinstance(values, str) and reaches_out(values) else values


ADDRESSES: Final = "SKINTAG_ADDRESSES"
"""Environment variable: beginnings of addresses, apart by spaces, that may be fetched from where a folder says so."""
_asked: set[str] = set()


def ask_for(address: str | None) -> None:
    """Remember that the user of this process gave an address; what a folder says of it is followed from then on."""
    if address:
        _asked.add(address)


def check_address(address: str | None, path: Path) -> None:
    """Refuse an address that only a folder names: whoever wrote it would learn who reads it, and choose what comes.

    Raises:
        DataError: it was not given on the command line, and does not begin as ADDRESSES allows.
    """
    allowed = (*_asked, *os.environ.get(ADDRESSES, "").split())
    if address and not address.startswith(allowed):
        raise DataError(
            path,
            expected="an address that you allow",
            found=f"{address}, which this folder alone names: nothing was fetched",
            fix=f"if you trust it: {ADDRESSES}={address} before the command",
        )


def check_growth(values: Any, path: Path) -> None:
    """Refuse references that make much of little once they are followed, or never end.

    Args:
        values: of a configuration, references as written.
        path: of its file.

    Raises:
        DataError: they would become more than LARGEST characters, or refer to themselves.
    """
    try:
        if (size := _Growth(values).of(values, ())) > LARGEST:
            raise ValueError(f"references that become {size:,} characters")
    except (ValueError, RecursionError) as error:
        found = str(error) if isinstance(error, ValueError) else "references in too many steps"
        expected = f"references to values, {LARGEST:,} characters in all"
        raise DataError(path, expected=expected, found=found, fix=_FIX) from error


class _Growth:
    """Characters that a tree's values have when all references in them are followed, each part counted once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[tuple[str, ...], int] = {}
        self._open: set[tuple[str, ...]] = set()

    def of(self, node: Any, place: tuple[str, ...]) -> int:
        """Of the value at a place in the tree, the names on the way to it."""
        if place in self._open:
            raise ValueError(f"{'.'.join(place)} refers to itself")
        if place not in self._known:
            self._open.add(place)
            self._known[place] = self._count(node, place)
            self._open.discard(place)
        return self._known[place]

    def _count(self, node: Any, place: tuple[str, ...]) -> int:
        if isinstance(node, dict):
            return sum(len(str(name)) + self.of(value, (*place, str(name))) for name, value in node.items())
        if isinstance(node, list):
            return sum(self.of(value, (*place, str(i))) for i, value in enumerate(node))
        size = len(str(node))
        for name in re.findall(r"\$\{([\w.\[\]/-]+)\}", node) if isinstance(node, str) else ():
            dots = len(name) - len(name.lstrip("."))
            start = place[: len(place) - dots] if dots else ()
            target = (*start, *re.findall(r"[^.\[\]]+", name))
            size += self.of(self._at(target), target)
        return size

    def _at(self, place: tuple[str, ...]) -> Any:
        node = self._root
        for name in place:
            if isinstance(node, dict):
                node = next((value for key, value in node.items() if str(key) == name), None)
            elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
                node = node[int(name)]
            else:
                return None
        return node
