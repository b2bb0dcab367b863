"""What a bundle says of an image is what its run said, whatever file it comes in."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.bundle import Bundle, Failure, Prediction
from skintag.bundle.bundle import HEAD
from skintag.bundle.describe import chance_warnings
from skintag.bundle.manifest import Manifest
from skintag.core.errors import ConfigError, DataError, ImageError
from skintag.core.outputs import Outputs
from skintag.data.catalog.catalog import read_catalog
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.calibration import Platt
from skintag.evaluation.decisions.thresholds import fit_threshold
from skintag.evaluation.decisions.triage import CATEGORIES, DISCLAIMER, FITTED_NEVER_LOW, TIERS, TriagePolicy
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.held_out import held_out
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.deployed_scores import DeployedScores
from skintag.export.bundle.settings import BundleSettings
from skintag.runs.folder import RunFolder
from tests.bundle.pictures import photo, variants
from tests.evaluation.simulated import images, scored


@pytest.fixture(scope="module")
def raw(run_copy: Path) -> pd.DataFrame:
    """The head's test rows, with the path of each raw file."""
    run = RunFolder(run_copy)
    rows = run.predictions.test(HEAD).frame
    paths = read_catalog(run.prepared / "catalog.parquet").set_index("image_id")["path"]
    folders = {name: Path(run.setting(f"data.sources.{name}")) for name in rows["dataset"].unique()}
    names = zip(rows["dataset"], rows["image_id"], strict=True)
    return rows.assign(path=[str(folders[dataset] / paths[image_id]) for dataset, image_id in names])


def scores(found: list[Prediction]) -> np.ndarray:
    return np.array([p.malignancy_score for p in found])


def test_raw_file_gets_the_score_of_the_run_s_own_table(bundle: Bundle, raw: pd.DataFrame) -> None:
    found = bundle.predict(raw["path"].tolist())
    before = bundle.outputs(bundle.pixels(raw["path"].tolist())).malignant
    assert np.abs(before - raw["p_malignant"].to_numpy()).max() < 1e-5
    assert np.abs(scores(found) - bundle.calibration.apply(before)).max() < 1e-6
    columns = [f"p_condition_{i}" for i in range(10)]
    top = np.sort(raw[columns].to_numpy(), axis=1)[:, :-4:-1]
    assert np.abs([[c.probability for c in p.conditions] for p in found] - top).max() < 1e-5


def test_probe_on_the_embeddings_can_be_what_is_deployed(
    run_copy: Path, raw: pd.DataFrame, tmp_path: Path
) -> None:
    model = "xgboost_finetuned"
    run = RunFolder(run_copy)
    folder = build_bundle(run_copy, BundleSettings(model=model, ood=None), tmp_path / "two_stage")
    bundle = Bundle.load(folder)
    found = bundle.predict(raw["path"].tolist())
    rows = run.predictions.test(model).frame.set_index("image_id").loc[raw["image_id"]]
    # trees may jump where an embedding lies on a threshold
    expected = bundle.calibration.apply(rows["p_malignant"].to_numpy())
    assert np.median(np.abs(scores(found) - expected)) < 1e-6
    assert [p.out_of_distribution for p in found] == [None] * len(found)
    assert Manifest.read(folder).model == model


def test_prediction_is_put_together_from_the_fitted_parts(bundle: Bundle, raw: pd.DataFrame) -> None:
    found = bundle.predict(raw["path"].tolist()[:12])
    for p in found:
        # one score is shown, and everything goes by it
        assert p.malignancy_probability == p.malignancy_score
        assert p.above_threshold == (p.malignancy_score >= bundle.threshold.value)
        assert p.category in CATEGORIES
        assert p.tier in TIERS
        assert p.disclaimer == DISCLAIMER
        assert bundle.texts.advice[p.tier] in p.recommendation
        assert len(p.conditions) == 3
        assert p.conditions[0].probability >= p.conditions[1].probability >= p.conditions[2].probability
        right = p.malignancy_probability if p.category == "malignant" else 1 - p.malignancy_probability
        assert p.confidence == (None if p.out_of_distribution else pytest.approx(right))
        assert json.loads(json.dumps(p.to_json()))["tier"] == p.tier
    tiers = bundle.policy.tiers(scores(found), raw[[f"p_condition_{i}" for i in range(10)]].to_numpy()[:12])
    assert [p.tier for p in found] == tiers.tolist()


