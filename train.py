"""Train, export embeddings, fit probes, score: `python train.py ...` is `skintag train ...` in a checkout."""

from skintag.commands.main import run

if __name__ == "__main__":
    run("train")
