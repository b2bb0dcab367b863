"""A run's model in other formats, each checked against the torch model and measured."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

import pandas as pd

from skintag.core.errors import DataError
from skintag.core.io import atomic_path
from skintag.core.leftovers import prefix_of
from skintag.core.vocabulary import HEAD
from skintag.evaluation.decisions.triage import TriagePolicy
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.predictions.predictions import TestPredictions, ValPredictions
from skintag.export.check import Answers, agreement
from skintag.export.deployed_model import DeployedModel
from skintag.export.formats import FORMATS, TORCH, Format, check_formats, open_runner
from skintag.export.metadata import metadata_of
from skintag.export.pictures import Pictures
from skintag.export.row import FAILED, Row
from skintag.export.settings import ExportSettings
from skintag.export.table import print_table, read_rows, write_rows
from skintag.export.teacher import teacher_row
from skintag.export.weights import bytes_of, with_cost, write_weights
from skintag.runs.folder import RunFolder

EXPORTS: Final = "exports"
DEFAULT: Final = ("onnx", "onnx_int8")


def export_run(
    folder: str | os.PathLike[str] | RunFolder,
    formats: Sequence[str] = DEFAULT,
    *,
    settings: ExportSettings | None = None,
) -> pd.DataFrame:
    """Write a run's head model into `<run>/exports/`, compare and measure each file, and print the table.

    `exports.json`, `exports.csv` and `pareto.svg`/`.png` lie beside the files. A format that fails is reported, in
    its row's `note` and on stderr; the others are written all the same. Rows of formats that were written before, from
    the same weights, are kept.

    Args:
        folder: a finished run, a student's or a teacher's.
        formats: of FORMATS.
        settings: how to quantise, compare and measure.

    Returns:
        A row per format, after those of the torch model and, where the run is a distillation, its teacher; columns
        as the fields of `skintag.export.row.Row`.

    Raises:
        ConfigError: a format that is not known, or whose library is not installed; before anything is done.
        DataError: the run's checkpoint, predictions or pictures are gone or are others now.
    """
    names = check_formats(formats)
    run = folder if isinstance(folder, RunFolder) else RunFolder(folder)
    with _Exporter(run, settings or ExportSettings()) as exporter:
        made = [exporter.row(name) for name in names]
        rows = [*exporter.baselines(), *exporter.earlier(names), *made]
        table = pd.DataFrame([asdict(row) for row in rows])
        write_rows(exporter.folder, rows, run, exporter.weights)
    print_table(rows, run, len(exporter.test))
    return table


class _Exporter:
    """One run's model, its pictures, and what the torch model says of them."""

    def __init__(self, run: RunFolder, settings: ExportSettings) -> None:
        self.run, self.settings = run, settings
        self.folder = run.path / EXPORTS
        self.module = run.module()
        self.metadata = metadata_of(self.module)
        self.weights = self.metadata["weights"]
        every = run.predictions
        self.policy: TriagePolicy = fit_triage(every.val(HEAD))
        seed = settings.seed
        self.every_val: Pictures[ValPredictions] = Pictures(run, every.val(HEAD))
        self.val = self.every_val.drawn(settings.images, seed)
        self.test: Pictures[TestPredictions] = Pictures(run, every.test(HEAD)).drawn(settings.images, seed)

    def __enter__(self) -> Self:
        self._work = TemporaryDirectory()
        self.work = Path(self._work.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.cleanup()

    @cached_property
    def model(self) -> DeployedModel:
        """What is exported."""
        return DeployedModel(self.module)

    @cached_property
    def checkpoint(self) -> Path:
        """The torch model's weights alone."""
        path = self.work / "weights.ckpt"
        write_weights(self.module, path)
        return path

    @cached_property
    def float_onnx(self) -> Path:
        """The ONNX file in float, which INT8 begins from."""
        from skintag.export.onnx_file import write_onnx

        path = self.work / "float.onnx"
        write_onnx(self.model, path, self.metadata)
        return path

    @cached_property
    def reference(self) -> Answers:
        """What the torch model says, computed here in float32."""
        return self.answers(TORCH, self.checkpoint)

    def answers(self, kind: str, path: Path) -> Answers:
        """What a file says of the val and test pictures."""
        print(f"{kind}: {len(self.val)} val and {len(self.test)} test images", file=sys.stderr)
        return Answers.of(open_runner(kind, path), self.val, self.test, self.settings.batch_size)

    def baselines(self) -> list[Row]:
        """The rows of the torch model and of the teacher."""
        row = self.compared(Row(TORCH, note="eager; size: weights alone"), self.reference)
        row = with_cost(row, TORCH, self.checkpoint, self.model.image_size, self.settings.repeats)
        teacher = teacher_row(self.run, self.val, self.test, self.settings.repeats)
        return [row] if teacher is None else [teacher, row]

    def earlier(self, now: Sequence[str]) -> list[Row]:
        """Rows of formats that are not written now, whose files are there and of the same weights."""
        rows = read_rows(self.folder, self.weights)
        return [
            row for row in rows if row.format not in now and row.file and (self.folder / row.file).exists()
        ]

    def row(self, name: str) -> Row:
        """Write, check and measure one format; what goes wrong is in the row."""
        kind = FORMATS[name]
        target = self.folder / kind.file
        _remove(target)  # a file of other weights must not be taken for this one's
        row = Row(name, target.name, note=kind.note)
        try:
            row = self.written(row, kind, target)
            row = replace(row, bytes=bytes_of(target))
            if kind.runs_here:
                row = self.compared(row, self.answers(name, target))
                row = with_cost(row, name, target, self.model.image_size, self.settings.repeats)
        except Exception as error:  # converters have errors of their own, by the dozen
            said = " ".join(str(error).split()) or type(error).__name__
            print(f"error: {name}: {said}", file=sys.stderr)
            row = replace(row, file=target.name if target.exists() else "", note=f"{FAILED}{said[:300]}")
        return row

    def written(self, row: Row, kind: type[Format], target: Path) -> Row:
        """Write the file, whole or not at all; the row with what is known from writing it."""
        self.folder.mkdir(exist_ok=True)
        # some converters look at the name's ending, so the file is written under its own name, elsewhere
        with TemporaryDirectory(dir=self.folder, prefix=prefix_of(target), suffix=".part") as folder:
            made = Path(folder) / target.name
            said = kind.write(self, made)
            with atomic_path(target) as part:
                made.replace(part)
        if said is None:
            return row
        return replace(row, note=said.note or row.note, float_layers=",".join(said.float_layers))

    def compared(self, row: Row, mine: Answers) -> Row:
        """The row with what differs from the torch model."""
        targets = (self.val.rows.target, self.test.rows.target)
        return replace(row, **asdict(agreement(mine, self.reference, targets, self.policy)))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def refuse_failures(table: pd.DataFrame, folder: object) -> None:
    """Raise DataError where a format of the table could not be written or run."""
    failed = table[table["note"].str.startswith(FAILED)]
    if len(failed):
        raise DataError(
            folder,
            expected=f"every format: {', '.join(table['format'])}",
            found="; ".join(f"{row.format} {row.note}" for row in failed.itertuples()),
            fix="see the messages above; the other formats are written",
        )
