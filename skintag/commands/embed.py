"""`skintag embed images=photos out=embeddings.parquet`: embeddings of anybody's pictures by any backbone."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from skintag.commands.bundle_arguments import literal
from skintag.commands.cli import run_command
from skintag.commands.image_lists import image_list
from skintag.core.config import instantiate, plain
from skintag.core.errors import ConfigError, first_few
from skintag.core.settings import checked_fields, number

_PICTURING: Final = ("fit", "longest_side", "quality")


@dataclass(frozen=True)
class EmbedSettings:
    """What `configs/embed.yaml` and the command line ask for, beside the backbone."""

    images: tuple[str, ...] | str
    """A folder, a CSV, or paths and globs."""
    out: str
    """`.parquet` or `.npy`."""
    checkpoint: str | None = None
    """A run folder or a .ckpt file, whose backbone is taken."""
    column: str | None = None
    """Of a CSV: the one with the paths."""
    root: str | None = None
    """Of a CSV: the folder that paths are relative to."""
    batch_size: int = number(least=1, default=64)
    """Images that go through the backbone at a time."""
    workers: int | None = number(least=0, default=None)
    """Threads that read and decode ahead of it."""
    device: str = "auto"
    """`cpu`, `cuda`, ..."""
    overwrite: bool = False
    """Whether files that are there may be replaced."""
    fit: str | None = None
    """See `skintag.export.embed.Picturing`, as the two below."""
    longest_side: int | None = number(least=16, default=None)
    quality: int | None = number(least=1, most=100, default=None)


def task(config: DictConfig) -> None:
    """Write the embeddings, and say what came of it.

    Raises:
        ConfigError: a value makes no sense, or a file is there already.
        DataError: the pictures are not there, or not one can be read.
    """
    values = plain(config)
    settings = EmbedSettings(
        **checked_fields(EmbedSettings, values, tuple(EmbedSettings.__dataclass_fields__))
    )
    given = [o for o in HydraConfig.get().overrides.task if o.lstrip("+~").startswith("backbone")]
    if settings.checkpoint and given:
        raise ConfigError(
            f"checkpoint={settings.checkpoint} has a backbone of its own: leave out {first_few(given)}"
        )
    images = image_list(settings.images, column=settings.column, root=settings.root)
    out = Path(settings.out)
    files = _free(out, settings)
    tower = _tower(settings, values["backbone"])
    from skintag.export.embed import embed

    began = time.perf_counter()
    source = {"checkpoint": settings.checkpoint} if settings.checkpoint else {}
    done = embed(
        tower,
        images.names,
        images.paths(),
        out,
        batch_size=settings.batch_size,
        workers=settings.workers,
        device=settings.device,
        about=source,
    )
    seconds = time.perf_counter() - began
    print(f"{done.images:,} images embedded, {tower.backbone.embedding_size} numbers each, float32")
    print(f"seconds: {seconds:.1f} ({done.images / max(seconds, 1e-9):,.1f} images/s)")
    if done.unreadable:
        print(f"{done.unreadable:,} could not be read: {files['unreadable']}", file=sys.stderr)
    else:
        files.pop("unreadable")
    for name, path in files.items():
        print(f"{name}: {path}")


def _free(out: Path, settings: EmbedSettings) -> dict[str, Path]:
    """The files that are to be written. Raises ConfigError where one is there, or is the list of the pictures."""
    from skintag.export.embedding_files import files_of

    files = files_of(out)
    for path in files.values():
        if isinstance(settings.images, str) and path.resolve() == Path(settings.images).resolve():
            raise ConfigError(f"out={out} would write over images={settings.images}; take another name")
        if path.exists() and not settings.overwrite:
            raise ConfigError(f"out={out}: {path} is there already; overwrite=true replaces it")
    return files


def _tower(settings: EmbedSettings, backbone: dict[str, Any]) -> Any:
    if (
        settings.checkpoint is None
        and backbone.get("pretrained") is True
        and "." in str(backbone.get("name"))
    ):
        from skintag.models.hub import refuse_unreachable

        refuse_unreachable(backbone["name"], f"timm/{backbone['name']}")
    from skintag.export.embed import Picturing, Tower

    wanted = Picturing(**{name: getattr(settings, name) for name in _PICTURING})
    if settings.checkpoint is not None:
        return Tower.of_checkpoint(Path(settings.checkpoint), wanted)
    return Tower.of(instantiate(backbone), wanted)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra, paths and globs as they were typed."""
    sys.argv[1:] = literal(sys.argv[1:])
    run_command("embed", task, command=command)
