"""The web app and what a phone needs of a bundle, as a folder for a host of files: there is no server then.

    skintag site bundle=<folder or zip> out=<new folder>

The photo is looked at on the device. The files of the bundle are those that `/bundle/` serves, and no other: never what
it was trained on, or where it came from.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from skintag.bundle.bundle import Bundle
from skintag.core.errors import ConfigError, DataError
from skintag.serving.files import Served
from skintag.serving.settings import parse
from skintag.serving.webapp import BUILT, INDEX

HEAD: Final = """usage: skintag site bundle=<folder or zip> out=<new folder>

The web app and what a phone needs of a bundle, for a host of files: the photo is looked at on the device.
web=<folder> takes another build of the web app."""
KEYS: Final = ("bundle", "out", "web")


def write_site(bundle: Bundle, out: Path, web: Path = BUILT) -> list[str]:
    """Write the site into a new folder.

    Args:
        bundle: one that a phone can run.
        out: the folder, which must not be there.
        web: the built web app.

    Returns:
        Paths of the files, sorted.

    Raises:
        ConfigError: `out` is there, or the web app was not built.
        DataError: no phone can run the bundle.
    """
    if out.exists():
        raise ConfigError(f"out={out} is there already: name a new folder")
    if not (web / INDEX).is_file():
        raise ConfigError(f"{web} holds no {INDEX}: build the web app first (make web)")
    served = Served(bundle)
    if not served.device:
        raise DataError(
            bundle.manifest.name,
            expected="an ONNX network and model/resize.onnx, which a phone can run",
            found=f"runtime {bundle.manifest.runtime}",
            fix="skintag bundle build run=<run> runtime=onnx_half",
        )
    shutil.copytree(web, out)
    # hosts of files answer unknown paths with it
    shutil.copyfile(out / INDEX, out / "404.html")
    (out / ".nojekyll").touch()
    for path in served:
        data, _ = served.get(path) or (b"", "")
        target = out / "bundle" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def main() -> None:
    """Write what the command line names.

    Raises:
        ConfigError: a key that there is not, or one missing; else as `write_site`.
    """
    if any(flag in sys.argv[1:] for flag in ("-h", "--help", "help")):
        print(HEAD)
        return
    values = parse(sys.argv[1:])
    for name in values:
        if name not in KEYS:
            raise ConfigError(f"no {name}: there are {', '.join(KEYS)}")
    for name in KEYS[:2]:
        if name not in values:
            raise ConfigError(f"{name} is not set: skintag site bundle=<bundle> out=<new folder>")
    files = write_site(Bundle.load(values["bundle"]), Path(values["out"]), Path(values.get("web", BUILT)))
    print(f"site: {values['out']} ({len(files)} files)")
