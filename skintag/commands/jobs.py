"""A job of a sweep as its folder tells it, and the table of how each ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from rich.table import Table

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json, write_json
from skintag.core.settings import settings_of
from skintag.core.vocabulary import HEAD

JOB: Final = "job.json"

Status = Literal["running", "stopped", "finished", "failed"]


@dataclass(frozen=True)
class Job:
    """One job of a sweep, as its folder tells it."""

    number: int
    """Counted from 0, in the order of the sweep."""
    overrides: tuple[str, ...]
    """What it was started with, less `resume`."""
    status: Status
    """`running` also where it was killed."""
    seconds: float = 0.0
    """Wall time of all its parts that came to an end."""
    value: float | None = None
    """What it returned to a search; null for nothing, or an undefined number."""
    message: str | None = None
    """First line of what went wrong."""
    process: str | None = None
    """`<machine> <number>` of the process that runs it."""

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Of a job's folder; DataError where `job.json` is no such file."""
        path = folder / JOB
        try:
            return settings_of(cls, read_json(path))
        except (OSError, ValueError, ConfigError) as error:
            raise DataError(
                path,
                expected="the record of a sweep's job",
                found=f"{type(error).__name__}: {error}",
                fix=f"delete {folder}; the job then starts anew",
            ) from error

    def write(self, folder: Path) -> None:
        """Write `job.json` into the job's folder."""
        write_json(folder / JOB, asdict(self))


def jobs_of(folder: Path) -> list[tuple[Path, Job]]:
    """The jobs below a sweep's folder by number, each with its folder."""
    found = [(path.parent, Job.read(path.parent)) for path in folder.rglob(JOB)]
    return sorted(found, key=lambda item: item[1].number)


def summary(jobs: list[tuple[Path, Job]]) -> Table:
    """Number, what sets it apart, how it ended, seconds and test AUROC of the head, job by job."""
    shared = set.intersection(*(set(job.overrides) for _, job in jobs)) if len(jobs) > 1 else set()
    table = Table(title="Jobs", caption=f"all with {', '.join(sorted(shared))}" if shared else None)
    for name in ("job", "overrides", "status", "seconds", "AUROC of head"):
        table.add_column(name, justify="right" if name in ("job", "seconds", "AUROC of head") else "left")
    for folder, job in jobs:
        status = job.status if job.status != "failed" else f"failed: {job.message}"
        own = " ".join(o for o in job.overrides if o not in shared)
        table.add_row(str(job.number), own, status, f"{job.seconds:.1f}", _headline(folder))
    return table


def _headline(folder: Path) -> str:
    """Test AUROC of the head, or of the first model if there is no head."""
    try:
        models = read_json(folder / "metrics.json")["models"]
        name = HEAD if HEAD in models else next(iter(models))
        return f"{models[name]['groups']['overall']['all']['auroc']:.3f}"
    except (DataError, OSError, ValueError, TypeError, KeyError, StopIteration):
        return ""  # not there, undefined, or no run's
