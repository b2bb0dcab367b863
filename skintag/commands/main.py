"""`skintag <command> key=value ...`: finds the command; each has Hydra's syntax and its own `--help`.

Little but the standard library is imported before a command is known, so that `skintag --help` answers at once.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Final

from skintag.commands.door import door

COMMANDS: Final[dict[str, str]] = {
    "train": "a view of prepared data in, a trained and scored run folder out",
    "evaluate": "the report of a run, of several, or of anybody's predictions",
    "distill": "a small student from a trained teacher, with its exports and bundle",
    "prepare": "raw dataset folders to catalog, leakage groups and shards",
    "labels": "a label table to fill in for a dataset of one's own: labels draft <csv> column=<diagnosis> out=<csv>",
    "split": "the split of a run as a file to publish: split export",
    "robustness": "a run's test images under eleven distortions",
    "export": "a run's model as ONNX, INT8, torch.export, ExecuTorch or Core ML",
    "bundle": "what is deployed: bundle build, predict, check, push, pull",
    "embed": "embeddings of anybody's pictures by any backbone: embed images=<folder> out=<file.parquet>",
    "serve": "a bundle as an API and a web app: serve bundle=<path> port=8000",
    "space": "a bundle as a Gradio app, e.g. for a Hugging Face Space: space bundle=<path>",
    "site": "the web app and a bundle as files, no server: site bundle=<path> out=<folder>",
    "tracking": "finished runs to Weights & Biases",
    "dashboard": "the W&B workspace that compares runs",
    "synthetic": "draw the synthetic benchmark",
    "contact-sheet": "a picture of what the augmentation does",
    "doctor": "what is installed, what is missing and for what, and whether the raw folders look right",
}
HELP: Final = "\n".join(
    [
        "usage: skintag <command> key=value ...",
        "",
        *(f"  {name:14} {text}" for name, text in COMMANDS.items()),
        "",
        "skintag <command> --help lists a command's keys and choices; skintag --version says which this is.",
        "The main job in minutes, on drawn data: skintag train experiment=multi_balanced profile=demo",
    ]
)


def main() -> None:
    """Run the command that the command line names; exit status 2 where it names none."""
    with door("skintag"):
        _main(sys.argv[1:])


def _main(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP)
        return
    name = arguments[0]
    if name in ("-V", "--version"):
        print(f"skintag {_version()}")
        return
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see skintag --help"
        print(f"error: {name!r} is no command: {hint}", file=sys.stderr)
        sys.exit(2)
    # what stays of the command line is Hydra's; the command puts its own name back for whoever starts it again
    sys.argv = [sys.argv[0], *arguments[1:]]
    run(name, (name,))


def run(name: str, before: tuple[str, ...] = ()) -> None:
    """Run a command on the overrides in `sys.argv`.

    Args:
        name: of COMMANDS.
        before: what stood before the overrides on the command line.
    """
    with door(name):
        import_module(f"skintag.commands.{name.replace('-', '_')}").main(before)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("skintag")
    except PackageNotFoundError:
        return "of a checkout that is not installed"
