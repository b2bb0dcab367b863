"""`python -m skintag.export run=<folder> formats=[onnx,onnx_int8]`: a run's model in other formats."""

from __future__ import annotations

from dataclasses import fields

from omegaconf import DictConfig, OmegaConf

from skintag.cli import run_command
from skintag.export.formats import check_formats
from skintag.export.settings import ExportSettings


def main(config: DictConfig) -> None:
    """Export the run that `config.run` names.

    Raises:
        ConfigError: a format or setting that makes no sense, or a library that is not installed.
        DataError: the run cannot be read, or a format could not be written.
    """
    formats = check_formats(config.formats)
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    settings = ExportSettings(**{field.name: values[field.name] for field in fields(ExportSettings)})
    from skintag.export.run import export_run, refuse_failures
    from skintag.run_folder import RunFolder

    run = RunFolder(config.run, prepared=config.prepared)
    table = export_run(run, formats, settings=settings)
    print(f"exports: {run.path / 'exports'}")
    refuse_failures(table[table["format"].isin(formats)], run.path / "exports")


if __name__ == "__main__":
    run_command("export", main)
