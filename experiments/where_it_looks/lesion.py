"""Does the map that people are shown lie on the lesion, and does it follow the weights?

python experiments/where_it_looks/lesion.py <run folder of the synthetic benchmark> <its raw folder>

The benchmark's pictures are drawn, so where the lesion lies is known. Of test pictures: the share of the map's mass on
the lesion (the map less its least value, summed to 1), beside the lesion's share of the picture, which a map that
knows nothing has; how often the largest position is on the lesion; and the same with shuffled weights, whose map has
to be another (sanity checks of Adebayo et al., 2018, arXiv:1810.03292).
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from skintag.core.io import read_json
from skintag.core.progress import track
from skintag.data.images.resize import triangle
from skintag.data.synthetic.plan import photo_of
from skintag.data.synthetic.scene import draw_photo, lesion_cover
from skintag.data.synthetic.settings import SyntheticSettings
from skintag.data.synthetic.writer import plan_benchmark
from skintag.export.deployed_model import DeployedModel, WithMap
from skintag.runs.folder import RunFolder

if TYPE_CHECKING:
    from skintag.models.lesion_module import LesionModule

Maps = NDArray[np.float64]


def main() -> None:
    """A line for the run's weights and one for shuffled ones."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("raw", type=Path)
    asked = parser.parse_args()
    run = RunFolder(asked.run)
    tested = run.view.frame.query("split == 'test'").set_index("image_id")["target"]
    side = int(run.setting("backbone.image_size"))
    pictures, covers, target = drawn(asked.raw, tested, side)
    module = run.module()
    learnt = maps(DeployedModel(module), pictures)
    shuffled = maps(DeployedModel(with_shuffled_weights(module)), pictures)
    covers = shares(covers, learnt.shape[1:])
    inside = covers.mean(axis=(1, 2))
    print(
        f"{len(pictures)} test pictures of {side} pixels, {int(target.sum())} malignant; maps {learnt.shape[1:]}"
    )
    print(f"the lesion's share of the picture: {said(inside)}")
    for name, found in (("learnt weights", learnt), ("shuffled weights", shuffled)):
        mass, hit = on_the_lesion(found, covers), hits(found, covers)
        print(
            f"{name}: mass on the lesion {said(mass)} (malignant {said(mass[target == 1])}, others "
            f"{said(mass[target == 0])}), times its share {said(mass / inside)}; largest position on it {said(hit)}"
        )
    print(
        f"correlation of the learnt with the shuffled weights' maps: {said(correlations(learnt, shuffled))}"
    )


def drawn(
    raw: Path, tested: pd.Series, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Test pictures as the model takes them, and how much of each pixel the lesion covers; copies are left out."""
    settings = SyntheticSettings(**read_json(raw / "settings.json")["settings"])
    pictures, covers, target = [], [], []
    for corpus in track(plan_benchmark(settings), "drawing the datasets' test pictures"):
        for row, name in enumerate(corpus.tables.own_ids):
            image_id = f"{corpus.dataset}/{name}"
            if image_id not in tested.index or corpus.photos["copy_of"].iloc[row] >= 0:
                continue
            photo = photo_of(corpus, row, settings)
            cover = (lesion_cover(photo) * 255).astype(np.uint8)
            pictures.append(triangle(draw_photo(photo), side, side))
            covers.append(triangle(np.dstack([cover] * 3), side, side)[..., 0] / np.float32(255))
            target.append(int(tested[image_id]))
    return np.stack(pictures), np.stack(covers), np.array(target)


def with_shuffled_weights(module: LesionModule) -> LesionModule:
    """The network with the numbers of every weight in another order; changed in place, as the maps are taken."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in module.parameters():
            order = torch.randperm(weights.numel(), generator=generator)
            weights.copy_(weights.flatten()[order].view_as(weights))
    return module


def maps(model: DeployedModel, pictures: NDArray[np.uint8]) -> Maps:
    """[n, h, w] logits."""
    network = WithMap(model)
    parts = [network(torch.from_numpy(pictures[i : i + 32]))[-1].numpy() for i in range(0, len(pictures), 32)]
    return np.concatenate(parts).astype(np.float64)


def shares(covers: NDArray[np.float32], shape: tuple[int, ...]) -> Maps:
    """How much of each position of a map the lesion covers, [n, h, w]."""
    tensor = torch.from_numpy(covers)[:, None]
    return torch.nn.functional.adaptive_avg_pool2d(tensor, shape)[:, 0].numpy().astype(np.float64)


def on_the_lesion(found: Maps, covers: Maps) -> NDArray[np.float64]:
    """Share of each map's mass on the lesion, [n]."""
    mass = found - found.min(axis=(1, 2), keepdims=True)
    return (mass * covers).sum(axis=(1, 2)) / np.maximum(mass.sum(axis=(1, 2)), 1e-12)


def hits(found: Maps, covers: Maps) -> NDArray[np.float64]:
    """Whether the largest position is covered by the lesion by a half or more, [n]."""
    largest = found.reshape(len(found), -1).argmax(axis=1)
    return (covers.reshape(len(covers), -1)[np.arange(len(found)), largest] >= 0.5).astype(np.float64)


def correlations(a: Maps, b: Maps) -> NDArray[np.float64]:
    """Of each picture's two maps, [n]."""
    a, b = (x.reshape(len(x), -1) - x.mean(axis=(1, 2))[:, None] for x in (a, b))
    return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def said(values: NDArray[np.float64]) -> str:
    """Mean and its 95% interval."""
    return f"{values.mean():.3f} (+-{1.96 * values.std(ddof=1) / np.sqrt(len(values)):.3f})"


if __name__ == "__main__":
    main()
