"""A small convolutional network with gates and hard swish, and a finished run to export."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from skintag.export.deployed_model import DeployedModel
from skintag.export.measure import Cost, Job
from skintag.export.settings import ExportSettings
from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Multitask
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings
from skintag.runs.folder import RunFolder

QUICK = ExportSettings(
    images=24, batch_size=16, calibration=("minmax",), calibration_images=16, search_images=16, repeats=2
)


def mobilenet(side: int) -> LesionModule:
    """MobileNetV3: squeeze-and-excitation, hard swish, batch norms that do not leave values as they are."""
    tower = BackboneSettings("mobilenetv3_small_050", image_size=side)
    made = LesionModule(tower, FinetuneSettings(), Multitask(), OptimizerSettings())
    random = torch.Generator().manual_seed(0)
    for part in made.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.1, generator=random)
            part.running_var.uniform_(0.5, 2, generator=random)
    return made.eval()


@pytest.fixture(scope="session")
def module() -> LesionModule:
    return mobilenet(32)


@pytest.fixture(scope="session")
def deployed(module: LesionModule) -> DeployedModel:
    return DeployedModel(module)


@pytest.fixture(scope="session")
def run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A copy of the finished run."""
    return RunFolder(shutil.copytree(finished_run, tmp_path_factory.mktemp("export") / "run"))


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Nothing is timed, which takes a process with torch for each file; the jobs that would have been."""
    jobs: list[Job] = []

    def measure(job: Job) -> Cost:
        jobs.append(job)
        return Cost(latency_ms=float(job.threads), memory_mb=3.0)

    monkeypatch.setattr("skintag.export.weights.measure", measure)
    return jobs
