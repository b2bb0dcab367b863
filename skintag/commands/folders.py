"""The folder of a run or sweep: its own, with what it was started with, and gone again where nothing came of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, flag_override

from skintag.core.errors import ConfigError, SkinTagError
from skintag.core.stopping import Stopped
from skintag.core.stored import write_yaml

START: Final = ".hydra"  # what the run was started with; making it claims the folder
_LAST: Final = "overrides.yaml"  # of the files in it: where it is, the others are
_PLAIN: Final = re.compile(r"[\w./:@%+-]+")  # needs no quotes in Hydra's grammar
_NOTHING: Final = "it has just begun, or was stopped before it did; then delete it"
_TRACES: Final = (".lock",)  # beside START, what a start leaves that has done nothing


class Refused(BaseException):
    """A folder is another run's. No Exception: Hydra makes a warning of what a callback raises, and goes on."""

    def __init__(self, error: ConfigError) -> None:
        super().__init__(str(error))
        self.error = error


class OwnFolder(Callback):
    """Gives each run, and each sweep, a folder of its own; a Hydra callback, see configs/hydra/default.yaml.

    Hydra names folders by the second, and takes one that is there. The further processes of a distributed run, and a
    resumed one, are given `hydra.output_subdir=null` and share the folder of the first.
    """

    sweep: Path | None = None
    """The folder of this process's sweep."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Make the run's folder."""
        _claim_for(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Make the sweep's folder."""
        _claim_for(config, "sweep")
        OwnFolder.sweep = Path(config.hydra.sweep.dir)


def _claim_for(config: DictConfig, kind: str) -> None:
    if not _is_first() or _goes_on(config, kind):
        return
    named = any(str(o).startswith(f"hydra.{kind}.dir=") for o in config.hydra.overrides.hydra)
    folder = claim(Path(config.hydra[kind].dir), named=named, kind=kind)
    with flag_override(config, ["readonly", "struct"], False):
        config.hydra[kind].dir = str(folder)
        if not named:  # jobs of a sweep are composed anew, of the overrides alone
            config.hydra.overrides.hydra.append(override_of(f"hydra.{kind}.dir", folder))


def _goes_on(config: DictConfig, kind: str) -> bool:
    if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
        return True  # requeued: the same command again, which finds its checkpoint in the folder
    hydra, task = config.hydra.overrides.hydra, config.hydra.overrides.task
    resumed = any(str(o).startswith("resume=") and o not in ("resume=", "resume=null") for o in task)
    return "hydra.output_subdir=null" in hydra or (resumed and kind == "sweep")


def claim(folder: Path, *, named: bool, kind: str = "run") -> Path:
    """Make a folder that no other process has: this one, or with `_2`, `_3`, ... behind its name.

    Args:
        folder: to make; it may be there, as long as no run has it.
        named: the user asked for this one, so it is this one or none.
        kind: `run` or `sweep`.

    Raises:
        Refused: it cannot be made; or it is named, and holds a run or a sweep.
    """
    for number in count(1):
        path = folder if number == 1 else folder.with_name(f"{folder.name}_{number}")
        # of several processes that try, one makes it; a sweep of an earlier version has Hydra's record alone
        if not (path / "multirun.yaml").exists():
            try:
                (path / START).mkdir(parents=True)
                return path
            except FileExistsError:
                pass
            except OSError as error:
                way = "name another place, paths.runs=<folder>"
                raise Refused(
                    ConfigError(f"no folder can be made at {path} ({error.strerror}): {way}")
                ) from error
        if named:
            begun = (path / START / _LAST).is_file() or (path / "multirun.yaml").exists()
            way = f"go on with it ({override_of('resume', path)})" if begun else _NOTHING
            raise Refused(
                ConfigError(f"hydra.{kind}.dir={path} holds a {kind} already: {way}, or name another folder")
            )
    raise AssertionError("numbers do not end")


@contextmanager
def run_folder(config: DictConfig, program: str, folder: Path) -> Iterator[None]:
    """Keep what a run is started with in its folder, and say at a signal how to go on with it.

    A folder in which nothing came of it, for the settings were wrong say, is removed.

    Args:
        config: of the run, composed.
        program: `train` or `distill`.
        folder: claimed, or that of a resumed run.
    """
    fresh = _is_first() and not (folder / START / _LAST).is_file()
    if fresh:
        write_start(config, folder)
    try:
        yield
    except (SkinTagError, Stopped) as error:
        left = not (fresh and _removed_if_empty(folder))
        if isinstance(error, Stopped) and left:
            error.go_on = _go_on(program, folder)
        raise


@contextmanager
def sweep_folder(program: str) -> Iterator[None]:
    """Say at a signal how to go on with the sweep, if one is run in the block."""
    try:
        yield
    except Stopped as stop:
        if OwnFolder.sweep is not None:
            stop.go_on = _go_on(program, OwnFolder.sweep)
        raise


def _go_on(program: str, folder: Path) -> str:
    return f"go on with: skintag {program} {shlex.quote(override_of('resume', folder))}"


def write_start(config: DictConfig, folder: Path) -> None:
    """Write what Hydra writes at the start of a run, each file whole or not at all, unless it is there."""
    place = folder / START
    if (place / _LAST).is_file():
        return
    hydra = HydraConfig.get()
    files = {
        "config.yaml": config,
        "hydra.yaml": HydraConfig.instance().cfg,
        _LAST: OmegaConf.create(OmegaConf.to_container(hydra.overrides.task, resolve=False)),
    }
    for name, content in files.items():
        write_yaml(content, place / name)


def override_of(key: str, path: str | os.PathLike[str]) -> str:
    """`key=path` in Hydra's grammar, whatever stands in the path."""
    text = os.fspath(path)
    if _PLAIN.fullmatch(text):
        return f"{key}={text}"
    return f"{key}={QuotedString(text.replace('${', chr(92) + '${'), Quote.single).with_quotes()}"


def _is_first() -> bool:
    """Whether this is not a further process of a distributed run."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _removed_if_empty(folder: Path) -> bool:
    """Remove the folder if it holds nothing but what a start leaves."""
    with suppress(OSError):
        if all(entry.name in (START, *_TRACES) for entry in folder.iterdir()):
            shutil.rmtree(folder)
            return True
    return False
