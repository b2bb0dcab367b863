"""A small student from a trained teacher: `python distill.py ...` is `skintag distill ...` in a checkout."""

from skintag.commands.main import run

if __name__ == "__main__":
    run("distill")
