"""`skintag train experiment=multi_balanced`: train, export embeddings, fit probes, score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from skintag.commands.cli import is_alone, jobs_of_sweep, run_command


def task(config: DictConfig) -> float | None:
    """One run; returns what a search maximises. The imports wait until the configuration is known to be good."""
    from skintag.core.config import plain
    from skintag.models.hub import refuse_unreachable
    from skintag.runs.training_settings import PlainSettings

    PlainSettings.check(plain(config))
    weights = config.backbone
    name = str(weights.get("name"))
    known = weights.get("library", "timm") == "timm" and not name.startswith("hf-hub:")
    if weights.get("pretrained") is True and known and "." in name:  # with a tag: its place is known
        refuse_unreachable(name, f"timm/{name}")
    from skintag.runs.settings import RunSettings
    from skintag.training.train import train

    settings = RunSettings.of(config)
    result = train(
        settings, Path(HydraConfig.get().runtime.output_dir), alone=is_alone(), jobs=jobs_of_sweep()
    )
    return None if result is None else settings.select.for_search(result.predictions)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("train", task, command=command)
