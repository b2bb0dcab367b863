"""What can be plugged in by name, registered where it is defined: nobody has to know a second list."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final, Generic, TypeVar

from skintag.core.distributions import distribution_of
from skintag.core.errors import ConfigError, near_matches

T = TypeVar("T")
_EVERY: Final[list[Registry]] = []


class Registry(Mapping[str, type[T]], Generic[T]):
    """The classes of one kind of thing, by their names. A mapping: name -> class.

    SkinTag's own are defined one a module, `<name>` in `<package>.<name>`, and imported when they are first asked
    for: whoever uses one waits for no other's libraries. Anybody else's are there once the module that defines them
    was imported.

    Args:
        what: what messages call one of them, e.g. `probe`.
        package: holds SkinTag's own.
        besides: modules of the package that define none.
    """

    def __init__(self, what: str, package: str, besides: tuple[str, ...] = ()) -> None:
        self.what, self.package, self.besides = what, package, besides
        self._classes: dict[str, type[T]] = {}
        _EVERY.append(self)

    def add(self, kind: type[T], name: str) -> None:
        """Register a class; to be called where it is defined.

        Raises:
            ConfigError: another class has the name.
        """
        other = self._classes.get(name)
        if other is not None and _dotted(other) != _dotted(kind):
            raise ConfigError(f"two {self.what}s are named {name!r}: {_dotted(other)} and {_dotted(kind)}")
        if name in self._own() and kind.__module__.partition(".")[0] != self.package.partition(".")[0]:
            # its own would be imported only when somebody asks for it, and so come too late to be refused
            raise ConfigError(f"two {self.what}s are named {name!r}: SkinTag's own, and {_dotted(kind)}")
        self._classes[name] = kind

    def named(self, name: str) -> type[T]:
        """The class of that name.

        Raises:
            ConfigError: none has it, or a library that it needs is not installed.
        """
        if name not in self:
            raise ConfigError(
                f"{self.what} {name!r} is not known; {near_matches(name, self)}; "
                f"one of your own is known once the module that defines it was imported"
            )
        return self[name]

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._classes and name in self._own():
            self._import(name)
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes or name in self._own()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._classes, *self._own()}))

    def __len__(self) -> int:
        return len({*self._classes, *self._own()})

    def _own(self) -> set[str]:
        """Names of SkinTag's own, whether or not they were imported."""
        spec = find_spec(self.package)
        places = spec.submodule_search_locations if spec is not None else None
        return {module.name for module in pkgutil.iter_modules(places)} - {*self.besides, "__main__"}

    def _import(self, name: str) -> None:
        try:
            importlib.import_module(f"{self.package}.{name}")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == self.package.partition(".")[0]:
                raise
            package = distribution_of(error.name or "")
            raise ConfigError(
                f"{self.what} {name!r} needs {error.name}, which is not installed: pip install {package}"
            ) from error


def is_registered(target: str) -> bool:
    """Whether a dotted name is that of a registered class whose module was imported already. Imports nothing."""
    module, _, name = target.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and is_registered_class(found)


def is_registered_class(found: object) -> bool:
    """Whether one of the registries holds this very class."""
    return any(found is kind for registry in _EVERY for kind in registry._classes.values())


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
