"""A run folder read back: everything that was written, and plain words about what is missing."""

from __future__ import annotations

import json
import os
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json, write_json
from skintag.data.images.files import decode_image
from skintag.data.shards.reader import ShardStore
from skintag.runs.finding import find_runs
from skintag.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(finished_run: Path) -> RunFolder:
    return RunFolder(finished_run)


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path) -> Path:
    """The run again, to be changed."""
    return Path(shutil.copytree(finished_run, tmp_path / "copy"))


@pytest.fixture(scope="module")
def tested(run: RunFolder) -> list[str]:
    return run.predictions.test("head").frame["image_id"].tolist()


def change_config(folder: Path, **values: object) -> None:
    """Set dotted keys (with `__` for the dots) in the folder's configuration."""
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    for key, value in values.items():
        OmegaConf.update(config, key.replace("__", "."), value)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")


def test_what_the_run_was(run: RunFolder) -> None:
    assert (run.name, run.seed, run.split) == ("multi_balanced", 0, "grouped")
    assert run.label == "multi_balanced seed 0 grouped"
    assert "synthetic benchmark" in run.caption


def test_label_of_a_run_that_hydra_did_not_start(copy: Path) -> None:
    (copy / ".hydra" / "hydra.yaml").unlink()
    assert RunFolder(copy).label == "multi_balanced seed 0 grouped"


def test_configuration_can_be_given(copy: Path) -> None:
    config = OmegaConf.load(copy / ".hydra" / "config.yaml")
    shutil.rmtree(copy / ".hydra")
    with pytest.raises(DataError, match=r"config\.yaml"):
        _ = RunFolder(copy).label
    assert RunFolder(copy, config).label == "multi_balanced seed 0 grouped"  # type: ignore[arg-type]


def test_what_the_run_wrote(run: RunFolder) -> None:
    table = pd.read_parquet(run.path / "predictions.parquet")
    pd.testing.assert_frame_equal(run.predictions.frame, table)
    assert set(run.thresholds) == set(run.predictions.models) == set(run.metrics["models"])
    assert run.audit["split"] == "Grouped"
    assert run.provenance["seed"] == 0


@pytest.mark.parametrize(("name", "part"), [
    ("predictions.parquet", "predictions"), ("thresholds.json", "thresholds"), ("metrics.json", "metrics"),
    ("leakage_audit.json", "audit"), ("provenance.json", "provenance"), (".hydra/config.yaml", "config"),
])  # fmt: skip
def test_missing_part_is_said_when_it_is_asked_for(copy: Path, name: str, part: str) -> None:
    (copy / name).unlink()
    with pytest.raises(DataError, match="skintag train") as caught:
        getattr(RunFolder(copy), part)
    assert Path(name).name in str(caught.value)


def test_missing_robustness_names_the_command(run: RunFolder) -> None:
    with pytest.raises(DataError, match=r"skintag robustness run="):
        _ = run.robustness


def test_damaged_robustness_is_named_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "robustness.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match=r"write it again: skintag robustness run="):
        _ = RunFolder(tmp_path).robustness


def test_stopped_run_is_told_from_one_that_lost_a_file(copy: Path) -> None:
    (copy / "predictions.parquet").unlink()
    with pytest.raises(DataError, match="resume="):
        _ = RunFolder(copy).predictions


@pytest.mark.parametrize("text", ["", "[1, 2]", "{broken"])
def test_broken_json_is_named(copy: Path, text: str) -> None:
    (copy / "metrics.json").write_text(text)
    with pytest.raises(DataError, match=r"metrics\.json"):
        _ = RunFolder(copy).metrics


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n"])
def test_broken_configuration_is_named(copy: Path, text: str) -> None:
    (copy / ".hydra" / "config.yaml").write_text(text)
    with pytest.raises(DataError, match=r"config\.yaml"):
        _ = RunFolder(copy).name


def test_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        RunFolder(tmp_path / "nothing")


def test_runs_below_a_sweep_in_order_of_their_numbers(tmp_path: Path) -> None:
    for job in ("10_multi_seed0", "2_multi_seed1", "0_single_seed0", "1_failed"):
        (tmp_path / "sweep" / job).mkdir(parents=True)
        if "failed" not in job:
            for name in ("predictions.parquet", "provenance.json"):  # as 0.1 left a finished run
                (tmp_path / "sweep" / job / name).touch()
    names = [path.name for path in find_runs(tmp_path)]
    assert names == ["0_single_seed0", "2_multi_seed1", "10_multi_seed0"]
    assert find_runs(tmp_path / "sweep" / "2_multi_seed1") == [tmp_path / "sweep" / "2_multi_seed1"]


