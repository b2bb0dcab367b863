"""The formats: what file each writes, and which libraries it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from skintag.core.errors import ConfigError, near_matches


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    file: str
    """Its name in `exports/`."""
    libraries: tuple[str, ...] = ()
    """Modules that have to be importable to write and check it."""
    install: str = "skintag"
    """What pip installs where one is missing."""
    runs_here: bool = True
    """Whether what was written can be run on this machine, and so be checked and measured."""
    note: str = ""
    """What the table says of it."""


_LITERT: Final = (
    "litert-torch, in an environment of its own: it pins another torch than SkinTag's constraints; "
    "python -m venv litert, then there pip install litert-torch and pip install --no-deps skintag with the "
    "libraries it asks for"
)
KNOWN: Final[dict[str, Format]] = {
    "onnx": Format("model.onnx", ("onnx", "onnxscript", "onnxruntime")),
    "onnx_int8": Format("model_int8.onnx", ("onnx", "onnxscript", "onnxruntime")),
    "torch_export": Format("model.pt2"),
    "executorch": Format("model.pte", ("executorch",), "skintag[mobile]", note="XNNPACK"),
    "coreml": Format(
        "model.mlpackage",
        ("coremltools",),
        "skintag[mobile]",
        runs_here=False,
        note="converted only: Core ML runs on Apple's systems alone",
    ),
    "litert": Format("model.tflite", ("litert_torch",), _LITERT, note="batch 1"),
}
FORMATS: Final = tuple(KNOWN)


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """The formats in the order asked for, each once.

    Raises:
        ConfigError: one is not known, or needs a library that is not installed; says what installs it.
    """
    names = tuple(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    if not names:
        raise ConfigError(f"formats is empty: name at least one of {', '.join(FORMATS)}")
    for name in names:
        if name not in KNOWN:
            raise ConfigError(f"formats: no format {name!r}; {near_matches(name, FORMATS)}")
        missing = [library for library in KNOWN[name].libraries if find_spec(library) is None]
        if missing:
            how = KNOWN[name].install
            how = f"pip install '{how}'" if how.startswith("skintag") else f"install {how}"
            raise ConfigError(f"formats: {name} needs {', '.join(missing)}, which is not here: {how}")
    return names
