"""Report what a run, or anybody's predictions, show: `python evaluate.py run=runs/multi_balanced/<date>`."""

from __future__ import annotations

from omegaconf import DictConfig

from skintag.cli import run_command


def main(config: DictConfig) -> None:
    """One or several reports; the imports wait until the configuration is known to be good."""
    from skintag.evaluate import evaluate

    evaluate(config)


if __name__ == "__main__":
    run_command("evaluate", main)
