"""Encoded images to pixels: decoded, cropped, resized and augmented straight into one uint8 tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from skintag.core.hashing import content_key, hash_strings
from skintag.core.vocabulary import DOMAINS
from skintag.data.images.augmenter import Augmenter
from skintag.data.images.decoding import Box, Decoder, check_input, fitted_box
from skintag.data.images.resize import bicubic, padded
from skintag.data.images.shared import shared_bytes

_VERSION: Final = 1  # of what decoding and resizing make of the same bytes


class ImagePipeline:
    """Decode, crop, resize, augment: a function of (bytes, image_id, domain, epoch, repeat, seed); picklable.

    Where an image is at least twice the size that is needed, the decoder averages whole blocks. The rest is
    resized with a filter as wide as the reduction, so fine structure is averaged away and not aliased
    (Parmar, Zhang & Zhu 2022, https://arxiv.org/abs/2104.11222).

    Args:
        image_size: side S of the square, pixels.
        fit: `squash` the whole image into the square, so that nothing is cut off, take its `center_crop`, or `pad` it
            to a square with black first; a part that the augmentation cut out is padded too.
        augmentation: what happens to training images; its crop comes first, before the resize.
        seed: of the augmentation.
        interpolation: `bilinear`, the triangle filter, or `bicubic`, Pillow's.
    """

    def __init__(
        self,
        image_size: int,
        fit: str = "squash",
        augmentation: Augmenter | None = None,
        seed: int = 0,
        interpolation: str = "bilinear",
    ) -> None:
        check_input(image_size, fit, interpolation)
        self.image_size, self.fit, self.augmentation, self.seed = image_size, fit, augmentation, seed
        self.interpolation = interpolation
        self._decoder = Decoder()

    @property
    def fingerprint(self) -> str:
        """Equal for equal images without augmentation."""
        other = () if self.interpolation == "bilinear" else (self.interpolation,)
        return content_key("image pipeline", _VERSION, self.image_size, self.fit, *other)

    @property
    def one_for_all(self) -> bool:
        """Whether training images are those of validation, in every epoch: not augmented nor cut otherwise."""
        if self.augmentation is None:
            return True
        return self.fit != "center_crop" and self.augmentation.idle

    def __call__(
        self,
        encoded: Iterable[bytes],
        image_ids: Sequence[str] | NDArray[np.object_],
        epoch: int | None = None,
        repeats: NDArray[np.int64] | None = None,
        out: torch.Tensor | None = None,
        domains: NDArray[np.int8] | None = None,
    ) -> torch.Tensor:
        """One batch, uint8 [B, 3, S, S] RGB; laid out channels last, so that nothing is copied to get it.

        Args:
            encoded: B JPEGs.
            image_ids: of each, str [B].
            epoch: that the augmentation is for; None: no augmentation.
            repeats: how often each was there before in this epoch, int64 [B].
            out: where the batch goes, uint8 [B, S, S, 3]; None: into new memory.
            domains: position in `DOMAINS` of each image's own domain, int8 [B]; needed where it is augmented.

        Raises:
            ImageError: an image cannot be decoded.
            ValueError: the domains are needed and not given.
        """
        if out is None:
            out = _empty_batch(len(image_ids), self.image_size)
        augmentation = self.augmentation if epoch is not None else None
        images = zip(encoded, image_ids, out.numpy(), strict=True)
        if augmentation is None:
            for data, image_id, pixels in images:
                self._into(pixels, data, image_id, None)
            return out.permute(0, 3, 1, 2)
        if domains is None:
            raise ValueError("an augmentation needs the domain of every image")
        drawn = zip(images, domains.tolist(), self._seeds(image_ids, epoch, repeats).tolist(), strict=True)
        for (data, image_id, pixels), domain, seed in drawn:
            self._into(pixels, data, image_id, seed)
            changed = augmentation(pixels, DOMAINS[domain], seed)
            if changed is not pixels:
                pixels[...] = changed
        return out.permute(0, 3, 1, 2)

    def _seeds(
        self,
        image_ids: Sequence[str] | NDArray[np.object_],
        epoch: int | None,
        repeats: NDArray[np.int64] | None,
    ) -> NDArray[np.uint64]:
        """One number per image, uint64 [B], of (seed, epoch, image_id) and of the repeat if there is one."""
        names = list(image_ids)
        if repeats is not None:
            names = [f"{name}#{again}" if again else name for name, again in zip(names, repeats, strict=True)]
        return hash_strings(names, salt=("augmentation", self.seed, epoch))

    def _into(self, out: NDArray[np.uint8], data: bytes, image_id: str, seed: int | None) -> None:
        """Fill `out` [S, S, 3] with the image."""
        side = self.image_size
        pixels = self._decoder(data, image_id, side, lambda height, width: self._box(height, width, seed))
        if self.fit == "pad":
            pixels = padded(pixels)
        if self.interpolation == "bicubic":
            out[...] = bicubic(pixels, side)
            return
        # [1, 3, H, W] with the strides of an RGB picture is torch's fast path; `resize.triangle` to the bit
        planes = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
        resized = F.interpolate(planes, (side, side), mode="bilinear", antialias=True)
        out[...] = resized[0].permute(1, 2, 0).numpy()

    def _box(self, height: int, width: int, seed: int | None) -> Box:
        """The part of the picture to use."""
        if self.augmentation is not None and seed is not None:
            return self.augmentation.crop(height, width, seed)
        return fitted_box(height, width, self.fit)


def _empty_batch(n: int, side: int) -> torch.Tensor:
    """Memory for uint8 [n, side, side, 3]; a worker shares it with the main process, so nothing is copied."""
    if get_worker_info() is None:
        return torch.empty((n, side, side, 3), dtype=torch.uint8)
    return shared_bytes(n, side, side, 3)