def test_no_finished_run_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "checkpoints").mkdir(parents=True)
    (tmp_path / "a" / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(DataError, match="1 unfinished"):
        find_runs(tmp_path)
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match=r"no predictions\.parquet\n"):
        find_runs(tmp_path / "c")
    with pytest.raises(DataError, match="no such folder"):
        find_runs(tmp_path / "b")


def test_pictures_are_those_in_the_shards(run: RunFolder, workspace: Path, tested: list[str]) -> None:
    assert run.images_available
    image_id = tested[3]
    store = ShardStore(workspace / "prepared" / "synthetic", [image_id.split("/")[0]])
    expected = decode_image(store.read(int(store.positions([image_id])[0])), image_id)
    np.testing.assert_array_equal(run.images([image_id])[0], expected)


def test_thumbnails_are_small_pictures_of_the_same(run: RunFolder, tested: list[str]) -> None:
    for image, data in zip(run.images(tested[:3]), run.thumbnails(tested[:3], size=48), strict=True):
        small = Image.open(BytesIO(data))
        assert max(small.size) == 48
        assert len(data) < 4000
        assert np.asarray(small).mean() == pytest.approx(image.mean(), abs=3)


def test_unknown_image_is_named(run: RunFolder) -> None:
    with pytest.raises(DataError, match="ham10000/nonesuch"):
        run.images(["ham10000/nonesuch"])


def test_without_prepared_data_the_figures_are_still_there(copy: Path, tmp_path: Path) -> None:
    change_config(copy, data__prepared=str(tmp_path / "gone"))
    run = RunFolder(copy)
    assert not run.images_available
    assert str(tmp_path / "gone") in run.images_reason
    assert len(run.predictions)
    with pytest.raises(DataError, match="gone"):
        run.images(run.predictions.frame["image_id"][:1])


def test_relative_paths_start_where_the_run_started(
    copy: Path, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tested: list[str]
) -> None:
    change_config(copy, data__prepared="prepared/synthetic", paths__cache="cache")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = RunFolder(os.path.relpath(copy))
    assert run.prepared == workspace / "prepared" / "synthetic"
    assert run.cache == workspace / "cache"
    assert run.images_available


