"""What every format is: a name, a file, how it is written, how it is run, and what that needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from skintag.core.errors import ConfigError, near_matches
from skintag.core.registry import Registry
from skintag.export.settings import ExportSettings

if TYPE_CHECKING:  # a command asks for names of formats before it waits for torch
    from skintag.bundle.runtime import Runtime
    from skintag.evaluation.predictions.predictions import ValPredictions
    from skintag.export.deployed_model import DeployedModel
    from skintag.export.pictures import Pictures

TORCH: Final = "torch"
"""What the others are compared with: a checkpoint of the weights, run by torch as it is. No format to export to."""


class Material(Protocol):
    """What there is to write a file from; each part is made when it is first asked for."""

    settings: ExportSettings
    metadata: dict[str, str]
    """What a file should say of itself, see `skintag.export.metadata`."""
    every_val: Pictures[ValPredictions]
    """The run's val pictures: whatever a format chooses, it chooses on them."""

    @property
    def model(self) -> DeployedModel:
        """What is exported: uint8 [B, S, S, 3] in, p_malignant, p_condition and embedding out."""
        ...

    @property
    def float_onnx(self) -> Path:
        """It as an ONNX file in float32, which other tools begin from; to be copied, not moved."""
        ...


@dataclass(frozen=True)
class Written:
    """What is to be said of a file beside what is measured of it."""

    note: str = ""
    """Takes the place of the format's own note; empty: that stands."""
    float_layers: tuple[str, ...] = ()
    """Layers that quantisation has left in float, the worst first."""


class Format(ABC):
    """One kind of file. A subclass that has a `name` is registered by it where it is defined, see `FORMATS`.

    Its module is imported for its name alone, so it imports the libraries that it needs inside `write` and `open`.
    """

    name: ClassVar[str]
    """What `skintag export formats=[...]` calls it; SkinTag's own lie in a module of that name."""
    file: ClassVar[str]
    """Name of what it writes into `exports/`, a file or a folder."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that have to be importable to write and check it."""
    install: ClassVar[str] = "skintag"
    """What pip installs where one is missing."""
    runtime: ClassVar[tuple[str, ...]] = ("torch",)
    """Modules that are loaded before the memory that a file takes is measured: they are not the file's."""
    runs_here: ClassVar[bool] = True
    """Whether what was written can be run on this machine, and so be checked and measured."""
    note: ClassVar[str] = ""
    """What the table says of it."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            FORMATS.add(cls, cls.name)

    @staticmethod
    @abstractmethod
    def write(material: Material, path: Path) -> Written | None:
        """Write the file; whatever is raised becomes the note of its row, and the other formats go on.

        Args:
            material: what there is to write it from.
            path: ends in `file`, in a folder of its own.

        Returns:
            What the table should say beside what it measures; None: nothing.
        """

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """Load a file and return what runs it: pictures uint8 [n, S, S, 3] RGB in, `Outputs` out.

        Args:
            path: what `write` has written.
            threads: to compute with; None: as the library chooses.
        """
        raise NotImplementedError("a format with runs_here=False is not run")


FORMATS: Final[Registry[Format]] = Registry("format", "skintag.export.formats", besides=("base",))
"""The formats by name."""


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """The formats in the order asked for, each once.

    Raises:
        ConfigError: one is not known, or needs a library that is not installed; says what installs it.
    """
    names = tuple(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    if not names:
        raise ConfigError(f"formats is empty: name at least one of {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"formats: no format {name!r}; {near_matches(name, FORMATS)}")
        missing = [library for library in FORMATS[name].libraries if find_spec(library) is None]
        if missing:
            how = FORMATS[name].install
            how = f"pip install '{how}'" if how.startswith("skintag") else f"install {how}"
            raise ConfigError(f"formats: {name} needs {', '.join(missing)}, which is not here: {how}")
    return names


def open_runner(kind: str, path: Path, threads: int | None = None) -> Runtime:
    """Load a file and return what runs it.

    Args:
        kind: one of FORMATS that can be run, or TORCH for a checkpoint.
        path: the file.
        threads: to compute with; None: as the library chooses.
    """
    if kind == TORCH:
        from skintag.export.runners import open_torch

        return open_torch(path, threads)
    return FORMATS[kind].open(path, threads)
