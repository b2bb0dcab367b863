"""Formats: every one is known by its file alone, and runs as torch does, as far as its libraries are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import skintag.export.formats
from skintag.core.errors import ConfigError
from skintag.export import export_run
from skintag.export.deployed_model import DeployedModel
from skintag.export.formats import FORMATS, check_formats, open_runner
from skintag.export.measure import Cost, Job, measure
from skintag.runs.folder import RunFolder
from tests.export.conftest import QUICK

OWN = '''
"""A format as a stranger would add it: the float ONNX file under another name."""

import shutil

from skintag.export.formats.base import Format, Written


class Twin(Format):
    """The same file again."""

    name = "twin"
    file = "twin.onnx"
    runtime = ("onnxruntime",)
    note = "as it came"

    @staticmethod
    def write(material, path):
        shutil.copyfile(material.float_onnx, path)
        return Written(note="copied", float_layers=("all",))

    @staticmethod
    def open(path, threads):
        from skintag.bundle.runtime import OnnxRuntime

        return OnnxRuntime(path, threads)
'''


def material(deployed: DeployedModel) -> Any:
    return SimpleNamespace(model=deployed)


def assert_agrees(kind: str, path: Path, deployed: DeployedModel, n: int) -> None:
    images = np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    scores = open_runner(kind, path)(images)
    with torch.inference_mode():
        malignant, conditions, embedding = deployed(torch.from_numpy(images))
    np.testing.assert_allclose(scores.malignant, malignant, atol=1e-4)
    assert scores.conditions is not None
    np.testing.assert_allclose(scores.conditions, conditions, atol=1e-4)
    assert scores.embeddings is not None
    np.testing.assert_allclose(scores.embeddings, embedding, atol=1e-3)


@pytest.mark.long
def test_torch_export_takes_any_batch(deployed: DeployedModel, tmp_path: Path) -> None:
    FORMATS["torch_export"].write(material(deployed), tmp_path / "model.pt2")
    for n in (1, 3):
        assert_agrees("torch_export", tmp_path / "model.pt2", deployed, n)


@pytest.mark.long
def test_executorch_agrees_with_torch(deployed: DeployedModel, tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    FORMATS["executorch"].write(material(deployed), tmp_path / "model.pte")
    assert_agrees("executorch", tmp_path / "model.pte", deployed, 3)


@pytest.mark.long
def test_core_ml_takes_an_image(deployed: DeployedModel, tmp_path: Path) -> None:
    coremltools = pytest.importorskip("coremltools")
    FORMATS["coreml"].write(material(deployed), tmp_path / "model.mlpackage")
    spec = coremltools.utils.load_spec(str(tmp_path / "model.mlpackage"))
    (image,) = spec.description.input
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == ("image", 32, 32)
    assert [output.name for output in spec.description.output] == list(deployed.output_names)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_says_what_it_writes_and_runs_it_or_says_why_not(name: str) -> None:
    kind = FORMATS[name]
    assert (kind.name, Path(kind.file).stem.startswith("model")) == (name, True)
    assert kind.runs_here == (kind.open is not skintag.export.formats.Format.open)
    assert kind.runs_here or kind.note
    assert len({FORMATS[other].file for other in FORMATS}) == len(FORMATS)


def test_formats_are_named_without_waiting_for_torch() -> None:
    program = (
        "import sys; from skintag.export.formats import FORMATS; kinds = [FORMATS[name] for name in FORMATS]; "
        "print(len(kinds), sorted({'torch', 'onnx', 'pandas', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(FORMATS)} []"


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Path]:
    """A folder of formats beside SkinTag's own, with one new file in it."""
    folder = tmp_path / "more_formats"
    folder.mkdir()
    (folder / "twin.py").write_text(OWN)
    skintag.export.formats.__path__.append(str(folder))
    yield folder
    skintag.export.formats.__path__.remove(str(folder))
    sys.modules.pop("skintag.export.formats.twin", None)
    FORMATS._classes.pop("twin", None)


@pytest.mark.long
def test_one_new_file_is_a_new_format(
    run: RunFolder, twin: Path, tmp_path: Path, unmeasured: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_formats(["twin"]) == ("twin",)
    with pytest.raises(ConfigError, match="did you mean 'twin'"):
        check_formats(["twins"])
    folder = shutil.copytree(run.path, tmp_path / "run")
    row = export_run(folder, ["twin"], settings=replace(QUICK, images=8)).set_index("format").loc["twin"]
    assert (row["file"], row["note"], row["float_layers"]) == ("twin.onnx", "copied", "all")
    assert row["max_difference"] < 1e-4
    assert row["bytes"] == (folder / "exports" / "twin.onnx").stat().st_size
    assert {job.kind for job in unmeasured} == {"torch", "twin"}
    assert "twin" in capsys.readouterr().out
    assert pd.read_csv(folder / "exports" / "exports.csv")["format"].tolist() == ["torch", "twin"]
    assert json.loads((folder / "exports" / "exports.json").read_text())["exports"][-1]["format"] == "twin"


@pytest.mark.long
def test_format_of_one_s_own_module_is_measured_in_a_process_of_its_own(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skintag.export.onnx_file import write_onnx

    (tmp_path / "my_formats.py").write_text(OWN.replace('"twin"', '"mine"'))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(FORMATS, "_classes", dict(FORMATS._classes))
    __import__("my_formats")
    write_onnx(DeployedModel(module), tmp_path / "twin.onnx", {})
    cost = measure(Job("mine", str(tmp_path / "twin.onnx"), 32, threads=1, repeats=2))
    assert isinstance(cost, Cost)
    assert cost.latency_ms > 0