def test_moved_run_finds_its_data_below_the_present_folder_or_where_it_is_told(
    copy: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(copy, data__prepared="prepared/synthetic")
    OmegaConf.save({"hydra": {"runtime": {"cwd": "/no/longer/here"}}}, copy / ".hydra" / "hydra.yaml")
    assert not RunFolder(copy).images_available
    assert RunFolder(copy, prepared=workspace / "prepared" / "synthetic").images_available
    monkeypatch.chdir(workspace)
    assert RunFolder(copy).images_available


def test_module_and_probes_give_the_predictions_of_the_run(run: RunFolder, tested: list[str]) -> None:
    from skintag.models.head_scores import head_scores

    probes = run.probes()
    assert {"head", *probes} == set(run.predictions.models)
    scores = {"head": head_scores(run.module(), run.embeddings(tested)).malignant}
    for name, (feature, probe) in probes.items():
        scores[name] = probe.predict(run.embeddings(tested, feature)).malignant
    for name, score in scores.items():
        np.testing.assert_allclose(run.predictions.test(name).score, score, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("feature", ["finetuned", "frozen"])
def test_embeddings_computed_anew_are_the_stored_ones(
    run: RunFolder, finished_run: Path, tested: list[str], tmp_path: Path, feature: str
) -> None:
    some = [*tested[::-7], tested[0]]  # out of order, and one twice
    anew = RunFolder(finished_run, cache=tmp_path).embeddings(some, feature)
    np.testing.assert_array_equal(anew, run.embeddings(some, feature))
    assert not np.array_equal(anew, run.embeddings(some, "frozen" if feature == "finetuned" else "finetuned"))


def test_reading_embeddings_writes_nothing(run: RunFolder, workspace: Path, tested: list[str]) -> None:
    before = sorted((workspace / "cache").rglob("*"))
    run.embeddings(tested, "frozen")
    assert sorted((workspace / "cache").rglob("*")) == before


def test_unknown_feature_is_refused(run: RunFolder, tested: list[str]) -> None:
    with pytest.raises(DataError, match="finetuned"):
        run.embeddings(tested[:1], "finetune")


def test_neighbours_are_the_nearest_training_images(run: RunFolder, tested: list[str]) -> None:
    train = run.view.frame[run.view.frame["split"] == "train"]
    table = run.neighbours(tested[:10], k=4)
    assert table["image_id"].tolist() == np.repeat(tested[:10], 4).tolist()
    assert table["rank"].tolist() == [1, 2, 3, 4] * 10
    exact = NearestNeighbors(n_neighbors=4, metric="cosine").fit(run.embeddings(train["image_id"].tolist()))
    away, which = exact.kneighbors(run.embeddings(tested[:10]))
    np.testing.assert_allclose(table["similarity"], 1 - away.ravel(), atol=1e-5)
    assert (table["neighbour"].to_numpy() == train["image_id"].to_numpy()[which.ravel()]).mean() > 0.9  # ties
    target = dict(zip(train["image_id"], train["target"], strict=True))
    assert table["target"].tolist() == [target[name] for name in table["neighbour"]]


def test_image_is_no_neighbour_of_its_own(run: RunFolder) -> None:
    train = run.view.frame["image_id"][run.view.frame["split"] == "train"].tolist()
    table = run.neighbours(train[:2], k=len(train))
    assert len(table) == 2 * (len(train) - 1)
    assert (table["image_id"] != table["neighbour"]).all()
    assert run.neighbours([], k=3).empty


def test_other_split_than_the_run_had_is_refused(copy: Path) -> None:
    change_config(copy, split_seed=5)
    with pytest.raises(DataError, match="the view that the run had"):
        _ = RunFolder(copy).view


def test_other_first_weights_than_the_run_had_are_refused(
    copy: Path, tmp_path: Path, tested: list[str]
) -> None:
    change_config(copy, backbone__seed=9)
    with pytest.raises(DataError, match="weights of the frozen backbone"):
        RunFolder(copy, cache=tmp_path / "cache").embeddings(tested[:1], "frozen")


def test_other_pictures_than_the_run_had_are_refused(copy: Path) -> None:
    provenance = read_json(copy / "provenance.json")
    provenance["data"]["shards"] = "0" * 32
    write_json(copy / "provenance.json", provenance)
    with pytest.raises(DataError, match="the shards that the run had"):
        _ = RunFolder(copy).data


@pytest.mark.parametrize(
    "target",
    [
        "pathlib.Path.touch",
        "skintag.evaluation.statistics.gaps.pd.read_pickle",  # reached through a module of SkinTag's
        "skintag.runs.model.Path",  # a class, but not SkinTag's
        "skintag.core.io.write_json",  # SkinTag's, but no class
        "lightning.pytorch.cli.LightningCLI",
    ],
)
def test_foreign_code_named_in_the_configuration_is_not_run(copy: Path, target: str) -> None:
    change_config(copy, labels___target_=target)
    with pytest.raises(ConfigError, match="may not be instantiated"):
        _ = RunFolder(copy).view


def test_missing_checkpoint_is_named(copy: Path) -> None:
    (copy / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(DataError, match=r"best\.ckpt"):
        RunFolder(copy).module()


def test_where_nothing_learned_the_features_are_one(copy: Path, tested: list[str], run: RunFolder) -> None:
    provenance = json.loads((copy / "provenance.json").read_text())
    only = {
        "frozen": provenance["embeddings"]["finetuned"]
    }  # as if the backbone had begun with these weights
    write_json(copy / "provenance.json", {**provenance, "embeddings": only})
    both = [RunFolder(copy).embeddings(tested[:4], feature) for feature in ("finetuned", "frozen")]
    np.testing.assert_array_equal(*both)
    np.testing.assert_array_equal(both[0], run.embeddings(tested[:4], "finetuned"))


def test_run_whose_logger_name_or_places_fail_today_s_checks_is_read_all_the_same(copy: Path) -> None:
    path = copy / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    prepared = config.data.prepared
    config.name, config.trainer.devices, config.robustness = 2026, True, 1
    OmegaConf.update(config, "logger.wandb", {"notes": "mine"}, force_add=True)
    config.paths.raw = "${oc.env:NO_SUCH_VARIABLE_OF_SKINTAG}"
    OmegaConf.save(config, path)
    run = RunFolder(copy, prepared=OmegaConf.to_container(OmegaConf.create({"p": prepared}))["p"])
    assert run.settings.name == "2026"
    assert run.settings.backbone == RunFolder(copy).settings.backbone
    assert len(run.view.frame)
