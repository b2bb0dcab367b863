"""A bundle's folder in miniature: what verification looks at needs no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skintag.bundle.manifest import FileEntry, Manifest


def write_small(folder: Path, **more: bytes) -> Path:
    """A folder that verifies: a few files of each kind, and its manifest; `more` by name, `__` for the slash."""
    (folder / "probes").mkdir(parents=True)
    (folder / "texts.json").write_text('{"a": 1}\n')
    (folder / "model_card.md").write_text("# Card\n")
    (folder / "probes" / "x.ubj").write_bytes(b"{" + bytes(range(256)))
    np.savez(folder / "probes" / "y.npz", a=np.arange(4))
    for name, data in more.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return sign(folder)


def sign(folder: Path) -> Path:
    """Write a manifest that agrees with whatever lies in the folder, as an attacker would."""
    (folder / "bundle.json").unlink(missing_ok=True)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = tuple(FileEntry.of(folder, path) for path in paths)
    Manifest("small", "head", "torch", "", "0", files).write(folder)
    return folder
