"""The formats that a run's model is exported to: one file each, and a new file here is a new format."""

from skintag.export.formats.base import (
    FORMATS,
    TORCH,
    Format,
    Material,
    Written,
    check_formats,
    open_runner,
)

__all__ = ["FORMATS", "TORCH", "Format", "Material", "Written", "check_formats", "open_runner"]
