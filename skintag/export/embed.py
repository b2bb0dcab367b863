"""Embeddings of anybody's pictures by any backbone, in a stream: neither pictures nor embeddings are kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from skintag.bundle.batches import Batch, read_ahead
from skintag.bundle.parts import Preprocessing
from skintag.core.csv_text import safe_cell
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.io import write_json
from skintag.core.progress import track
from skintag.core.provenance import versions
from skintag.data.images.encoding import ShardSettings
from skintag.export.embedding_files import embedding_writer, files_of, table_writer
from skintag.models.backbone import Backbone
from skintag.models.lesion_module import LesionModule
from skintag.models.settings import BackboneSettings
from skintag.runs.folder import RunFolder

_EXAMPLES: Final = 3
_MOST_THREADS: Final = 16  # threads that read, at most, where nobody says how many


@dataclass(frozen=True)
class Picturing:
    """What is done to a picture before the tower sees it; None: as the run has it, or as runs do by default."""

    fit: str | None = None
    """`squash` the whole picture into the square, or take its `center_crop`."""
    longest_side: int | None = None
    """Larger pictures are shrunk to it first, pixels."""
    quality: int | None = None
    """And are encoded with it, as for the shards; upright JPEGs within the size stay as they are."""

    def or_else(self, other: Picturing) -> Picturing:
        """These values, and the other's where there is none."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(other, **given)


_SHARDS: Final = ShardSettings()
DEFAULT: Final = Picturing("squash", _SHARDS.longest_side, _SHARDS.quality)


@dataclass(frozen=True)
class Tower:
    """What makes the embeddings, and out of what."""

    backbone: Backbone
    preprocessing: Preprocessing

    @classmethod
    def of(cls, settings: BackboneSettings, wanted: Picturing) -> Tower:
        """A backbone of the configuration, with its first weights."""
        return cls._made(Backbone(settings), wanted.or_else(DEFAULT))

    @classmethod
    def of_checkpoint(cls, path: Path, wanted: Picturing) -> Tower:
        """The backbone of a run folder's best checkpoint, pictures as the run has them; or of a checkpoint alone.

        Raises:
            ConfigError: there is neither.
            DataError: the run has no checkpoint, or it cannot be read.
        """
        if path.is_dir():
            run = RunFolder(path)
            data, loader = run.settings.data, run.settings.loader
            own = Picturing(loader.fit, data.longest_side, data.quality)
            return cls._made(run.module().backbone, wanted.or_else(own))
        if not path.is_file():
            raise ConfigError(f"checkpoint={path}: expected a run folder or a .ckpt file, found neither")
        return cls._made(LesionModule.from_checkpoint(path).backbone, wanted.or_else(DEFAULT))

    @classmethod
    def _made(cls, backbone: Backbone, wanted: Picturing) -> Tower:
        size = backbone.settings.image_size
        assert wanted.fit is not None
        assert wanted.longest_side is not None
        assert wanted.quality is not None
        return cls(backbone.eval(), Preprocessing(size, wanted.fit, wanted.longest_side, wanted.quality))

    def told(self) -> dict[str, Any]:
        """What an embedding depends on, as plain values."""
        tower = self.backbone.settings
        pictures = {k: v for k, v in asdict(self.preprocessing).items() if k != "input"}
        return {
            "backbone": tower.name,
            "sizes": dict(tower.sizes),
            "features": tower.features,
            "weights": self.backbone.weights_fingerprint(),
            "embedding_size": self.backbone.embedding_size,
            "preprocessing": pictures,
        }


@dataclass(frozen=True)
class Embedded:
    """What came of it."""

    images: int
    """Embeddings that were written."""
    unreadable: int
    """Images that could not be read."""


def embed(
    tower: Tower,
    names: Sequence[str],
    paths: Iterable[Path],
    out: Path,
    *,
    batch_size: int,
    workers: int | None,
    device: str,
    about: dict[str, Any],
) -> Embedded:
    """Write the embedding of each image, in order, and a list of those that cannot be read.

    Args:
        tower: what makes them.
        names: what the images are called, [n].
        paths: where they lie, [n]; taken one after the other.
        out: see `embedding_writer`; the files beside it are those of `files_of`.
        batch_size: images that go through the tower at a time.
        workers: threads that read and decode ahead of it; None: one on a processor, one for each core on a GPU. The
            files do not depend on it.
        device: as torch calls it, or `auto`.
        about: what else stands in the settings file, plain values.

    Raises:
        ConfigError: no such device.
        DataError: not one image can be read; nothing is written then.
    """
    where = _device(device)
    tower.backbone.to(where)
    files, threads = files_of(out), _threads(where) if workers is None else workers
    batches = read_ahead(paths, tower.preprocessing, batch_size, threads)
    good, bad, shown = 0, 0, list[str]()
    with (
        table_writer(files["unreadable"], ("image", "reason", "found")) as unreadable,
        embedding_writer(out, tower.backbone.embedding_size) as writer,
        _precise(),
    ):
        for part, batch in _named(names, batches, batch_size):
            each = list(zip(part, batch.errors, strict=True))
            fine = [name for name, error in each if error is None]
            failed = [(name, error) for name, error in each if error is not None]
            unreadable.writerows([safe_cell(n), e.reason, safe_cell(e.found)] for n, e in failed)
            if fine:
                writer.add(fine, _rows(tower.backbone, batch, where))
            good, bad = good + len(fine), bad + len(failed)
            shown += [f"{n} ({e.reason})" for n, e in failed[: _EXAMPLES - len(shown)]]
        if not good:
            _refuse(bad, shown)
    if not bad:
        files["unreadable"].unlink()
    counted = {"images": good, "unreadable": bad}
    write_json(files["settings"], {**tower.told(), **about, **counted, "versions": versions()})
    return Embedded(good, bad)


def _refuse(bad: int, errors: Sequence[str]) -> None:
    raise DataError(
        "images",
        expected="at least one that can be read",
        found=f"{bad:,} that cannot: {first_few(errors)}",
        fix="check the paths (a CSV's are relative to its folder, or to root=<folder>)",
    )


def _named(
    names: Sequence[str], batches: Iterable[Batch], size: int
) -> Iterator[tuple[Sequence[str], Batch]]:
    """Each batch with the names of its images, and progress."""
    done = 0

    def each() -> Iterator[tuple[Sequence[str], Batch]]:
        nonlocal done
        for batch in batches:
            part = names[done : done + len(batch.errors)]
            done += len(part)
            yield part, batch

    yield from track(each(), "embedding", total=-(-len(names) // size))


@torch.inference_mode()
def _rows(backbone: Backbone, batch: Batch, device: torch.device) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Embeddings float32 [m, D] of the pictures that could be read."""
    images = torch.from_numpy(batch.pixels).to(device).permute(0, 3, 1, 2)  # [m, 3, S, S]
    return backbone(images).float().cpu().numpy()


def _threads(device: torch.device) -> int:
    import os

    return 1 if device.type == "cpu" else min(os.cpu_count() or 1, _MOST_THREADS)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ConfigError(f"device={name}: {str(error).splitlines()[0]}; use device=cpu") from error


@contextmanager
def _precise() -> Iterator[None]:
    """Matrix products as a run has them, and as before afterwards."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
