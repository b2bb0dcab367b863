"""`skintag distill teacher=<run folder> student=mobilenet_v3_large`: a small student from a trained teacher."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from skintag.commands.cli import is_alone, run_command
from skintag.commands.students import expand_student
from skintag.core.errors import ConfigError
from skintag.core.io import read_json
from skintag.core.stored import read_yaml, write_yaml
from skintag.runs import state

if TYPE_CHECKING:
    from skintag.training.results import RunResult

# what a student takes over from its teacher's run, unless it is told otherwise
INHERITED: Final = ("data", "labels", "split", "split_seed", "train_on", "balance")


def distill_from(
    config: DictConfig, folder: Path, given: Sequence[str] = (), *, alone: bool = True
) -> RunResult | None:
    """Train the student that a composed configuration describes; None on further processes.

    Args:
        config: `configs/distill.yaml`, composed.
        folder: the run folder.
        given: the overrides of the command line; what is among them is not taken over from the teacher.
        alone: whether this is no job of a sweep.

    Raises:
        ConfigError: no such teacher, one that has seen the student's test images, or a format that is unknown or
            cannot be made here: all before any training.
    """
    from skintag.core.config import instantiate
    from skintag.distillation.run import DistillSettings, distill
    from skintag.distillation.source import teacher_source
    from skintag.export.formats import check_formats
    from skintag.runs.settings import RunSettings
    from skintag.training.unfinished import scored_before

    distillation = instantiate(config.distillation)
    formats = check_formats(config.export) if config.export else ()
    source = teacher_source(teacher_path(config, folder), distillation.teacher)
    if source.config is None and not any(o.lstrip("+~").startswith("data") for o in given):
        raise ConfigError(
            f"teacher={config.teacher} is a bundle, which does not say where its data lie: give the data (data=...), "
            "and labels, split and balance where they are not the default"
        )
    config = inherit(config, source.config, given)
    settings = DistillSettings(RunSettings.of(config), distillation, formats, bool(config.bundle))
    # further processes of a distributed run find it written, and so does a run of which only the end is missing
    if os.environ.get("LOCAL_RANK", "0") == "0" and not scored_before(settings.run, folder):
        state.forget_scores(folder)  # other settings: it is trained on
        save_config(config, folder, source.choices, given)
    return distill(settings, source, folder, alone=alone)


def task(config: DictConfig) -> float | None:
    """One student; returns what a search maximises. The imports wait until the configuration is known to be good."""
    from skintag.core.config import instantiate, plain
    from skintag.runs.training_settings import PlainSettings

    PlainSettings.check(plain(config))
    if not config.resume and not Path(str(config.teacher)).exists():
        raise ConfigError(f"teacher={config.teacher}: no such run folder or bundle")
    selection = instantiate(config.select)
    hydra = HydraConfig.get()
    folder, given = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    result = distill_from(config, folder, given, alone=is_alone())
    return None if result is None else selection.for_search(result.predictions)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("distill", task, expand_student, command=command)


def teacher_path(config: DictConfig, folder: Path) -> str:
    """Where the teacher lies; a resumed run may be started in another folder than it was the first time."""
    written = folder / "distillation.json"
    if not Path(config.teacher).exists() and written.is_file():
        return str(read_json(written)["teacher"])
    return str(config.teacher)


def inherit(config: DictConfig, teacher: DictConfig | None, overrides: Sequence[str]) -> DictConfig:
    """The student's configuration with the teacher's data, labels, split and balance, where none were given.

    Args:
        config: the student's.
        teacher: the teacher's, with absolute paths; None: nothing is known of it.
        overrides: of the command line; a group or a value that is among them stays as it is.
    """
    if teacher is None:
        return config
    keys = [o.split("=", 1)[0].lstrip("+~") for o in overrides]
    made = config.copy()
    with open_dict(made):
        for name in INHERITED:
            if name in keys or name not in teacher:
                continue
            made[name] = teacher[name]
            for override in (o for o in overrides if o.lstrip("+~").startswith(f"{name}.")):
                key = override.split("=", 1)[0].lstrip("+~")
                if override.startswith("~"):
                    parent, _, last = key.rpartition(".")
                    OmegaConf.select(made, parent).pop(last, None)
                else:
                    OmegaConf.update(made, key, OmegaConf.select(config, key), force_add=True)
        if "fit" in teacher and "loader.fit" not in keys:
            made.loader.fit = teacher.fit
    return made


def save_config(config: DictConfig, folder: Path, choices: Mapping[str, str], given: Sequence[str]) -> None:
    """Write the configuration that counts over the one that Hydra wrote, which knows nothing of the teacher's.

    Args:
        config: the student's, complete.
        folder: its run folder.
        choices: group -> name of the teacher's choice; they become the student's where it took the group over.
        given: the overrides of the command line.
    """
    path = folder / ".hydra" / "config.yaml"
    write_yaml(config, path)
    said = path.with_name("hydra.yaml")
    if not said.is_file():
        return
    keys = [o.split("=", 1)[0].lstrip("+~") for o in given]
    hydra = OmegaConf.create(read_yaml(said))  # as it is written: nothing in it is resolved
    for name in INHERITED:
        if name in choices and name not in keys:
            OmegaConf.update(hydra, f"hydra.runtime.choices.{name}", choices[name], force_add=True)
    write_yaml(hydra, said)
