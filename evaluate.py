"""What a run, or anybody's predictions, show: `python evaluate.py ...` is `skintag evaluate ...` in a checkout."""

from skintag.commands.evaluate import main

if __name__ == "__main__":
    main()
