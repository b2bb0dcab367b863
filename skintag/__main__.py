"""`python -m skintag <command>`, the same as `skintag <command>`."""

from __future__ import annotations

from skintag.commands.main import main

if __name__ == "__main__":
    main()
