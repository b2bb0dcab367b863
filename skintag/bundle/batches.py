"""Images read and decoded in batches, ahead of the model, with the errors of those that cannot be."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.parts import Preprocessing
from skintag.bundle.prediction import Prediction
from skintag.bundle.preprocess import Image, Preprocessor, name_of
from skintag.core.errors import ConfigError, ImageError


@dataclass(frozen=True)
class Batch:
    """Some images, as the model takes them."""

    names: list[str]
    """Of all of them, [n]."""
    errors: list[ImageError | None]
    """Why an image cannot be had; None where it can, [n]."""
    pixels: NDArray[np.uint8]
    """Of those that can, in order: uint8 [m, S, S, 3]."""


def read_ahead(
    images: Iterable[Image], settings: Preprocessing, batch_size: int, workers: int
) -> Iterator[Batch]:
    """Batches in the order of the images; with workers, at most two more of them wait than there are threads.

    Raises:
        ConfigError: a batch size below 1, or workers below 0.
    """
    if batch_size < 1 or workers < 0:
        raise ConfigError(f"batch_size={batch_size}, workers={workers}: expected at least 1, and at least 0")
    own = threading.local()  # a Preprocessor decodes into memory of its own

    def read(some: tuple[tuple[int, Image], ...]) -> Batch:
        if not hasattr(own, "preprocessor"):
            own.preprocessor = Preprocessor(settings)
        return _read(own.preprocessor, some)

    numbered = enumerate(images)
    chunks = iter(lambda: tuple(islice(numbered, batch_size)), ())
    if not workers:
        yield from map(read, chunks)
        return
    with ThreadPoolExecutor(workers, "images") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(read, chunk))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read(preprocessor: Preprocessor, some: tuple[tuple[int, Image], ...]) -> Batch:
    names, errors, pixels = [], list[ImageError | None](), []
    for position, image in some:
        name = name_of(image, position)
        names.append(name)
        try:
            pixels.append(preprocessor([image], [name])[0])
            errors.append(None)
        except ImageError as error:
            errors.append(error)
    side = preprocessor.settings.image_size
    return Batch(names, errors, np.stack(pixels) if pixels else np.empty((0, side, side, 3), np.uint8))


def results(
    images: Iterable[Image],
    settings: Preprocessing,
    batch_size: int,
    workers: int,
    predict: Callable[[NDArray[np.uint8], list[str]], list[Prediction]],
) -> Iterator[list[tuple[str, Prediction | ImageError]]]:
    """Each image's name, with what `predict` says of it or why it cannot be had; batches as `read_ahead` has them.

    Args:
        predict: what is said of pictures uint8 [n, S, S, 3] and their names.
    """
    for batch in read_ahead(images, settings, batch_size, workers):
        good = [name for name, error in zip(batch.names, batch.errors, strict=True) if error is None]
        made = iter(predict(batch.pixels, good) if good else ())
        yield [
            (name, next(made) if error is None else error)
            for name, error in zip(batch.names, batch.errors, strict=True)
        ]


def several(images: Any) -> Any:
    """Images as they came. Raises TypeError for one alone: a path or bytes would be taken letter by letter."""
    if isinstance(images, str | bytes | Path) or (isinstance(images, np.ndarray) and images.ndim == 3):
        raise TypeError("predict takes a list of images: put the one that you have in brackets, [image]")
    return images
