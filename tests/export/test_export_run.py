"""Exports of a finished run: the files, the table, and what goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from skintag.commands.export import task
from skintag.core.errors import ConfigError, DataError
from skintag.core.outputs import Outputs
from skintag.evaluation.decisions.triage import TriagePolicy
from skintag.evaluation.metrics.metrics import auroc
from skintag.export import FORMATS, export_run
from skintag.export.check import Answers, agreement
from skintag.export.formats import base as formats
from skintag.export.measure import Job, measure
from skintag.export.plot import front
from skintag.export.run import refuse_failures
from skintag.export.settings import ExportSettings
from skintag.runs.folder import RunFolder
from tests.conftest import CONFIGS
from tests.export.conftest import QUICK

SETTINGS = replace(QUICK, images=None, float_layers=("head",))


@pytest.fixture
def folder(run: RunFolder, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(run.path, tmp_path / "run")


@pytest.mark.long
def test_finished_run_is_exported_checked_and_measured(folder: Path, unmeasured: list[Job]) -> None:
    table = export_run(folder, ["onnx", "onnx_int8", "torch_export"], settings=SETTINGS)
    assert table["format"].tolist() == ["torch", "onnx", "onnx_int8", "torch_export"]
    rows = table.set_index("format")
    test = RunFolder(folder).predictions.test("head")
    for name, file in (
        ("onnx", "model.onnx"),
        ("onnx_int8", "model_int8.onnx"),
        ("torch_export", "model.pt2"),
    ):
        assert rows.loc[name, "bytes"] == (folder / "exports" / file).stat().st_size
    assert rows.loc["torch", "auroc"] == pytest.approx(auroc(test.target, test.score), abs=1e-6)
    for name in ("onnx", "torch_export"):
        assert rows.loc[name, "max_difference"] < 1e-4
        assert rows.loc[name, "flipped_tiers"] == 0
        assert rows.loc[name, "auroc_difference"] == pytest.approx(0, abs=1e-6)
    assert rows.loc["onnx_int8", "max_difference"] > 1e-6
    assert rows.loc["onnx_int8", "float_layers"] == "head"
    assert rows.loc["onnx_int8", "bytes"] < rows.loc["onnx", "bytes"]
    assert (table["latency_ms_2_threads"] == 2).all()
    assert {job.kind for job in unmeasured} == {"torch", "onnx", "onnx_int8", "torch_export"}
    written = json.loads((folder / "exports" / "exports.json").read_text())
    assert [row["format"] for row in written["exports"]] == table["format"].tolist()
    assert pd.read_csv(folder / "exports" / "exports.csv")["bytes"].tolist() == table["bytes"].tolist()
    assert (folder / "exports" / "pareto.png").stat().st_size > 1000
    assert (folder / "exports" / "pareto.svg").read_text().startswith("<?xml")


@pytest.mark.long
def test_one_format_that_fails_keeps_no_other_from_being_written(
    folder: Path, unmeasured: list[Job], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half(material: object, path: Path) -> None:
        path.write_bytes(b"the first half of it")
        raise RuntimeError("the converter\ngave up")

    monkeypatch.setattr(FORMATS["torch_export"], "write", staticmethod(half))
    exports = folder / "exports"
    exports.mkdir()
    (exports / "model.pt2").write_bytes(b"of an earlier checkpoint")
    table = export_run(folder, ["torch_export", "onnx"], settings=replace(SETTINGS, images=8))
    rows = table.set_index("format")
    assert rows.loc["torch_export", "note"] == "failed: the converter gave up"
    assert pd.isna(rows.loc["torch_export", "bytes"])
    assert rows.loc["onnx", "max_difference"] < 1e-4
    assert "error: torch_export: the converter gave up" in capsys.readouterr().err
    # neither half a file under its own name, nor an old one that looks new, nor what was left of the attempt
    assert sorted(p.name for p in exports.iterdir()) == [
        "exports.csv", "exports.json", "model.onnx", "pareto.png", "pareto.svg",
    ]  # fmt: skip
    with pytest.raises(DataError, match="torch_export failed: the converter gave up"):
        refuse_failures(table, exports)
    refuse_failures(table[table["format"] == "onnx"], exports)


def test_missing_library_is_said_before_anything_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = formats.find_spec

    def without_executorch(name: str) -> ModuleSpec | None:
        return None if name == "executorch" else find(name)

    monkeypatch.setattr(formats, "find_spec", without_executorch)
    with pytest.raises(ConfigError, match=r"executorch needs executorch.*pip install 'skintag\[mobile\]'"):
        export_run(folder, ["onnx", "executorch"])
    assert not (folder / "exports").exists()


@pytest.mark.parametrize("name", ["executorch", "coreml", "litert"])
def test_every_optional_format_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="skintag\\[mobile\\]" if name != "litert" else "litert-torch"):
        formats.check_formats([name])


def test_unknown_and_no_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'onnx_int8'"):
        formats.check_formats(["onnx_int"])
    with pytest.raises(ConfigError, match="at least one of"):
        formats.check_formats([])
    assert formats.check_formats(["onnx", "onnx_int8", "onnx"]) == ("onnx", "onnx_int8")


@pytest.mark.long
def test_rows_of_formats_written_before_are_kept(folder: Path, unmeasured: list[Job]) -> None:
    few = replace(SETTINGS, images=8)
    export_run(folder, ["torch_export"], settings=few)
    again = export_run(folder, ["onnx"], settings=few)
    assert again["format"].tolist() == ["torch", "torch_export", "onnx"]
    (folder / "exports" / "model.onnx").unlink()
    third = export_run(folder, ["torch_export"], settings=few)
    assert third["format"].tolist() == ["torch", "torch_export"]


@pytest.mark.long
def test_teacher_s_row_comes_out_of_the_student_s_predictions(folder: Path, unmeasured: list[Job]) -> None:
    path = folder / "predictions.parquet"
    frame = pd.read_parquet(path)
    teacher = frame[frame["model"] == "head"].assign(
        model="teacher", p_malignant=lambda f: f["target"] * 0.5 + 0.2
    )
    pd.concat([frame, teacher]).to_parquet(path, index=False)
    (folder / "distillation.json").write_text(json.dumps({"teacher": str(folder), "kind": "xgboost"}))
    table = export_run(folder, ["torch_export"], settings=replace(SETTINGS, images=8)).set_index("format")
    assert table.index[0] == "teacher"
    assert table.loc["teacher", "auroc"] == 1
    assert "xgboost" in table.loc["teacher", "note"]
    assert table.loc["teacher", "bytes"] == table.loc["torch", "bytes"]
    (folder / "distillation.json").write_text(json.dumps({"teacher": "gone"}))
    table = export_run(folder, ["torch_export"], settings=replace(SETTINGS, images=8)).set_index("format")
    assert table.loc["teacher", "note"].startswith("no longer there")
    assert table.loc["teacher", "auroc"] == 1


@pytest.mark.long
def test_file_is_measured_in_a_process_of_its_own(run: RunFolder, tmp_path: Path) -> None:
    from skintag.export.deployed_model import DeployedModel
    from skintag.export.onnx_file import write_onnx

    path = tmp_path / "model.onnx"
    write_onnx(DeployedModel(run.module()), path, {})
    cost = measure(Job("onnx", str(path), run.module().backbone.settings.image_size, threads=1, repeats=3))
    assert cost is not None
    assert cost.latency_ms > 0
    assert 0 < cost.memory_mb < 2000
    assert measure(Job("onnx", str(path), 56, threads=10_000)) is None
    path.write_bytes(b"no model")
    with pytest.raises(DataError, match="a file that onnx can run"):
        measure(Job("onnx", str(path), 56, repeats=3))


def scores(*malignant: float) -> Outputs:
    p = np.array(malignant, dtype=np.float32)
    return Outputs(p, None, p[:, None])


def test_agreement_by_hand() -> None:
    policy = TriagePolicy(low=0.3, high=0.6)
    reference = Answers(val=scores(0.2, 0.8), test=scores(0.1, 0.29, 0.5, 0.9))
    mine = Answers(val=scores(0.2, 0.7), test=scores(0.1, 0.31, 0.05, 0.9))
    found = agreement(mine, reference, (np.array([0, 1]), np.array([0, 0, 1, 1])), policy)
    assert found.max_difference == pytest.approx(0.45)
    assert found.mean_difference == pytest.approx((0.1 + 0.02 + 0.45) / 6)
    assert found.auroc_val == 1
    assert found.auroc == pytest.approx(0.5)
    assert found.auroc_difference == pytest.approx(-0.5)
    assert found.flipped_tiers == 2


def test_pareto_front_by_hand() -> None:
    assert front([(3, 0.9), (1, 0.7), (2, 0.6), (4, 0.9), (1, 0.5)]) == [(1, 0.7), (3, 0.9)]


@pytest.mark.long
def test_command_takes_its_settings_from_the_configuration(
    folder: Path, unmeasured: list[Job], compose: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    config = compose(f"run={folder}", "formats=[torch_export]", "images=8", "repeats=7")
    task(config)  # type: ignore[arg-type]
    assert {job.repeats for job in unmeasured} == {7}
    assert "exports" in capsys.readouterr().out


def test_configuration_holds_the_defaults(compose: Callable[..., object]) -> None:
    values = OmegaConf.to_container(compose("run=x"))  # type: ignore[arg-type]
    assert isinstance(values, dict)
    known = vars(ExportSettings())
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
    assert given == known
    assert set(FORMATS) >= set(values["formats"])


@pytest.fixture
def compose() -> Callable[..., object]:
    from hydra import compose, initialize_config_dir

    def composed(*overrides: str) -> object:
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            return compose("export", overrides=list(overrides))

    return composed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"calibration": ("median",)}, "no method 'median'"),
        ({"calibration": ()}, "calibration is empty"),
        ({"images": 0}, "images=0"),
        ({"percentile": 10.0}, "percentile=10"),
        ({"repeats": 0}, "repeats=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExportSettings(**values)  # type: ignore[arg-type]
