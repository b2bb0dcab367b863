"""A Hugging Face Space: the Gradio app of SkinTag over the bundle beside this file, or one of the Hub."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def bundle() -> Path:
    """Where the bundle lies; one of the Hub is fetched first, and verified.

    Raises:
        SystemExit: none is named, or not by a commit.
    """
    beside = HERE / "bundle"
    if beside.is_dir():
        return beside
    repo = os.environ.get("SKINTAG_SPACE_BUNDLE", "")
    revision = os.environ.get("SKINTAG_SPACE_REVISION", "")
    if not repo:
        sys.exit("no bundle: put one into bundle/, or name a repository of the Hub in SKINTAG_SPACE_BUNDLE")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        sys.exit("SKINTAG_SPACE_REVISION has to be a full commit of that repository, 40 hexadecimal digits")
    from skintag.bundle.hub import pull_bundle

    return pull_bundle(repo, Path(tempfile.mkdtemp(prefix="skintag_bundle_")) / "bundle", revision=revision)


def main() -> None:
    """Serve until the Space is stopped."""
    from skintag.serving.space import launch, settings_of

    launch(settings_of({"bundle": str(bundle())}))


if __name__ == "__main__":
    main()
