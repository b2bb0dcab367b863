"""From encoded bytes to batches: the right pixels, and augmentation that depends on what it should."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image

from skintag.core.errors import ConfigError, ImageError
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment.basic import RandomResizedCrop, Symmetry
from skintag.data.augment.pipeline import Augmentation
from skintag.data.images.pipeline import ImagePipeline


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture without fine detail, uint8 [height, width, 3]."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(pixels: np.ndarray) -> bytes:
    return simplejpeg.encode_jpeg(pixels, 95, "RGB", "444")


def one(pipeline: ImagePipeline, data: bytes, image_id: str = "ddi/1", **options: object) -> np.ndarray:
    """The image that the pipeline makes, uint8 [S, S, 3]; a clinical one unless `domains` says otherwise."""
    batch = pipeline([data], [image_id], **{"domains": clinical(1), **options})  # type: ignore[arg-type]
    assert batch.shape == (1, 3, pipeline.image_size, pipeline.image_size)
    assert batch.dtype == torch.uint8
    return batch[0].permute(1, 2, 0).numpy()


def clinical(n: int) -> np.ndarray:
    return np.full(n, DOMAINS.index("clinical"), dtype=np.int8)


class Stamp(Augmentation):
    """Writes what it is told, seed and domain, into the picture's first pixels; crops to a given box."""

    def __init__(self, box: tuple[int, int, int, int] | None = None) -> None:
        object.__setattr__(self, "box", box)

    def crop(self, height: int, width: int, seed: int) -> tuple[int, int, int, int]:
        return self.box or (0, 0, height, width)  # type: ignore[attr-defined]

    def __call__(self, image: np.ndarray, domain: str, seed: int) -> np.ndarray:
        out = image.copy()
        out[0, :2] = np.frombuffer(np.uint64(seed).tobytes()[:6], dtype=np.uint8).reshape(2, 3)
        out[1, 0, 0] = len(domain)
        return out


def stamp_of(image: np.ndarray) -> bytes:
    return image[0, :2].tobytes()


@pytest.mark.parametrize("size", [(60, 80), (61, 79), (31, 45), (300, 90), (500, 700), (32, 32), (10, 12)])
def test_whole_image_is_squashed_into_the_square(size: tuple[int, int]) -> None:
    pixels = smooth(*size)
    got = one(ImagePipeline(32), encode(pixels))
    expected = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR))
    assert np.abs(got.astype(int) - expected).mean() < 2.5


def test_center_crop_takes_the_middle() -> None:
    pixels = np.zeros((40, 100, 3), dtype=np.uint8)
    pixels[:, 30:70] = 255
    got = one(ImagePipeline(40, fit="center_crop"), encode(pixels))
    assert got.mean() > 245
    squashed = one(ImagePipeline(40), encode(pixels))
    assert 90 < squashed.mean() < 115


@pytest.mark.parametrize("side", [20, 50, 100, 190])
def test_decoding_at_a_fraction_of_the_size_gives_the_same_picture(side: int) -> None:
    """What libjpeg scales by itself is what averaging the whole picture by area gives."""
    pixels = smooth(400, 600, seed=3)
    expected = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    assert np.abs(one(ImagePipeline(side), encode(pixels)).astype(int) - expected).mean() < 3


def test_fine_stripes_do_not_alias() -> None:
    pixels = np.zeros((512, 512, 3), dtype=np.uint8)
    pixels[:, ::2] = 255
    for side in (32, 60, 100, 200, 300, 340):
        got = one(ImagePipeline(side), encode(pixels))
        assert np.abs(got.astype(int) - 128).max() <= 50, side  # 128 where nothing is averaged


