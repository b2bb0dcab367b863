"""What `resume=<folder>` stands for: the overrides that a run, or a sweep, was started with, and its folder."""

from __future__ import annotations

from collections.abc import Sequence

from skintag.commands.folders import override_of
from skintag.commands.overrides import path_in
from skintag.commands.stored_overrides import key_of, of_run
from skintag.commands.sweeps import LAST_CHECKPOINT, SWEEP
from skintag.commands.sweeps import expand_resume as resume_sweep
from skintag.core.errors import ConfigError
from skintag.runs import state


def expand_resume(arguments: Sequence[str]) -> list[str]:
    """`resume=<folder>` becomes the overrides which that run, or sweep, was started with, and its folder.

    Overrides given now come last, so they win. A run that was stopped before its first checkpoint begins anew, in its
    folder. Applying it twice changes nothing (DDP starts each further
    process with the arguments of the first).

    Raises:
        ConfigError: the folder is not a run folder, or has finished.
    """
    resumed = [a.removeprefix("resume=") for a in arguments if a.startswith("resume=")]
    resumed = [folder for folder in resumed if folder not in ("", "null")]
    if not resumed:
        return list(arguments)
    folder = path_in(f"resume={resumed[-1]}")
    if (folder / SWEEP).is_file():
        return resume_sweep(folder.absolute(), list(arguments))
    if {"-m", "--multirun"} & set(arguments):
        raise ConfigError(f"resume={folder} is not a sweep (it has no {SWEEP}): leave out -m")
    saved = folder / ".hydra" / "overrides.yaml"
    if not saved.is_file():
        raise ConfigError(
            f"resume={folder}: no run folder of SkinTag, or of a run that was stopped before it began "
            "(it has no .hydra/overrides.yaml): start it again"
        )
    if list(arguments) == [f"resume={resumed[-1]}"] and state.has(folder, state.FINISHED):
        raise ConfigError(
            f"resume={folder}: this run has finished; to train on, add what is to change, e.g. trainer.max_epochs=30"
        )
    given = [a for a in arguments if not a.startswith("resume=")]
    if (folder / LAST_CHECKPOINT).is_file():
        given.append(override_of("resume", folder))
    kept = of_run(folder, [key_of(a) for a in arguments if "=" in a or a.startswith("~")])
    # what the run was started with stays as it was written then, whatever is given now
    target = [override_of("hydra.run.dir", folder), "hydra.output_subdir=null"]
    extra = [] if any(a.startswith("hydra.run.dir=") for a in given) else target
    return [*kept, *given, *extra]