def test_strange_picture_is_flagged_and_has_no_confidence(bundle: Bundle) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2, :, 1] = 255
    found = bundle.predict([noise, stripes])
    assert any(p.out_of_distribution for p in found)
    for p in found:
        assert (p.confidence is None) == p.out_of_distribution
        assert (bundle.texts.out_of_distribution in p.recommendation) == p.out_of_distribution


@pytest.mark.parametrize("kind", list(variants(photo())))
def test_path_bytes_and_batches_agree_for_every_kind_of_file(
    bundle: Bundle, tmp_path: Path, kind: str
) -> None:
    data = variants(photo())[kind]
    path = tmp_path / f"image.{kind.split('.')[-1]}"
    path.write_bytes(data)
    by_path, by_bytes = bundle.predict([path, data])
    [[again]] = bundle.predict_batches([str(path)], workers=1)
    assert by_path.malignancy_score == pytest.approx(by_bytes.malignancy_score, abs=1e-6)
    assert isinstance(again, Prediction)
    assert again.malignancy_score == pytest.approx(by_path.malignancy_score, abs=1e-6)
    assert (by_path.image, by_bytes.image) == (str(path), "image 2")


def test_pillow_images_and_arrays_take_the_way_of_a_lossless_file(bundle: Bundle) -> None:
    data = variants(photo())
    lossless = bundle.pixels([data["png"], data["alpha.png"]])
    opened = [Image.open(io.BytesIO(data[kind])) for kind in ("png", "alpha.png")]
    np.testing.assert_array_equal(bundle.pixels(opened), lossless)
    np.testing.assert_array_equal(bundle.pixels([photo()]), lossless[:1])


def test_rotation_that_a_file_asks_for_is_done(bundle: Bundle) -> None:
    rotated = np.rot90(photo(), -1)  # EXIF 6: a quarter turn clockwise
    by_exif, by_hand = bundle.pixels([variants(photo())["rotated.jpg"], rotated])
    turned = bundle.pixels([photo()])[0]
    assert np.abs(by_exif.astype(int) - by_hand).mean() < 3
    assert np.abs(by_exif.astype(int) - turned).mean() > 6


def test_large_photo_is_shrunk_and_encoded_as_the_shard_writer_does(bundle: Bundle, tmp_path: Path) -> None:
    from skintag.data.images.encoding import ShardSettings, Source, encode

    path = tmp_path / "large.png"
    Image.fromarray(photo(1400, 900)).save(path)
    settings = bundle.preprocessing
    in_shard = encode(Source(path, None), ShardSettings(settings.longest_side, settings.jpeg_quality))
    assert bundle._preprocessor.encoded(path, "large") == in_shard.data