@pytest.mark.parametrize("size", [(64, 64), (500, 700)])
def test_crop_of_the_augmentation_is_resized_to_the_square(size: tuple[int, int]) -> None:
    height, width = size
    pixels = smooth(height, width, seed=1)
    box = (height // 4, width // 8, height // 2, width // 2)
    got = one(ImagePipeline(32, augmentation=Stamp(box)), encode(pixels), epoch=0)
    part = pixels[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
    expected = cv2.resize(part, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(got[2:].astype(int) - expected[2:]).mean() < 4


def test_nothing_is_augmented_without_an_epoch() -> None:
    data = encode(smooth(40, 40))
    plain = one(ImagePipeline(32), data)
    augmented = ImagePipeline(32, augmentation=Stamp((5, 5, 10, 10)))
    np.testing.assert_array_equal(one(augmented, data), plain)
    assert not np.array_equal(one(augmented, data, epoch=0), plain)


def test_augmentation_depends_on_seed_epoch_image_and_repeat_alone() -> None:
    data = encode(smooth(40, 40))
    pipeline = ImagePipeline(32, augmentation=Stamp(), seed=4)

    def stamp(
        image_id: str = "ddi/1", epoch: int = 3, repeat: int = 0, pipeline: ImagePipeline = pipeline
    ) -> bytes:
        """The stamp in a batch with others around it."""
        repeats = np.array([0, repeat, 7])
        batch = pipeline([data] * 3, ["ddi/8", image_id, "ddi/9"], epoch, repeats, domains=clinical(3))
        return stamp_of(batch[1].permute(1, 2, 0).numpy())

    alone = stamp_of(one(pipeline, data, "ddi/1", epoch=3))
    assert stamp() == alone
    others = [
        stamp("ddi/2"),
        stamp(epoch=4),
        stamp(repeat=1),
        stamp(pipeline=ImagePipeline(32, augmentation=Stamp(), seed=5)),
    ]
    assert len({alone, *others}) == 5


@pytest.mark.parametrize("domain", DOMAINS)
def test_augmentation_is_told_the_domain_of_the_row_whatever_the_dataset(domain: str) -> None:
    codes = np.array([DOMAINS.index(domain)], dtype=np.int8)
    for name in ("ham10000/1", "pad_ufes_20/1", "never_heard_of/1"):
        got = one(
            ImagePipeline(32, augmentation=Stamp()), encode(smooth(40, 40)), name, epoch=0, domains=codes
        )
        assert got[1, 0, 0] == len(domain)


def test_augmentation_without_domains_is_refused() -> None:
    with pytest.raises(ValueError, match="the domain of every image"):
        ImagePipeline(32, augmentation=Stamp())([encode(smooth(40, 40))], ["ddi/1"], 0)


def test_real_augmentation_is_reproduced_by_a_pickled_pipeline() -> None:
    augmentation = Augmentation(
        resized_crop=RandomResizedCrop(p=1.0, scale=(0.5, 1.0), ratio=(0.8, 1.25)), symmetry=Symmetry(p=1.0)
    )
    pipeline = ImagePipeline(32, augmentation=augmentation, seed=1)
    data = [encode(smooth(40 + i, 60, seed=i)) for i in range(8)]
    ids = [f"ham10000/{i}" for i in range(8)]
    batch = pipeline(data, ids, 0, domains=clinical(8))
    assert torch.equal(pickle.loads(pickle.dumps(pipeline))(data, ids, 0, domains=clinical(8)), batch)
    assert not torch.equal(pipeline(data, ids, 1, domains=clinical(8)), batch)


def test_batch_is_channels_last_in_memory() -> None:
    batch = ImagePipeline(16)([encode(smooth(20, 20))] * 3, ["ddi/1"] * 3)
    assert batch.shape == (3, 3, 16, 16)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_damaged_image_is_named() -> None:
    data = encode(smooth(40, 40))
    for broken in (b"", data[:60], data[: len(data) // 2], b"x" * 500):
        with pytest.raises(ImageError, match="ddi/7"):
            ImagePipeline(16)([data, broken], ["ddi/6", "ddi/7"])


@pytest.mark.parametrize("bad", [{"image_size": 4}, {"image_size": 32, "fit": "stretch"}])
def test_senseless_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ImagePipeline(**bad)  # type: ignore[arg-type]


def test_fingerprint_tells_different_pixels_apart() -> None:
    same = [ImagePipeline(32).fingerprint, ImagePipeline(32, augmentation=Stamp(), seed=9).fingerprint]
    assert len(set(same)) == 1
    assert len({*same, ImagePipeline(33).fingerprint, ImagePipeline(32, "center_crop").fingerprint}) == 3
