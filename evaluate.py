"""What a run, or anybody's predictions, show: `python evaluate.py ...` is `skintag evaluate ...` in a checkout."""

from skintag.commands.main import run

if __name__ == "__main__":
    run("evaluate")
