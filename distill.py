"""A small student from a trained teacher: `python distill.py ...` is `skintag distill ...` in a checkout."""

from skintag.commands.distill import main

if __name__ == "__main__":
    main()