def test_unreadable_images_become_failures_and_the_rest_is_predicted(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"junk")
    good = variants(photo())["jpeg"]
    images = [good, tmp_path / "bad.jpg", good, tmp_path / "none.jpg", good[: len(good) // 2]]
    batches = list(bundle.predict_batches(images, batch_size=2, workers=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    found = [result for batch in batches for result in batch]
    assert [isinstance(result, Failure) for result in found] == [False, True, False, True, True]
    reasons = [result.reason for result in found if isinstance(result, Failure)]
    assert reasons == ["not an image", "no such file", "truncated"]
    assert all("to do:" in result.error for result in found if isinstance(result, Failure))


def test_predict_raises_for_an_unreadable_image(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        bundle.predict([tmp_path / "none.jpg"])


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), 3, None]
)
def test_what_is_no_image_is_refused(bundle: Bundle, image: object) -> None:
    with pytest.raises(ImageError, match="RGB pixels"):
        bundle.predict([image])  # type: ignore[list-item]


@pytest.mark.parametrize("image", ["a.jpg", b"bytes", Path("a.jpg"), photo()])
def test_one_image_without_brackets_is_refused(bundle: Bundle, image: object) -> None:
    with pytest.raises(TypeError, match="in brackets"):
        bundle.predict(image)  # type: ignore[arg-type]


def test_images_are_asked_for_as_they_are_needed(bundle: Bundle) -> None:
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield photo(32, 32)

    batches = bundle.predict_batches(endless(), batch_size=2, workers=1)
    next(batches)
    batches.close()
    assert len(asked) <= 8


def test_zip_and_folder_say_the_same(bundle_folder: Path, bundle: Bundle) -> None:
    zipped = Bundle.load(bundle_folder.with_name("bundle.zip"))
    assert zipped.manifest == bundle.manifest
    image = [photo()]
    assert zipped.predict(image) == bundle.predict(image)


def test_same_run_gives_the_same_bytes(bundle_folder: Path, run_copy: Path, tmp_path: Path) -> None:
    again = build_bundle(run_copy, BundleSettings(model="head", zip=True), tmp_path / "again")
    assert Manifest.read(again) == Manifest.read(bundle_folder)
    assert (tmp_path / "again.zip").read_bytes() == bundle_folder.with_name("bundle.zip").read_bytes()


def test_bundle_can_be_a_teacher(bundle: Bundle, run_copy: Path) -> None:
    import torch

    run = RunFolder(run_copy)
    for (name, ours), (theirs_name, theirs) in zip(
        bundle.module().state_dict().items(), run.module().state_dict().items(), strict=True
    ):
        assert name == theirs_name
        assert torch.equal(ours, theirs)
    assert not bundle.module().training
    own = {name: probe for name, (feature, probe) in run.probes().items() if feature == "finetuned"}
    assert set(bundle.probes()) == set(own)
    embeddings = (
        np.random.default_rng(0).normal(size=(5, bundle.module().backbone.embedding_size)).astype(np.float32)
    )
    for name, probe in bundle.probes().items():
        np.testing.assert_array_equal(
            probe.predict(embeddings).malignant, own[name].predict(embeddings).malignant
        )


def test_teacher_refuses_a_split_that_tests_what_it_has_seen(bundle: Bundle, run_copy: Path) -> None:
    view = RunFolder(run_copy).view
    bundle.refuse_seen(view)
    swapped = view.frame.assign(
        split=view.frame["split"].map({"train": "test", "test": "train", "val": "val"})
    )
    with pytest.raises(ConfigError, match="was trained on images that this run tests on"):
        bundle.refuse_seen(replace(view, frame=swapped))


def test_parts_that_come_with_it(bundle: Bundle, run_copy: Path) -> None:
    cells = bundle.metrics["models"][HEAD]["levels"]["overall"]["all"]["auroc"]
    if cells["low"] is None:  # a model that scores all alike
        assert cells["value"] == pytest.approx(0.5)
    else:
        assert cells["low"] <= cells["value"] <= cells["high"]
    assert bundle.model_card.startswith("# Model card")
    assert bundle.provenance["seed"] == RunFolder(run_copy).provenance["seed"]
    assert bundle.taxonomy.conditions[8] == "non_neoplastic"
    assert bundle.policy.name == "fitted"
    assert bundle.policy.target_sensitivity == 0.95


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"model": "xgbost_finetuned"}, "did you mean 'xgboost_finetuned'"),
        ({"model": "xgboost_frozen"}, "cannot be deployed"),
        ({"runtime": "tensorrt"}, "torch, onnx, onnx_half, onnx_int8"),
        ({"calibration": "plat"}, "did you mean 'platt'"),
        ({"ood": "euclid"}, "mahalanobis"),
    ],
)
def test_choice_that_makes_no_sense_is_refused(
    run_copy: Path, tmp_path: Path, settings: dict, match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        build_bundle(run_copy, BundleSettings(**settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_another_bundle_is_replaced(run_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(ConfigError, match="is no bundle"):
        build_bundle(run_copy, out=tmp_path / "mine")
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_missing_images_are_named_where_the_reference_needs_them(run_copy: Path, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, DataError)):
        build_bundle(run_copy, out=tmp_path / "out", prepared=tmp_path / "gone", cache=tmp_path / "gone")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exported(run_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with its ONNX export, which stands in for the int8 one too; exporting measures, which takes longer."""
    from skintag.export.deployed_model import DeployedModel
    from skintag.export.metadata import metadata_of
    from skintag.export.onnx_file import write_onnx

    folder = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(run_copy, folder, ignore=shutil.ignore_patterns("bundle*"))
    (folder / "exports").mkdir()
    module = RunFolder(folder).module()
    write_onnx(DeployedModel(module), folder / "exports" / "model.onnx", metadata_of(module))
    shutil.copyfile(folder / "exports" / "model.onnx", folder / "exports" / "model_int8.onnx")
    return folder


def test_onnx_torch_and_bundle_agree(bundle: Bundle, exported: Path) -> None:
    onnx = Bundle.load(build_bundle(exported, BundleSettings(runtime="onnx", ood=None)))
    pictures = [data for seed in range(3) for data in variants(photo(seed=seed)).values()]
    ours, theirs = bundle.predict(pictures), onnx.predict(pictures)
    assert np.abs(scores(ours) - scores(theirs)).max() < 1e-4
    assert [p.tier for p in ours] == [p.tier for p in theirs]
    with pytest.raises(DataError, match="runtime=onnx") as caught:
        onnx.module()
    assert "runtime=torch" in caught.value.fix


@pytest.mark.long
def test_int8_bundle_s_decisions_stand_on_its_own_scores(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import skintag.export.bundle.deployed_scores as deployed

    class Shifted(deployed.OnnxRuntime):
        """A network whose scores are far from the run's, as those of a bad quantisation would be."""

        def __call__(self, pixels: np.ndarray) -> deployed.Outputs:
            said = super().__call__(pixels)
            return deployed.Outputs(said.malignant**3, said.conditions, said.embeddings)

    same = Bundle.load(
        build_bundle(
            exported, BundleSettings(runtime="onnx_int8", calibration="temperature"), tmp_path / "same"
        )
    )
    monkeypatch.setattr(deployed, "OnnxRuntime", Shifted)
    other = Bundle.load(
        build_bundle(
            exported, BundleSettings(runtime="onnx_int8", calibration="temperature"), tmp_path / "other"
        )
    )
    assert other.calibration != same.calibration
    # the order is the same, so the same rows of val are called malignant, and the same are LOW
    for name in ("sensitivity", "specificity"):
        assert getattr(other.threshold, name) == getattr(same.threshold, name)
    assert other.policy.val_low_share == same.policy.val_low_share
    assert other.ood is not None


def test_export_of_other_weights_is_made_again(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    import skintag.export

    run = Path(shutil.copytree(exported, tmp_path / "run"))
    path = run / "exports" / "model.onnx"
    model = onnx.load(str(path))
    next(entry for entry in model.metadata_props if entry.key == "weights").value = "another"
    onnx.save(model, str(path))
    asked = []
    monkeypatch.setattr(
        skintag.export, "export_run", lambda folder, formats: asked.append(formats), raising=False
    )
    with pytest.raises(DataError, match="one of weights another"):
        build_bundle(run, BundleSettings(runtime="onnx", ood=None), tmp_path / "out")
    assert asked == [["onnx"]]


def test_no_prediction_contradicts_itself(bundle: Bundle) -> None:
    fitted = replace(TriagePolicy(0.2, 0.3, never_low=FITTED_NEVER_LOW).around(0.35), name="fitted")
    decisions = replace(
        bundle.decisions,
        calibration=Platt(1.3, -0.4),
        threshold=replace(bundle.threshold, value=0.35),
        policy=fitted,
    )
    rng = np.random.default_rng(5)
    n, width = 400, bundle.module().backbone.embedding_size
    conditions = rng.dirichlet(np.full(10, 0.2), n).astype(np.float32)
    raw = np.concatenate([rng.random(n - 2), [0.0, 1.0]]).astype(np.float32)
    outputs = Outputs(raw, conditions, rng.normal(size=(n, width)).astype(np.float32))
    found = decisions.predictions(outputs, [str(i) for i in range(n)])
    assert {p.tier for p in found} == set(TIERS)
    for p, score in zip(found, raw, strict=True):
        # one score: the calibrated one is shown, and is what everything is held against
        assert p.malignancy_score == p.malignancy_probability == Platt(1.3, -0.4).apply([score])[0]
        assert p.above_threshold == (p.category == "malignant") == (p.malignancy_score >= 0.35)
        assert not (p.tier == "LOW" and p.above_threshold)
        assert not (p.tier == "HIGH" and not p.above_threshold)
        top = p.conditions[0].name
        never = top in (
            "melanoma",
            "basal_cell_carcinoma",
            "squamous_cell_carcinoma",
            "non_neoplastic",
            "other_unknown",
        )
        assert (p.tier == "LOW") == (p.malignancy_score < 0.2 and not never)
        lifted = p.malignancy_score < 0.2 and never
        assert (f"its likeliest condition, {top}, is never LOW" in p.tier_reason) == lifted
        assert f"{p.malignancy_score:.4g}" in p.tier_reason


@pytest.mark.parametrize("kind", ["platt", "temperature", "isotonic"])
def test_calibration_leaves_decisions_where_the_run_had_them(kind: str) -> None:
    table = scored(images(1500, seed=9), {"m": 1.5})
    raw = DeployedScores(table, fit_threshold(table.val("m")), None)
    made = raw.calibrated(kind)
    for before, after in (
        (table.val("m"), made.predictions.val("m")),
        (table.test("m"), made.predictions.test("m")),
    ):
        mine, theirs = made.threshold.apply(after.score), raw.threshold.apply(before.score)
        # an isotonic map makes scores equal that were not
        assert (mine == theirs).mean() == 1 or (kind == "isotonic" and (mine == theirs).mean() > 0.97)
    assert made.threshold.sensitivity == raw.threshold.sensitivity or kind == "isotonic"
    given = replace(raw, threshold=replace(raw.threshold, value=0.3, objective="given")).calibrated(kind)
    assert given.calibration is not None
    assert given.threshold.value == given.calibration.apply([0.3])[0]


@pytest.mark.long
def test_model_that_val_ranks_first_is_built_and_another_choice_is_told_of_it(
    run_copy: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(run_copy, tmp_path / "run"))
    table = pd.read_parquet(run / "predictions.parquet")
    best = (table["model"] == "mlp_finetuned") & (table["split"] == "val")
    table.loc[best, "p_malignant"] = np.where(table.loc[best, "target"] == 1, 0.7, 0.2)
    table.to_parquet(run / "predictions.parquet", index=False)

    def built(**settings: object) -> tuple[str, str]:
        said: list[str] = []
        folder = build_bundle(run, BundleSettings(ood=None, **settings), tmp_path / "out", say=said.append)  # type: ignore[arg-type]
        return Manifest.read(folder).model, " ".join(said)

    assert built()[0] == "mlp_finetuned"
    model, said = built(model=HEAD)
    assert model == HEAD
    assert "mlp_finetuned is better there (1.000): model=mlp_finetuned" in said


@pytest.mark.long
def test_bundle_warns_of_what_it_is_at_chance_on() -> None:
    table = scored(images(3000, seed=4), {"m": 2.5})
    frame = table.frame
    rng = np.random.default_rng(0)
    # one dataset is only tested, and the scores say nothing of it
    strange = frame["dataset"] == sorted(frame["dataset"].unique())[0]
    [name] = frame.loc[strange, "dataset"].unique()
    frame = frame.assign(p_malignant=np.where(strange, rng.random(len(frame)), frame["p_malignant"]))
    frame = frame[~strange | (frame["split"] == "test")]
    made = Predictions(frame)

    def found(predictions: Predictions) -> list[dict]:
        thresholds = {"m": fit_threshold(predictions.val("m"))}
        settings = ReportSettings(AssessmentSettings(resamples=200, permutations=50), errors=0)
        return held_out(gather(predictions, thresholds, Origin("x", "y", split="external"), settings))

    [entry] = [e for e in found(made) if e["grouping"] == "dataset"]
    assert (entry["group"], entry["at_chance"]) == (name, True)
    assert entry["low"] <= 0.5 <= entry["high"]
    said = " ".join(chance_warnings({"held_out": [entry]}))
    assert f"not shown to be better than chance on the dataset {name}, of which it learned nothing" in said
    assert f"AUROC {entry['auroc']:.3f}" in said
    assert (
        chance_warnings(
            {"held_out": [{**entry, "auroc": None, "low": None, "high": None, "at_chance": None}]}
        )
        == []
    )
    told = table.frame
    [entry] = [
        e for e in found(Predictions(told[(told["dataset"] != name) | (told["split"] == "test")]))
        if e["grouping"] == "dataset"
    ]  # fmt: skip
    assert entry["at_chance"] is False
    assert chance_warnings({"held_out": [entry]}) == []
    assert found(table) == []  # val has everything that test has
    assert chance_warnings({}) == []  # bundles of format 1 do not say
