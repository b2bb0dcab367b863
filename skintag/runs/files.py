"""The files of a finished run's folder: its configuration, and what it wrote. No code in them is run."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.core.config import with_present_targets
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.io import read_json
from skintag.core.parquet import read_parquet
from skintag.core.stored import check_address, check_growth, read_yaml, without_reach
from skintag.evaluation.decisions.thresholds import Threshold, read_thresholds
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.state import SCORES, STATE, has

if TYPE_CHECKING:
    from skintag.runs.settings import RunSettings

PREDICTIONS: Final = "predictions.parquet"
ROBUSTNESS: Final = "robustness.parquet"
_SCORED: Final = (PREDICTIONS, "thresholds.json", "metrics.json", "provenance.json")  # whole together


class RunFiles:
    """What a run wrote; each part is read when it is first asked for, and then kept.

    Relative paths in the run's configuration are relative to the folder that the run was started in, which
    Hydra wrote down; what is not there is looked for below the present folder.

    Args:
        path: the run folder.
        config: the run's configuration where the folder has none.
        prepared: the prepared folder, where it is no longer where the run found it.
        cache: as `prepared`, the folder that holds the embedding store.

    Raises:
        DataError: there is no such folder. A part that is missing is said when it is asked for.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        config: DictConfig | None = None,
        *,
        prepared: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._config, self._prepared, self._cache = config, prepared, cache
        if not self.path.is_dir():
            raise DataError(
                path,
                expected="a run folder",
                found="no such folder",
                fix="train one with skintag train, or check the path",
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @cached_property
    def config(self) -> DictConfig:
        """The run's composed configuration, interpolations unresolved."""
        if self._config is not None:
            return self._config
        path = self.file(".hydra/config.yaml", "skintag train, when it starts")
        values = read_yaml(path)
        if not isinstance(values, dict):
            raise _unreadable(path, "a configuration in YAML", TypeError("a list"))
        plain = without_reach(with_present_targets(values))
        check_growth(plain, path)
        return OmegaConf.create(plain)

    @cached_property
    def _runtime(self) -> dict[str, Any]:
        """What Hydra wrote about the start of the run; empty where it did not start it."""
        path = self.path / ".hydra" / "hydra.yaml"
        values = read_yaml(path) if path.is_file() else {}
        for name in ("hydra", "runtime"):
            values = values.get(name) if isinstance(values, dict) else None
        return values if isinstance(values, dict) else {}

    @cached_property
    def settings(self) -> RunSettings:
        """What the run's view, data and model are made from. Raises ConfigError where the file does not say."""
        # with torch, which a look at the figures does not need
        from skintag.runs.groups import recorded_backbone
        from skintag.runs.settings import RunSettings
        from skintag.runs.split_file import with_split_of

        try:
            settings = RunSettings.of_run(self.config, recorded_backbone(self.path))
            return with_split_of(settings, self.path, self.resolved(getattr(settings.split, "path", "")))
        except (ConfigError, OmegaConfBaseException) as error:
            raise ConfigError(f"{self.path / '.hydra/config.yaml'}: {error}") from error

    @property
    def prepared(self) -> Path:
        """The prepared folder that the run read; may be gone."""
        return Path(self._prepared) if self._prepared else self.resolved(self.setting("data.prepared"))

    @property
    def cache(self) -> Path:
        """The folder of the embedding store; may be gone."""
        return Path(self._cache) if self._cache else self.resolved(self.setting("paths.cache"))

    @property
    def url(self) -> str | None:
        """Where the shards lie, if not in the prepared folder. Raises DataError for an address that nobody allowed."""
        url = OmegaConf.select(self.config, "loader.url")
        check_address(None if url is None else str(url), self.path / ".hydra/config.yaml")
        return None if url is None else str(url)

    @property
    def name(self) -> str:
        """Name of the experiment that the run is of."""
        return str(self.setting("name"))

    @property
    def seed(self) -> int:
        """Seed that the training was started with."""
        return int(self.setting("seed"))

    @property
    def choices(self) -> dict[str, str]:
        """Group of the configuration -> name of what was chosen, as Hydra wrote them down; empty where it did not."""
        chosen = self._runtime.get("choices")
        if not isinstance(chosen, dict):
            return {}
        return {str(group): str(name) for group, name in chosen.items() if name is not None}

    @property
    def split(self) -> str:
        """Name of the split policy, e.g. `grouped`."""
        chosen = self.choices.get("split")
        kind = str(self.setting("split._target_")).rpartition(".")[2]
        return str(chosen or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower())

    @property
    def label(self) -> str:
        """What tables and legends call the run, e.g. `multi_balanced seed 0 grouped`."""
        return f"{self.name} seed {self.seed} {self.split}"

    def setting(self, key: str) -> Any:
        """The value at a dotted key of the configuration, resolved.

        Raises:
            DataError: there is no such key, or it refers to one that there is not.
        """
        try:
            value = OmegaConf.select(self.config, key, throw_on_missing=True, default=...)
        except OmegaConfBaseException as error:
            raise _unreadable(self.path / ".hydra/config.yaml", f"a value of {key}", error) from error
        if value is ...:
            raise _unreadable(self.path / ".hydra/config.yaml", f"a value of {key}", KeyError(key))
        return value

    def resolved(self, path: str | os.PathLike[str]) -> Path:
        """A path out of the configuration: below the folder the run was started in, or the present one."""
        start = Path(str(self._runtime.get("cwd") or Path.cwd()))
        places = [start / path, Path.cwd() / path]
        return next((place for place in places if place.exists()), places[0])

    @cached_property
    def predictions(self) -> Predictions:
        """Val and test rows of every model of the run."""
        return Predictions.read(self.file(PREDICTIONS, "skintag train, when it ends"))

    @cached_property
    def thresholds(self) -> dict[str, Threshold]:
        """The run's own decision threshold of each model, fitted on val."""
        return read_thresholds(self.file("thresholds.json", "skintag train, when it ends"))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """`metrics.json`: test metrics of every model and group."""
        return self._json("metrics.json", "skintag train or skintag evaluate")

    @cached_property
    def audit(self) -> dict[str, Any]:
        """What train, val and test share: `leakage_audit.json`."""
        return self._json("leakage_audit.json", "skintag train, before it trains")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Commit, versions, data, machine, seconds per stage: `provenance.json`."""
        return self._json("provenance.json", "skintag train, when it ends")

    @property
    def caption(self) -> str:
        """What has to stand beside every figure: synthetic or low-resolution pictures; empty if neither."""
        return str(self.provenance.get("data", {}).get("note") or "")

    @cached_property
    def robustness(self) -> pd.DataFrame:
        """Scores of distorted test images: columns of the predictions table, `distortion` and `severity`."""
        command = f"skintag robustness run={self.path}"
        path = self.file(ROBUSTNESS, command)
        try:
            return read_parquet(path)
        except (OSError, ValueError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                path,
                expected="a parquet file that is whole",
                found=said,
                fix=f"remove it and write it again: {command}",
            ) from error

    def file(self, name: str, written_by: str) -> Path:
        """The path of a file of the folder; DataError says what writes it, where it is missing."""
        path = self.path / name
        whole = name not in _SCORED or not (self.path / STATE).is_file() or has(self.path, SCORES)
        if whole and path.is_file():
            return path
        fix = f"{written_by} writes it"
        lost = not (self.path / PREDICTIONS).is_file() and (self.path / "checkpoints" / "last.ckpt").is_file()
        if lost or not whole:
            program = "distill" if (self.path / "distillation.json").is_file() else "train"
            fix = f"the run was stopped; go on with it: skintag {program} resume={self.path}"
        inside = first_few([entry.name for entry in sorted(self.path.iterdir())])
        raise DataError(
            path,
            expected="a run folder with this file",
            found=f"{'none' if whole else 'one of an unfinished run'}; there are {inside or 'no files'}",
            fix=fix,
        )

    def _json(self, name: str, written_by: str) -> dict[str, Any]:
        path = self.file(name, written_by)
        try:
            return dict(read_json(path))
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(path, "a JSON object", error) from error


def _unreadable(path: Path, expected: str, error: Exception) -> DataError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(path, expected=expected, found=said, fix="restore the file, or run skintag train again")
