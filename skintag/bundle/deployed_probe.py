"""The one probe that a bundle deploys: read alone, so that nothing is needed for those that lie beside it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from skintag.bundle.manifest import AGAIN
from skintag.core.errors import DataError
from skintag.core.vocabulary import FEATURES

if TYPE_CHECKING:
    from skintag.probes.base import Probe

_PACKAGES: Final = {"sklearn": "scikit-learn"}
"""Module -> what pip calls it, where that is another name."""


def read_deployed_probe(folder: Path, model: str) -> Probe:
    """The probe with this name in the predictions table, e.g. `xgboost_finetuned`.

    Args:
        folder: `probes` of a bundle.
        model: the probe's name, and after it that of the embeddings that it looks at.

    Raises:
        DataError: the bundle has no such probe, its files are damaged, or a package is missing that it is run with.
    """
    name, feature = next(
        ((model.removesuffix(f"_{f}"), f) for f in FEATURES if model.endswith(f"_{f}")), (model, "")
    )
    path = folder / feature / f"{name}.json"
    if not path.is_file():
        there = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.json"))
        found = f"no {path.name}; there are {', '.join(there) or 'no probes'}"
        raise DataError(path, expected=f"the deployed probe {model!r}", found=found, fix=AGAIN)
    try:
        return _kind(name).load(path.parent)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise DataError(
            f"probe {model!r}",
            expected="the packages that it is run with",
            found=f"no module {missing!r}",
            fix=f"pip install {_PACKAGES.get(missing, missing)}, in the version that provenance.json of the bundle says",
        ) from error


def _kind(name: str) -> type[Probe]:
    """The class of a probe: from the module of its name, where there is one, else from all."""
    import skintag.probes

    if any(module.name == name for module in iter_modules(skintag.probes.__path__)):
        for kind in vars(import_module(f"skintag.probes.{name}")).values():
            if isinstance(kind, type) and getattr(kind, "name", None) == name:
                return kind
    from skintag.bundle.probe_files import probe_kinds

    return probe_kinds()[name]
