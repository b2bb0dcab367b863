"""Which of a run's probes go into its bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

from skintag.runs.folder import RunFolder
from skintag.runs.model import probes_of, recorded_features


def write_probes(run: RunFolder, folder: Path) -> list[str]:
    """Copy the probes that look at the model's own embeddings; those on the first weights' need another tower.

    Returns:
        Their names in the predictions table.
    """
    own = recorded_features(run)[0]
    names = []
    for name, (feature, probe) in probes_of(run).items():
        if feature != own:
            continue
        place = probe.folder(folder, own)
        place.mkdir(parents=True, exist_ok=True)
        for path in sorted(probe.folder(run.path / "probes", own).glob(f"{probe.name}[._]*")):
            shutil.copyfile(path, place / path.name)
        names.append(name)
    return names
