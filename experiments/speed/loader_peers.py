"""Other ways to load the same JPEGs, and the ceiling: what libjpeg and a resize can do by themselves."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
import torch.nn.functional as F
import webdataset as wds
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from skintag.data.loading.workers import start_worker

Epoch = Callable[[], int]
"""Loads every image once and returns how many there were."""


class Files(Dataset):
    """What most training scripts do: open a file, transform the picture."""

    def __init__(self, paths: Sequence[Path], transform: Callable[[Image.Image], Any]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[Any, int]:
        with Image.open(self.paths[i]) as image:
            return self.transform(image.convert("RGB")), i


class Ceiling:
    """libjpeg decoding and resizing alone: no reading, no batch, nothing sent anywhere.

    Each process has the encoded bytes in memory, decodes each picture at full size into one buffer
    (simplejpeg, RGB) and resizes it to the square as `indexed` does (bilinear, antialiased).
    """

    def __init__(self, paths: Sequence[Path], size: int, workers: int) -> None:
        context, self.number = mp.get_context("fork"), len(paths)
        self.pipes = []
        for worker in range(workers):
            ours, theirs = context.Pipe()
            share = [path.read_bytes() for path in paths[worker::workers]]
            context.Process(target=self._work, args=(share, size, theirs), daemon=True).start()
            self.pipes.append(ours)

    def __call__(self) -> int:
        for pipe in self.pipes:
            pipe.send(True)
        for pipe in self.pipes:
            pipe.recv()
        return self.number

    @staticmethod
    def _work(share: Sequence[bytes], size: int, pipe: Any) -> None:
        start_worker(0)
        torch.set_num_threads(1)
        height, width, *_ = simplejpeg.decode_jpeg_header(share[0])
        buffer = np.empty(height * width * 3, dtype=np.uint8)
        while pipe.recv():
            for data in share:
                pixels = simplejpeg.decode_jpeg(data, buffer=buffer)
                planes = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
                F.interpolate(planes, (size, size), mode="bilinear", antialias=True)
            pipe.send(True)


def count(batches: Iterable[Any], images: Callable[[Any], Any]) -> int:
    """Images in all batches."""
    return sum(len(images(batch)) for batch in batches)


def torch_loader(dataset: Any, workers: int, images: Callable[[Any], Any], **options: Any) -> Epoch:
    """Epochs of a plain DataLoader with as many workers, which outlive epochs as ours do."""
    options |= {"multiprocessing_context": "fork", "persistent_workers": True}
    loader = DataLoader(dataset, num_workers=workers, **options)
    return lambda: count(loader, images)


def plain_webdataset(folder: Path, size: int, batch: int, workers: int) -> Epoch:
    """The pipeline of webdataset's own examples: shuffle, decode with Pillow, resize, batch."""

    def transform(image: Image.Image) -> torch.Tensor:
        resized = image.resize((size, size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)

    shards = sorted(str(path) for path in folder.rglob("*.tar"))
    pipeline = (
        wds.WebDataset(shards, shardshuffle=100, empty_check=False)
        .shuffle(1000)
        .decode("pilrgb")
        .to_tuple("jpg", "__key__")
        .map_tuple(transform, lambda key: key)
        .batched(batch)
    )
    return torch_loader(pipeline, workers, lambda batch: batch[0], batch_size=None)
