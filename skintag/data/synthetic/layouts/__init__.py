"""The five publishers' layouts: columns, file names, and how lesions, patients and skin types spread."""

from __future__ import annotations

from typing import Final

from skintag.data.synthetic.layouts import bcn20000, ddi, fitzpatrick17k, ham10000, pad_ufes_20
from skintag.data.synthetic.layouts.base import Layout, Tables

__all__ = ["LAYOUTS", "Layout", "Tables"]

LAYOUTS: Final[dict[str, Layout]] = {
    "ham10000": ham10000.LAYOUT,
    "bcn20000": bcn20000.LAYOUT,
    "fitzpatrick17k": fitzpatrick17k.LAYOUT,
    "ddi": ddi.LAYOUT,
    "pad_ufes_20": pad_ufes_20.LAYOUT,
}
