"""`python -m skintag.export` is now `skintag export`."""

from __future__ import annotations

from skintag.core.renamed import run_instead

if __name__ == "__main__":
    run_instead("python -m skintag.export", "export")
