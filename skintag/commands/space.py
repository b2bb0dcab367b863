"""`skintag space bundle=<path>`: a bundle as a Gradio app; needs no Hydra."""

from __future__ import annotations

from collections.abc import Sequence


def main(command: Sequence[str] = ("space",)) -> None:
    """Serve what the command line and the environment name; raises as `skintag.serving.space.main`."""
    from skintag.serving.space import main as serve

    serve()
