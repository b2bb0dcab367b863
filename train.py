"""Train, export embeddings, fit probes, score: `python train.py experiment=multi_balanced`."""

from __future__ import annotations

from omegaconf import DictConfig

from skintag.cli import run_command


def main(config: DictConfig) -> None:
    """One run; the imports wait until the configuration is known to be good."""
    from skintag.run import train

    train(config)


if __name__ == "__main__":
    run_command("train", main)
