"""`python -m skintag.prepare` is now `skintag prepare`."""

from __future__ import annotations

from skintag.core.renamed import run_instead

if __name__ == "__main__":
    run_instead("python -m skintag.prepare", "prepare")
