"""How many images and lesions each public dataset has, as published; to tell whether a raw folder is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Published:
    """Counts of one dataset's metadata."""

    rows: int
    """Images that the metadata lists."""
    lesions: int | None
    """Lesions among them; None where the metadata do not tell."""
    source: str
    """Where the counts are from."""


PUBLISHED: Final[dict[str, Published]] = {
    "ham10000": Published(10_015, 7_470, "Tschandl et al. 2018, doi:10.7910/DVN/DBW86T"),
    "bcn20000": Published(18_946, 5_440, "export of the ISIC archive, 2025; Hernandez-Perez et al. 2024"),
    "fitzpatrick17k": Published(16_577, None, "Groh et al. 2021"),
    "ddi": Published(656, None, "Daneshjou et al. 2022"),
    "pad_ufes_20": Published(2_298, 1_641, "Pacheco et al. 2020, doi:10.17632/zr7vgbcyr2.1"),
    "milk10k": Published(10_480, 5_240, "MILK study team 2025, doi:10.34970/648456"),
}
