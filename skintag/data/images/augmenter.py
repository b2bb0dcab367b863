"""What the pipeline asks of an augmentation, so that it need not know which steps there are."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray


class Augmenter(Protocol):
    """Changes training pictures: a function of (picture, domain, seed), see `skintag.data.augment.Augmentation`."""

    @property
    def idle(self) -> bool:
        """Whether it never changes nor cuts a picture."""
        ...

    def crop(self, height: int, width: int, seed: int) -> tuple[int, int, int, int]:
        """The part of a decoded picture to use, `(y0, x0, h, w)` in pixels."""
        ...

    def __call__(self, image: NDArray[Any], domain: str, seed: int) -> NDArray[Any]:
        """The changed picture, uint8 [H, W, 3] as `image` is; `image` itself where nothing was changed."""
        ...
