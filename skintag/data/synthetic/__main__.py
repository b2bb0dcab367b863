"""`python -m skintag.data.synthetic` is now `skintag synthetic`."""

from __future__ import annotations

from skintag.core.renamed import run_instead

if __name__ == "__main__":
    run_instead("python -m skintag.data.synthetic", "synthetic")
