"""What a Space holds beside the files of `space/`: the bundle, and SkinTag itself, which is on no index.

python .ci/space.py <bundle> build/space
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from skintag.bundle.bundle import Bundle
from skintag.bundle.runtime import ONNX_FILES
from skintag.core.errors import SkinTagError
from skintag.core.vocabulary import HEAD

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "web", "static", "configs")


def main(bundle: str, out: Path) -> None:
    """Verify the bundle, and copy it and the package. Raises DataError or SystemExit where it will not do."""
    loaded = Bundle.load(bundle)
    if loaded.manifest.runtime not in ONNX_FILES or loaded.manifest.model != HEAD:
        sys.exit("a Space has no torch: build the bundle with runtime=onnx_half model=head")
    shutil.copytree(loaded.folder, out / "bundle")
    shutil.copytree(ROOT / "skintag", out / "skintag", ignore=LEFT_OUT)
    print(f"space: {out}, {loaded.manifest.name}, {loaded.manifest.digest[:12]}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except SkinTagError as error:
        sys.exit(f"error: {error}")
