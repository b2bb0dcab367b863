"""What to install for a module that is not there."""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "cv2": "opencv-python-headless",
    "hydra": "hydra-core",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def distribution_of(module: str) -> str:
    """What pip calls the package that has a module, dotted or not."""
    top = module.partition(".")[0]
    return _NAMES.get(top, top)


def lacking(error: ModuleNotFoundError) -> str:
    """`needs the package ..., which is not installed here`, and what to do."""
    return (
        f"needs the package {distribution_of(error.name or '')!r}, which is not installed here\n"
        '  to do: install the whole of SkinTag (see README.md, "Installed, and installed lean"). A lean environment '
        "runs\n  ONNX bundles (skintag bundle predict, or skintag.Bundle in Python), or reports of predictions tables"
    )
