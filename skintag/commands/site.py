"""`skintag site bundle=<path> out=<folder>`: the web app and a bundle as files for a host of files; needs no Hydra."""

from __future__ import annotations

from collections.abc import Sequence


def main(command: Sequence[str] = ("site",)) -> None:
    """Write what the command line names; raises as `skintag.serving.site.main`."""
    from skintag.serving.site import main as write

    write()
