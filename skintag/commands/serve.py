"""`skintag serve bundle=<path> port=8000`: the API and the web app over a bundle; needs no Hydra."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from skintag.core.errors import ConfigError

HEAD: Final = """usage: skintag serve bundle=<folder or zip> key=value ...

The API and the web app at http://localhost:8000. Every key can also be set by SKINTAG_SERVE_<KEY> in the environment;
what stands on the command line goes first. A newer bundle at the same path is taken into use by itself.
"""
NO_BUNDLE: Final = (
    "bundle is not set: name a bundle's folder or zip, bundle=<path>. Without one, make the demo's: "
    "skintag train experiment=multi_balanced profile=demo, then skintag bundle build run=runs/multi_balanced/<run> "
    "runtime=onnx_half (in a checkout, make app does both and serves it)"
)


def main(command: Sequence[str] = ("serve",)) -> None:
    """Serve what the command line and the environment name.

    Raises:
        ConfigError: a key that there is not, a value that will not do, or no bundle.
        DataError: the bundle is broken.
    """
    from skintag.serving.settings import help_lines, parse, settings_from

    if any(flag in sys.argv[1:] for flag in ("-h", "--help", "help")):
        print("\n".join([HEAD, *help_lines()]))
        return
    settings = settings_from(parse(sys.argv[1:]))
    if not settings.bundle:
        raise ConfigError(NO_BUNDLE)
    from skintag.serving.app import create_app
    from skintag.serving.server import serve

    serve(create_app(settings=settings), settings)
