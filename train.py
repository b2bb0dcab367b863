"""Train, export embeddings, fit probes, score: `python train.py ...` is `skintag train ...` in a checkout."""

from skintag.commands.train import main

if __name__ == "__main__":
    main()
