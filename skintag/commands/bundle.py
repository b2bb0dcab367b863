"""`skintag bundle <command> key=value ...`: build, check, use and share bundles."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from skintag.commands.bundle_arguments import find_images, parse
from skintag.commands.cli import run_command
from skintag.core.console import say
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.progress import track

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


def build(config: DictConfig) -> None:
    """Build a bundle, and say where it lies."""
    from skintag.export.bundle.build import build_bundle, zip_of

    values: dict[str, Any] = dict(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
    folder = build_bundle(values.pop("run"), values.pop("out"), **values, say=say)
    _describe(folder)
    if config.zip:
        print(f"zip: {zip_of(folder)} ({zip_of(folder).stat().st_size:,} bytes)")
    print(f"bundle: {folder}")


def check(config: DictConfig) -> None:
    """Verify a bundle and print what it holds."""
    _describe(Path(config.bundle))
    print("every file is there and is what was written")


def predict(config: DictConfig) -> None:
    """A JSON line an image on stdout, in order.

    Raises:
        DataError: at the end, where some could not be read.
    """
    images = find_images(
        config.images if isinstance(config.images, str) else list(config.images)
    )  # before the model: a typo should not cost seconds
    from skintag.bundle.bundle import Bundle
    from skintag.bundle.prediction import Failure

    bundle = Bundle.load(config.bundle, device=config.device, threads=config.threads)
    # rich sends what is printed while a bar is up to the bar's own stream, unless stdout is a terminal too
    out = None if sys.stdout.isatty() else sys.stdout
    failed: list[Failure] = []
    batches = bundle.predict_batches(images, config.batch_size, config.workers)
    for result in track((r for batch in batches for r in batch), "images", total=len(images)):
        if isinstance(result, Failure):
            failed.append(result)
        print(json.dumps(result.to_json(), ensure_ascii=False), file=out or sys.stdout, flush=True)
    for failure in failed:
        print(f"not read: {failure.image}: {failure.reason}", file=sys.stderr)
    if failed:
        raise DataError(
            config.images,
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
    try:
        run_command(f"bundle_{asked.name}", tasks[asked.name], command=(*command, asked.name))
    except BrokenPipeError:  # the reader has had enough: `| head`
        sys.stderr.close()
        sys.exit(1)
