"""Train, export embeddings, fit probes, score: `python train.py experiment=multi_balanced`."""

from __future__ import annotations

from omegaconf import DictConfig

from skintag.cli import run_command


def main(config: DictConfig) -> float | None:
    """One run; returns what a search maximises. The imports wait until the configuration is known to be good."""
    from skintag.config import instantiate
    from skintag.run import train

    selection = instantiate(config.select)
    result = train(config)
    return None if result is None else selection.for_search(result.predictions)


if __name__ == "__main__":
    run_command("train", main)
