"""What the API says of a picture, and how it refuses what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from skintag.bundle import Bundle
from skintag.serving.schemas import Analysis, BatchLine
from tests.serving.small import FIXTURES, encoded, form, plain, write_bundle


def analysed(client: TestClient, data: bytes, **fields: str) -> dict[str, Any]:
    answer = client.post("/api/analyze", **form(data=data, **fields))
    assert answer.status_code == 200, answer.text
    Analysis.model_validate(answer.json())
    return answer.json()


def test_answer_has_what_the_bundle_says(client: TestClient, tiny: Path) -> None:
    pixels = plain(180)
    said = analysed(client, encoded(pixels))
    bundle = Bundle.load(tiny)
    # one colour: whatever resizes it, the mean stays within a level
    own = bundle.predict([pixels])[0].to_json()
    for name, value in own.items():
        if name == "image":
            assert name not in said
        elif isinstance(value, float):
            assert said[name] == pytest.approx(value, abs=0.02)
    assert said["tier"] == own["tier"]
    assert said["disclaimer"] == own["disclaimer"]
    assert said["bundle"]["version"] == bundle.manifest.digest[:12]
    assert said["picture"] == {"width": 96, "height": 64}
    assert (said["map"]["height"], said["map"]["width"], len(said["map"]["values"])) == (4, 4, 16)
    assert said["map"]["values"][0] == pytest.approx(180 / 255, abs=0.02)


@pytest.mark.parametrize("colour", [(230, 20, 20), (20, 230, 20), (20, 20, 230)])
def test_three_categories_sum_to_one(client: TestClient, colour: tuple[int, int, int]) -> None:
    said = analysed(client, encoded(plain(*colour)))
    found = said["categories"]
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    assert found["malignant"] == said["malignancy_probability"]
    assert (found["inflammatory"] > found["benign"]) == (colour[2] == 230)


def test_bundle_without_resize_answers_as_predict_does(client_of: Callable[..., TestClient]) -> None:
    client = client_of(FIXTURES / "bundle_onnx.zip")
    bundle = Bundle.load(FIXTURES / "bundle_onnx.zip", threads=1)
    for path in sorted((FIXTURES / "pictures").iterdir()):
        said, own = analysed(client, path.read_bytes()), bundle.predict([path])[0].to_json()
        assert said["map"] is None
        for name in set(own) - {"image", "conditions"}:
            close = isinstance(own[name], float) and not isinstance(own[name], bool)
            assert said[name] == (pytest.approx(own[name], rel=1e-4) if close else own[name])
    assert client.get("/api/model").json()["device"] is False


@pytest.mark.slow
def test_bundle_of_torch_is_served(client_of: Callable[..., TestClient]) -> None:
    path = FIXTURES / "pictures" / "0.jpg"
    said = analysed(client_of(FIXTURES / "bundle_torch.zip"), path.read_bytes())
    own = Bundle.load(FIXTURES / "bundle_torch.zip").predict([path])[0]
    assert said["malignancy_score"] == pytest.approx(own.malignancy_score, rel=1e-5)


def test_crop_is_a_part_of_the_upright_picture(client: TestClient) -> None:
    left, right = plain(230, size=(60, 80)), plain(20, size=(60, 80))
    whole = Image.fromarray(np.hstack([left, right]))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by 90 degrees
    turned = encoded(np.asarray(whole.transpose(Image.Transpose.ROTATE_90)), "PNG", exif=exif)
    crop = json.dumps({"x": 0.5, "y": 0, "width": 0.5, "height": 1})
    part = analysed(client, turned, crop=crop)
    assert part["picture"] == {"width": 120, "height": 80}
    assert part["crop"] == {"x": 0.5, "y": 0.0, "width": 0.5, "height": 1.0}
    assert part["malignancy_probability"] < 0.4 < analysed(client, turned)["malignancy_probability"]
    assert part["malignancy_probability"] == pytest.approx(
        analysed(client, encoded(right))["malignancy_probability"], abs=1e-6
    )


def test_quality_is_of_the_part_that_was_taken(client: TestClient) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    assert [f["finding"] for f in analysed(client, encoded(noise))["quality"]] == []
    crop = json.dumps({"x": 0, "y": 0, "width": 0.05, "height": 0.05})
    assert [f["finding"] for f in analysed(client, encoded(noise), crop=crop)["quality"]] == ["small"]
    dark = np.zeros((400, 400, 3), np.uint8)
    assert [f["finding"] for f in analysed(client, encoded(dark))["quality"]] == ["blurred", "underexposed"]


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"", 422, "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not-an-image"),
        (b"<!doctype html><script>1</script>", 415, "not-an-image"),
        (b"%PDF-1.7 ...", 415, "unsupported-format"),
        (b"GIF89a" + b"\0" * 40, 415, "unsupported-format"),
        (encoded(plain(9))[:-40], 422, "truncated"),
        (encoded(plain(9), "JPEG")[:400], 422, "truncated"),
    ],
)
def test_what_is_no_picture_is_refused(client: TestClient, data: bytes, status: int, kind: str) -> None:
    answer = client.post("/api/analyze", **form(data=data))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["type"] == f"urn:skintag:problem:{kind}"
    assert said["status"] == status
    assert said["request_id"] == answer.headers["x-request-id"]
    assert "expected" in said["detail"].lower()
    assert "anna" not in answer.text


@pytest.mark.parametrize(
    "crop",
    [
        "{", "[]", "1", '{"x":0}', '{"x":0,"y":0,"width":0,"height":1}', '{"x":0.6,"y":0,"width":0.5,"height":1}',
        '{"x":"0","y":0,"width":1,"height":1}', '{"x":NaN,"y":0,"width":1,"height":1}', "[" * 2000,
        '{"x":true,"y":0,"width":1,"height":1}', '{"x":-0.1,"y":0,"width":1,"height":1}',
        '{"x":1e999,"y":0,"width":1,"height":1}', f'{{"x":0,"y":0,"width":1,"height":{"9" * 400}}}',
    ],
)  # fmt: skip
def test_crop_that_is_none_is_refused(client: TestClient, crop: str) -> None:
    answer = client.post("/api/analyze", **form(crop=crop))
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":crop")


def test_batch_answers_in_order_and_goes_on_past_what_is_no_picture(client: TestClient) -> None:
    reds = [10, 120, 250]
    files = [("images", ("a", encoded(plain(red)), "image/png")) for red in reds]
    files.insert(1, ("images", ("b", b"nothing", "image/png")))
    answer = client.post("/api/analyze/batch", files=files)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [BatchLine.model_validate(line).index for line in lines] == [0, 1, 2, 3]
    assert lines[1]["error"]["status"] == 415
    scores = [line["analysis"]["malignancy_score"] for line in lines if "analysis" in line]
    alone = [analysed(client, encoded(plain(red)))["malignancy_score"] for red in reds]
    assert scores == pytest.approx(alone, abs=1e-6)
    assert client.app.state.service.admitted == 0  # type: ignore[attr-defined]


def test_more_pictures_than_a_batch_may_have_are_refused(client_of: Callable[..., TestClient]) -> None:
    client = client_of(max_images=2)
    files = [("images", ("a", encoded(plain(1)), "image/png"))] * 3
    assert client.post("/api/analyze/batch", files=files).status_code == 413
    assert client.app.state.service.admitted == 0  # type: ignore[attr-defined]


def test_centre_crop_is_cut_before_the_resize(client_of: Callable[..., TestClient], tmp_path: Path) -> None:
    client = client_of(write_bundle(tmp_path / "middle", fit="center_crop"))
    middle, side = plain(200, size=(64, 64)), plain(20, size=(64, 64))
    said = analysed(client, encoded(np.hstack([side, middle, side])))
    assert said["malignancy_score"] == pytest.approx(
        analysed(client, encoded(middle))["malignancy_score"], abs=1e-6
    )


def test_model_says_what_decides(client: TestClient) -> None:
    said = client.get("/api/model").json()
    assert said["maps"]
    assert said["device"]
    assert said["image_size"] == 32
    assert said["taxonomy"]["malignant"] == ["melanoma", "basal_cell_carcinoma", "squamous_cell_carcinoma"]
    assert [f["group"] for f in said["metrics"]["domain"]] == ["dermoscopic", "clinical", "smartphone"]
    overall = said["metrics"]["overall"]
    assert overall["low"] <= overall["sensitivity"] <= overall["high"]
    assert overall["n_malignant"] == 21
    assert isinstance(overall["few"], bool)
    nobody = next(f for f in said["metrics"]["fitzpatrick"] if f["group"] == "V-VI")
    assert nobody["sensitivity"] is None
    assert said["model_card"].startswith("#")
