"""How long one picture takes at batch 1 on one core: students in INT8, ONNX and torch, beside the teachers.

Question: what do INT8 and onnxruntime buy on a processor, for the students that a phone would run?
Weights are random (time does not depend on them) and the ranges of INT8 come from drawn photographs, so nothing here
says how accurate a model is; `--run` times what `skintag export` wrote of real runs instead.

    python experiments/speed/inference.py
    python experiments/speed/inference.py --compile --so400m           # a minute and 3 GB more
    python experiments/speed/inference.py --run runs/student/<date>_<time>

All rows take turns in one process bound to one core; figures are medians over rounds of a round's median.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from photos import natural_noise, paint
from rich.console import Console
from rich.table import Table

from skintag.evaluation.predictions.predictions import ValPredictions
from skintag.export.deployed_model import DeployedModel
from skintag.export.formats import FORMATS, open_runner
from skintag.export.int8 import write_int8
from skintag.export.onnx_file import write_onnx
from skintag.export.pictures import Pictures
from skintag.export.settings import ExportSettings
from skintag.export.weights import bytes_of, write_weights
from skintag.models.head import HeadSettings
from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Multitask
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.runs.folder import RunFolder

STUDENTS = ("mobilenetv3_large_100", "efficientnet_b0")
TEACHER, LARGE = "tf_efficientnet_lite0", "vit_so400m_patch14_siglip_384"
BASE = "mobilenetv3_large_100"


@dataclass(frozen=True)
class Timed:
    """One row: what runs one picture, and how."""

    model: str
    """Name and image size."""
    runtime: str
    """How it is run."""
    megabytes: float
    """Size of its file, 10^6 bytes."""
    step: Callable[[], object]
    """Runs one picture."""


class Photos(Pictures[ValPredictions]):
    """Drawn photographs in place of a run's val pictures."""

    side: ClassVar[int] = 224

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        rng = np.random.default_rng(0)
        texture = natural_noise(512, rng)
        made = [cv2.resize(paint(texture, rng), (self.side, self.side)) for _ in self.image_ids]
        for start in range(0, len(made), size):
            yield np.stack(made[start : start + size])


def photos(n: int, side: int) -> Photos:
    """`n` photographs of `side` x `side` pixels, every other one malignant."""
    names = [f"photo/{i}" for i in range(n)]
    frame = pd.DataFrame({"image_id": names, "split": "val", "model": "head", "target": np.arange(n) % 2})
    Photos.side = side
    return Photos(None, ValPredictions(frame, "head"))  # type: ignore[arg-type]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=224, help="pixels, of students and the small teacher")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=10, help="timed runs of a row in a round")
    parser.add_argument("--compile", action="store_true", help="torch.compile of the first student too")
    parser.add_argument("--so400m", action="store_true", help=f"{LARGE} at 384 px too")
    parser.add_argument("--run", nargs="+", type=Path, default=[], help="run folders with exports")
    return parser.parse_args()


def one_core() -> None:
    """Bind this process to one core, and torch to one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    torch.set_num_threads(1)


def build(name: str, size: int) -> LesionModule:
    """A model with random weights, as students are made: MobileNetV3 without the convolution behind its blocks."""
    features = "blocks" if name.startswith("mobilenetv3") else "final"
    backbone = BackboneSettings(name, image_size=size, features=features)
    head = HeadSettings(hidden=128)
    return LesionModule(backbone, FinetuneSettings(), Multitask(), OptimizerSettings(), head=head).eval()


def timed_file(model: str, kind: str, path: Path, size: int, runtime: str) -> Timed:
    """A row of a file."""
    runner = open_runner(kind, path, threads=1)
    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    return Timed(f"{model}, {size} px", runtime, bytes_of(path) / 1e6, lambda: runner(picture))


def torch_row(name: str, size: int, folder: Path) -> Timed:
    """A model in torch, eager."""
    path = folder / f"{name}.ckpt"
    write_weights(build(name, size), path)
    return timed_file(name, "torch", path, size, "torch eager")


def compiled_row(name: str, size: int) -> Timed:
    """A model through torch.compile."""
    model = torch.compile(DeployedModel(build(name, size)))
    picture = torch.randint(0, 256, (1, size, size, 3), dtype=torch.uint8)

    def step() -> object:
        with torch.inference_mode():
            return model(picture)

    return Timed(f"{name}, {size} px", "torch.compile", float("nan"), step)


def student_rows(name: str, size: int, folder: Path) -> list[Timed]:
    """A student in INT8, ONNX and torch."""
    whole, small = folder / f"{name}.onnx", folder / f"{name}_int8.onnx"
    write_onnx(DeployedModel(build(name, size)), whole, {})
    settings = ExportSettings(
        calibration=("minmax",), calibration_images=16, search_images=8, float_layers=()
    )
    write_int8(whole, small, photos(24, size), settings, {})
    return [
        timed_file(name, "onnx_int8", small, size, "ONNX INT8"),
        timed_file(name, "onnx", whole, size, "ONNX float32"),
        torch_row(name, size, folder),
    ]


def run_rows(folder: Path) -> list[Timed]:
    """What was exported of a real run, as far as it runs here."""
    module = RunFolder(folder).module()
    size = module.backbone.settings.image_size
    name = f"{folder.name} ({module.backbone.settings.name})"
    files = {kind: folder / "exports" / of.file for kind, of in FORMATS.items() if of.runs_here}
    return [timed_file(name, kind, path, size, kind) for kind, path in files.items() if path.exists()]


def take_turns(rows: list[Timed], rounds: int, runs: int) -> NDArray[np.float64]:
    """Milliseconds [rows, rounds]: the median of a round's runs."""
    for row in rows:
        for _ in range(3):
            row.step()
    found = np.empty((len(rows), rounds))
    for turn in range(rounds):
        for i, row in enumerate(rows):
            seconds = []
            for _ in range(runs):
                start = time.perf_counter()
                row.step()
                seconds.append(time.perf_counter() - start)
            found[i, turn] = 1000 * statistics.median(seconds)
    return found


def main() -> None:
    """Build, time and print."""
    options = parse()
    one_core()
    with TemporaryDirectory() as name:
        folder, rows = Path(name), []
        for run in options.run:
            rows += run_rows(run)
        for student in STUDENTS:
            rows += student_rows(student, options.size, folder)
            if options.compile and student == BASE:
                rows.append(compiled_row(student, options.size))
        rows.append(torch_row(TEACHER, options.size, folder))
        if options.so400m:
            rows.append(torch_row(LARGE, 384, folder))
        found = take_turns(rows, options.rounds, options.runs)
    eager = next(
        i for i, row in enumerate(rows) if row.runtime == "torch eager" and row.model.startswith(BASE)
    )
    title = f"batch 1, one core, {options.rounds} rounds of {options.runs}; random weights unless from a run"
    table = Table(title=title, title_justify="left")
    for heading in ("model", "runtime", "MB", "ms", "min - max", f"of {BASE} in torch"):
        table.add_column(heading, justify="left" if heading in ("model", "runtime") else "right")
    for row, ms in zip(rows, found, strict=True):
        size = "—" if row.megabytes != row.megabytes else f"{row.megabytes:.2f}"
        share = np.median(ms / found[eager])
        spread = f"{ms.min():.1f} - {ms.max():.1f}"
        table.add_row(row.model, row.runtime, size, f"{np.median(ms):.2f}", spread, f"{share:.2f}")
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
