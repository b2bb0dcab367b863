"""A probe is one file and one YAML, and survives a bundle."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

import skintag.probes
from skintag.bundle import Bundle
from skintag.bundle.content import refuse_code
from skintag.bundle.probe_files import probe_names, read_probe
from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import FINETUNED
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.settings import BundleSettings
from skintag.probes.base import PROBES
from skintag.probes.data import ProbeData
from skintag.runs.folder import RunFolder
from skintag.training.callbacks.probe_fitting import ProbeFitting
from tests.conftest import CONFIGS, tiny_overrides
from tests.conftest import train as run_training
from tests.probes.nearest import NearestProbe

DEPLOYED = BundleSettings(model="nearest_finetuned", ood=None)
YAML = """# Distances to the classes' means.
# skintag train probe=nearest
nearest:
  _target_: tests.probes.nearest.NearestProbe
  sharpness: 0.5
"""


def test_every_module_of_the_package_is_a_probe_of_its_own_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(skintag.probes.__path__)} - {*PROBES.besides}
    assert {name for name, kind in PROBES.items() if kind.__module__.startswith("skintag.")} == modules
    assert all(kind.name == name for name, kind in PROBES.items())
    assert "nearest" in PROBES


@pytest.mark.parametrize("name", sorted({*PROBES, "nearest"}))
def test_every_registered_probe_is_read_back_by_its_files_alone(
    name: str, tmp_path: Path, train: ProbeData, val: ProbeData
) -> None:
    probe = PROBES[name]()
    probe.fit(train, val)
    probe.save(probe.folder(tmp_path, FINETUNED))
    model = probe.model_name(FINETUNED)
    assert probe_names(tmp_path) == (model,)
    again = read_probe(tmp_path, model)
    assert type(again) is type(probe)
    np.testing.assert_array_equal(
        again.predict(val.embeddings).malignant, probe.predict(val.embeddings).malignant
    )
    for path in tmp_path.rglob("*"):
        if path.is_file():
            refuse_code(path)  # of a kind that a bundle may hold


def test_unknown_probe_is_named_beside_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / FINETUNED).mkdir()
    (tmp_path / FINETUNED / "forest.json").write_text(json.dumps({"format": 1, "probe": "forest"}))
    assert probe_names(tmp_path) == ("forest_finetuned",)
    with pytest.raises(DataError, match="'forest'") as caught:
        read_probe(tmp_path, "forest_finetuned")
    assert "logistic, majority, mlp" in caught.value.expected
    assert "import the module" in caught.value.fix


def test_a_probe_goes_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"probe\.mine is a probe named 'nearest'"):
        ProbeFitting({"mine": NearestProbe()}, tmp_path)


@pytest.fixture(scope="module")
def own_run(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run whose probe and whose YAML are not SkinTag's."""
    from omegaconf import OmegaConf

    configs = tmp_path_factory.mktemp("configs")
    (configs / "probe").mkdir()
    (configs / "probe" / "nearest.yaml").write_text(YAML)
    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16")
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(
            "train",
            overrides=[
                *tiny_overrides(workspace),
                *small,
                "experiment=multi_balanced",
                f"hydra.searchpath=[file://{configs}]",
                "probe=nearest",
            ],
        )
    folder = tmp_path_factory.mktemp("own") / "run"
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    runtime = {"cwd": str(workspace), "choices": {"split": "grouped"}}
    OmegaConf.save({"hydra": {"runtime": runtime}}, folder / ".hydra" / "hydra.yaml")
    run_training(config, folder)
    return folder


@pytest.mark.long
def test_own_probe_is_trained_scored_and_deployed(own_run: Path, tmp_path: Path) -> None:
    run = RunFolder(own_run)
    assert {"nearest_finetuned", "nearest_frozen"} <= set(run.predictions.models)
    feature, probe = run.probes()["nearest_finetuned"]
    assert (feature, probe.settings) == (FINETUNED, {"sharpness": 0.5})
    bundle = Bundle.load(build_bundle(own_run, DEPLOYED, tmp_path / "bundle"))
    assert bundle.probe_names == ("nearest_finetuned",)
    frame = run.predictions.val("nearest_finetuned").frame
    names = frame["image_id"].tolist()[:8]
    embeddings = run.embeddings(names)
    np.testing.assert_allclose(
        bundle.probe("nearest_finetuned").predict(embeddings).malignant,
        frame["p_malignant"].to_numpy()[:8],
        rtol=1e-6,
    )


@pytest.mark.long
def test_bundle_of_an_unknown_probe_says_so(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_bundle(own_run, DEPLOYED, tmp_path / "bundle")
    monkeypatch.delitem(PROBES._classes, "nearest")
    with pytest.raises(DataError, match="'nearest'"):
        Bundle.load(folder)


@pytest.mark.long
def test_strangers_run_is_not_read_where_its_probe_was_not_imported(
    own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PROBES._classes, "nearest")
    with pytest.raises(ConfigError, match=r"tests\.probes\.nearest\.NearestProbe"):
        RunFolder(own_run).probes()
