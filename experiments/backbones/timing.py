"""Milliseconds that a frozen backbone takes for one image, several backbones taking turns on one core.

python experiments/backbones/timing.py efficientnet_lite0 efficientnet_lite1 efficientnet_lite2 --size 128
"""

from __future__ import annotations

import argparse
import time

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from skintag.commands.cli import CONFIG_DIR
from skintag.models.backbone import Backbone


def main() -> None:
    """Print the quickest of many passes over a batch of 16, per image; other programs only slow one down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--size", type=int)
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    torch.set_num_threads(1)
    towers, best = {}, dict.fromkeys(given.names, float("inf"))
    for name in given.names:
        node = OmegaConf.load(CONFIG_DIR / "backbone" / f"{name}.yaml")
        towers[name] = Backbone(
            instantiate(OmegaConf.merge(node, {"image_size": given.size} if given.size else {}))
        ).eval()
    for _ in range(given.rounds):
        for name, tower in towers.items():
            side = tower.settings.image_size
            images = torch.zeros(16, 3, side, side, dtype=torch.uint8)
            with torch.inference_mode():
                began = time.perf_counter()
                tower(images)
            best[name] = min(best[name], (time.perf_counter() - began) / len(images) * 1000)
    for name, ms in best.items():
        print(f"{name} {towers[name].settings.image_size} px: {ms:.1f} ms")


if __name__ == "__main__":
    main()
