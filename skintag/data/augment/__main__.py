"""`python -m skintag.data.augment` is now `skintag contact-sheet`."""

from __future__ import annotations

from skintag.core.renamed import run_instead

if __name__ == "__main__":
    run_instead("python -m skintag.data.augment", "contact-sheet")
