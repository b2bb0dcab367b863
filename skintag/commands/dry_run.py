"""`dry_run=true`: what a run would do, or which jobs a sweep has, with their time and disk; nothing is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from skintag.commands.help import hydra_of_our_own
from skintag.commands.jobs import jobs_of as jobs_below
from skintag.commands.overrides import parsed, path_in
from skintag.commands.sweep_jobs import Jobs, jobs_of
from skintag.core.errors import ConfigError, SkinTagError

if TYPE_CHECKING:
    from skintag.runs.settings import RunSettings
    from skintag.training.plan import Plan, Planner

KEY: Final = "dry_run"


@dataclass(frozen=True)
class Planned:
    """A job, and what it would take or end with."""

    overrides: tuple[str, ...]
    plan: Plan | None
    error: str = ""
    """What it would end with; its first line."""
    finished: bool = False
    """Whether it has finished before, in a sweep that is gone on with."""


def is_asked(arguments: Sequence[str]) -> bool:
    """Whether the command line says `dry_run=true`.

    Raises:
        ConfigError: another value than true or false, such as a sweep over both.
    """
    given = [o for o in map(parsed, arguments) if o is not None and o.key_or_group == KEY]
    value = given[-1].value() if given else False
    if not isinstance(value, bool):
        raise ConfigError(f"{given[-1].input_line}: expected {KEY}=true or {KEY}=false")
    return value


def dry_run(folder: Path, config_name: str, arguments: Sequence[str]) -> bool:
    """Print what the command line would do.

    Args:
        folder: of the configurations.
        config_name: of the command.
        arguments: of the command line, prepared for Hydra.

    Returns:
        Whether each job could start.

    Raises:
        ConfigError, DataError, HydraException: what a single run would end with.
    """
    if config_name != "train":
        raise ConfigError(
            f"{KEY}=true: skintag {config_name} has none; most of its settings are its teacher's"
        )
    given = get_args_parser().parse_known_args(list(arguments))[0]
    overrides = [o for o in given.overrides if (p := parsed(o)) is None or p.key_or_group != KEY]
    if given.config_dir:
        overrides.append(f"hydra.searchpath=[file://{Path(given.config_dir).absolute()}]")
    with hydra_of_our_own(folder):
        jobs = jobs_of(config_name, overrides, multirun=bool(given.multirun))
        if not jobs.multirun:
            _single(hydra.compose(config_name, overrides=list(jobs.overrides[0])))
            return True
        return _sweep(config_name, jobs)


def _single(config: DictConfig) -> None:
    settings = _settings(config)
    from skintag.core.console import readable_console
    from skintag.data.view.summary import view_summary
    from skintag.training.plan import Planner

    planner = Planner()
    plan = planner.plan(settings)
    view = planner.view(settings)
    console = readable_console()
    if view is not None:
        console.print(view_summary(view))
        console.print(view.audit.table())
    print("\n".join([*_steps(settings, plan), *_total([Planned((), plan)], planner, settings)]))


def _steps(settings: RunSettings, plan: Plan) -> list[str]:
    """What the run would do, a line each."""
    drawn = "draws the benchmark and prepares it" if settings.data.synthetic else "prepares the raw folders"
    weights = f"{plan.learns:,} of {plan.weights:,} weights of {settings.backbone.name}"
    epochs = settings.trainer.max_epochs
    steps = [
        f"data: {settings.data.name}" + (f", first {drawn}" if plan.images is None else ""),
        f"trains {weights} at {settings.backbone.image_size} px, {epochs} epochs at most"
        if settings.fit
        else f"trains nothing; scores {settings.ckpt_path or 'its probes'}",
        f"probes: {', '.join(settings.probes) or 'none'}",
    ]
    if settings.resume:
        steps.append(f"goes on with {settings.resume}; the figures below are those of the whole run")
    return steps


def _sweep(name: str, jobs: Jobs) -> bool:
    from skintag.training.plan import Planner

    planner, planned = Planner(), []
    settings: RunSettings | None = None
    before = _finished(jobs)
    for number, overrides in enumerate(jobs.overrides):
        if number in before:
            planned.append(Planned(overrides, None, finished=True))
            continue
        try:
            settings = _settings(hydra.compose(name, overrides=list(overrides)))
            planned.append(Planned(overrides, planner.plan(settings)))
        except (SkinTagError, HydraException, OmegaConfBaseException) as error:
            planned.append(Planned(overrides, None, str(error).splitlines()[0]))
    from skintag.core.console import readable_console

    width = shutil.get_terminal_size((140, 24)).columns if sys.stdout.isatty() else 140
    readable_console(width=width).print(_table(planned, jobs))
    if settings is not None:
        print("\n".join(_total(planned, planner, settings, jobs.trials)))
    failed = sum(bool(job.error) for job in planned)
    if failed:
        print(f"{failed} of {len(planned)} jobs would fail", file=sys.stderr)
    return not failed


def _finished(jobs: Jobs) -> set[int]:
    """Numbers of the jobs that a sweep which is gone on with has finished."""
    given = [path_in(o) for o in jobs.overrides[0] if o.startswith("resume=") and o != "resume=null"]
    return {job.number for folder in given for _, job in jobs_below(folder) if job.status == "finished"}


def _settings(config: DictConfig) -> RunSettings:
    """The typed settings of a job. Raises ConfigError."""
    from skintag.runs.settings import RunSettings

    return RunSettings.of(config)


def _table(planned: Sequence[Planned], jobs: Jobs) -> Any:
    from rich.table import Table

    from skintag.training.preflight import duration

    shared = set.intersection(*(set(job.overrides) for job in planned)) if len(planned) > 1 else set[str]()
    title = (
        "Jobs" if jobs.trials is None else f"A search of {jobs.trials} jobs, which chooses the other settings"
    )
    table = Table(title=title, title_justify="left")
    if shared:
        table.caption, table.caption_justify = f"all with {', '.join(sorted(shared))}", "left"
    for column in ("job", "settings", "train/val/test", "time", "disk"):
        table.add_column(column, justify="left" if column == "settings" else "right", overflow="fold")
    for number, job in enumerate(planned):
        own = " ".join(o for o in job.overrides if o not in shared) or "–"
        if job.finished:
            table.add_row(str(number), f"{_escaped(own)} (finished before)", "–", "–", "–")
            continue
        if job.plan is None:
            table.add_row(
                str(number), f"{_escaped(own)}\n[red]would fail:[/] {_escaped(job.error)}", "–", "–", "–"
            )
            continue
        images = "–" if job.plan.images is None else "/".join(f"{n:,}" for n in job.plan.images)
        seconds = "–" if job.plan.seconds is None else duration(job.plan.seconds)
        table.add_row(str(number), _escaped(own), images, seconds, _size(job.plan.folder))
    return table


def _total(
    planned: Sequence[Planned], planner: Planner, settings: RunSettings, trials: int | None = None
) -> list[str]:
    """Time and disk of all jobs, and what they do not count."""
    from skintag.training.plan import on_gpu
    from skintag.training.preflight import duration

    plans = [job.plan for job in planned if job.plan is not None]
    times = trials or 1  # of a search one job stands for all
    jobs = f"{len(plans) * times} jobs, one after another" if len(plans) * times > 1 else "one run"
    backbones = "1 backbone" if planner.timed == 1 else f"{planner.timed} backbones"
    known = [plan.seconds for plan in plans if plan.seconds is not None]
    if on_gpu(settings):
        time = "not estimated on a GPU"
    elif len(known) < len(plans) or not plans:
        time = "not known before the data are prepared (skintag prepare)"
    else:
        time = (
            f"about {duration(times * sum(known))} on this processor ({backbones} timed on two images; "
            "probes, robustness and reports come on top)"
        )
    kept: dict[str, int] = {}
    for plan in plans:
        kept |= plan.kept
    runs, cache = times * sum(plan.folder for plan in plans), sum(kept.values())
    return [
        f"time of {jobs}: {time}",
        f"disk: {_size(runs)} below {settings.paths.runs} ({_size(_free(settings.paths.runs))} free), "
        f"at most {_size(cache)} below {settings.paths.cache} ({_size(_free(settings.paths.cache))} free)",
        f"nothing was started: leave out {KEY}=true",
    ]


def _free(folder: str) -> int:
    place = Path(folder).absolute()
    return shutil.disk_usage(next(parent for parent in (place, *place.parents) if parent.exists())).free


def _size(number: float) -> str:
    """`12 MB`, `3.4 GB`."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{max(number / 1e6, 0):,.0f} MB"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
