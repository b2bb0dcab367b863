"""`skintag export run=<folder> formats=[onnx,onnx_int8]`: a run's model in other formats."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.settings import settings_of
from skintag.export.formats import check_formats
from skintag.export.settings import ExportSettings


def task(config: DictConfig) -> None:
    """Export the run that `config.run` names.

    Raises:
        ConfigError: a format or setting that makes no sense, or a library that is not installed.
        DataError: the run cannot be read, or a format could not be written.
    """
    values = plain(config)
    folder, formats, prepared = (values.pop(name) for name in ("run", "formats", "prepared"))
    formats = check_formats(formats)
    settings = settings_of(ExportSettings, values)
    from skintag.export.run import export_run, refuse_failures
    from skintag.runs.folder import RunFolder

    run = RunFolder(folder, prepared=prepared)
    table = export_run(run, formats, settings=settings)
    print(f"exports: {run.path / 'exports'}")
    refuse_failures(table[table["format"].isin(formats)], run.path / "exports")


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("export", task, command=command)
