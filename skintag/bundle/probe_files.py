"""The fitted probes of a bundle, found by the files that are there; only SkinTag's own kinds are read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skintag.core.vocabulary import FEATURES
from skintag.runs.model import probes_of, recorded_features

if TYPE_CHECKING:
    from skintag.probes.base import Probe
    from skintag.runs.folder import RunFolder

_MAJORITY: Final = "majority"


def probe_kinds() -> dict[str, type[Probe]]:
    """Name of a probe's files -> its class."""
    from skintag.probes.logistic import LogisticProbe
    from skintag.probes.majority import MajorityProbe
    from skintag.probes.mlp import MLPProbe
    from skintag.probes.xgboost import XGBoostProbe

    return {kind.name: kind for kind in (MajorityProbe, LogisticProbe, MLPProbe, XGBoostProbe)}


def read_probes(folder: Path) -> dict[str, Probe]:
    """Name in the predictions table -> probe; empty where the bundle has none.

    Raises:
        DataError: a probe's files are damaged.
    """
    found: dict[str, Probe] = {}
    features = [feature for feature in FEATURES if (folder / feature).is_dir()]
    for name, kind in probe_kinds().items():
        if name == _MAJORITY and (folder / f"{name}.json").is_file():
            found[name] = kind.load(folder)
        for feature in features:
            if (folder / feature / f"{name}.json").is_file():
                found[f"{name}_{feature}"] = kind.load(folder / feature)
    return found


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
        below = "" if probe.name == _MAJORITY else own
        (folder / below).mkdir(parents=True, exist_ok=True)
        for path in sorted((run.path / "probes" / below).glob(f"{probe.name}[._]*")):
            shutil.copyfile(path, folder / below / path.name)
        names.append(name)
    return names
