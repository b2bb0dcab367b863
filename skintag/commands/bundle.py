"""`skintag bundle <command> key=value ...`: build, check, use and share bundles."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from skintag.commands.bundle_arguments import find_images, parse
from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.console import say
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.progress import track
from skintag.core.settings import number, settings_of

COMMANDS: Final = {
    "build": "a bundle of a finished run: build run=<folder> runtime=torch zip=true",
    "check": "verify a bundle and say what it holds: check bundle=<folder or zip>",
    "predict": "one JSON line an image: predict bundle=<path> 'images=photos/*.jpg' batch_size=32",
    "push": "to the Hugging Face Hub: push bundle=<path> repo=<user>/<name>",
    "pull": "from the Hub, verified: pull repo=<user>/<name> out=<folder> revision=<commit>",
}
HELP: Final = "\n".join(
    [
        "usage: skintag bundle <command> key=value ...",
        "",
        *(f"  {name:8} {text}" for name, text in COMMANDS.items()),
        "",
        "skintag bundle <command> --help lists the keys of a command.",
    ]
)


@dataclass(frozen=True)
class PredictSettings:
    """What `configs/bundle_predict.yaml` and the command line ask for."""

    bundle: str
    """Folder or zip."""
    images: tuple[str, ...] | str
    """Paths or globs."""
    batch_size: int = number(least=1, default=32)
    """Images that go through the model at a time."""
    workers: int = number(least=0, default=1)
    """Threads that read and decode ahead of the model."""
    device: str = "cpu"
    """Of a bundle with torch weights."""
    threads: int | None = number(least=1, default=None)
    """Of a bundle with an ONNX model; None: onnxruntime's choice."""


def build(config: DictConfig) -> None:
    """Build a bundle, and say where it lies."""
    from skintag.export.bundle.build import build_bundle, zip_of
    from skintag.export.bundle.settings import BundleSettings

    values = plain(config)
    run, out, prepared, cache = (values.pop(name) for name in ("run", "out", "prepared", "cache"))
    settings = settings_of(BundleSettings, values)
    folder = build_bundle(run, settings, out, prepared=prepared, cache=cache, say=say)
    _describe(folder)
    if settings.zip:
        print(f"zip: {zip_of(folder)} ({zip_of(folder).stat().st_size:,} bytes)")
    print(f"bundle: {folder}")


def check(config: DictConfig) -> None:
    """Verify a bundle and print what it holds."""
    _describe(Path(config.bundle))
    print("every file is there and is what was written")


def predict(config: DictConfig) -> None:
    """Print a JSON line an image on stdout, in order.

    Raises:
        DataError: at the end, where some could not be read.
    """
    settings = settings_of(PredictSettings, plain(config))
    images = find_images(settings.images)  # before the model: a typo should not cost seconds
    from skintag.bundle.bundle import Bundle
    from skintag.bundle.prediction import Failure

    bundle = Bundle.load(settings.bundle, device=settings.device, threads=settings.threads)
    # rich sends what is printed while a bar is up to the bar's own stream, unless stdout is a terminal too
    out = None if sys.stdout.isatty() else sys.stdout
    failed: list[Failure] = []
    batches = bundle.predict_batches(images, settings.batch_size, settings.workers)
    for result in track((r for batch in batches for r in batch), "images", total=len(images)):
        if isinstance(result, Failure):
            failed.append(result)
        print(json.dumps(result.to_json(), ensure_ascii=False), file=out or sys.stdout, flush=True)
    for failure in failed:
        print(f"not read: {failure.image}: {failure.reason}", file=sys.stderr)
    if failed:
        raise DataError(
            settings.images,
            expected=f"{len(images):,} images that can be read",
            found=f"{len(failed):,} that cannot: {first_few([f.image for f in failed], 3)}",
            fix='see "error" in their lines',
        )


def push(config: DictConfig) -> None:
    """Send a bundle to the Hub and print its address and the revision to pin."""
    from skintag.bundle.hub import push_bundle

    pushed = push_bundle(config.bundle, config.repo, private=config.private, message=config.message)
    print(f"{pushed.url}\nrevision: {pushed.revision}")


def pull(config: DictConfig) -> None:
    """Fetch a bundle from the Hub, verify it, and say where it lies."""
    from skintag.bundle.hub import pull_bundle

    folder = pull_bundle(config.repo, config.out, revision=config.revision)
    _describe(folder)
    print(f"bundle: {folder}")


def _describe(path: Path) -> None:
    from skintag.bundle.describe import description

    print(description(path))


def main(command: Sequence[str] = ("bundle",)) -> None:
    """Hand the rest of the command line to Hydra, under the configuration of what is to be done with a bundle."""
    try:
        asked = parse(sys.argv[1:], COMMANDS)
    except ConfigError as error:
        print(f"error: {error}\n{HELP}", file=sys.stderr)
        sys.exit(2)
    if not asked.name:
        print(HELP)
        return
    sys.argv = [sys.argv[0], *asked.overrides]
    tasks = {"build": build, "check": check, "predict": predict, "push": push, "pull": pull}
    run_command(f"bundle_{asked.name}", tasks[asked.name], command=(*command, asked.name))
