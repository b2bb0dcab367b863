"""The document that the web app's types are made from, and the texts that both sides share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import skintag.serving
from skintag.bundle.parts import Texts
from skintag.serving.openapi import document
from tests.serving.small import ROOT, form

TEXTS = ROOT / "skintag" / "serving" / "texts"


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return document()


def test_module_writes_the_document_that_the_server_gives(
    client: TestClient, written: dict[str, Any]
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "skintag.serving.openapi"], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert json.loads(done.stdout) == written == client.get("/api/openapi.json").json()


def test_every_route_says_what_it_answers_and_how_it_fails(written: dict[str, Any]) -> None:
    assert set(written["paths"]) == {
        "/api/analyze", "/api/analyze/batch", "/api/health", "/api/ready", "/api/model", "/metrics", "/bundle/{path}",
    }  # fmt: skip
    analyze = written["paths"]["/api/analyze"]["post"]["responses"]
    assert {"200", "400", "401", "413", "415", "422", "429", "503"} <= set(analyze)
    assert set(analyze["422"]["content"]) == {"application/problem+json"}
    assert "Retry-After" in analyze["503"]["headers"]
    ids = [op["operationId"] for path in written["paths"].values() for op in path.values()]
    assert len(set(ids)) == len(ids)
    text = json.dumps(written)
    assert "HTTPValidationError" not in text
    names = {ref.split('"')[0] for ref in text.split("#/components/schemas/")[1:]}
    assert names <= set(written["components"]["schemas"])


def test_examples_are_what_the_schema_says(written: dict[str, Any]) -> None:
    schemas = written["components"]["schemas"]
    for name, schema in schemas.items():
        for example in schema.get("examples", []):
            Draft202012Validator({**schema, "components": written["components"]}).validate(example)
        assert name
    assert schemas["Analysis"]["examples"]


def test_answers_are_what_the_schema_says(client: TestClient, written: dict[str, Any]) -> None:
    answers = {
        "Analysis": client.post("/api/analyze", **form()).json(),
        "Model": client.get("/api/model").json(),
        "Health": client.get("/api/health").json(),
        "ProblemDetails": client.get("/api/nothing").json(),
        "BatchLine": json.loads(client.post("/api/analyze/batch", **form("images")).text),
    }
    for name, answer in answers.items():
        schema = {**written["components"]["schemas"][name], "components": written["components"]}
        Draft202012Validator(schema).validate(answer)


def test_english_texts_are_those_of_python() -> None:
    said, own = json.loads((TEXTS / "en.json").read_text(encoding="utf-8")), Texts()
    assert said == {
        "advice": dict(own.advice),
        "inflammatory": own.inflammatory,
        "out_of_distribution": own.out_of_distribution,
        "disclaimer": own.disclaimer,
    }


def test_no_language_lacks_a_text() -> None:
    def keys(value: dict[str, Any], before: str = "") -> set[str]:
        out = set()
        for name, inner in value.items():
            assert inner, name
            out |= keys(inner, f"{before}{name}.") if isinstance(inner, dict) else {before + name}
        return out

    english = keys(json.loads((TEXTS / "en.json").read_text(encoding="utf-8")))
    for path in sorted(TEXTS.glob("*.json")):
        assert keys(json.loads(path.read_text(encoding="utf-8"))) == english, path.name


def test_public_names_are_there() -> None:
    assert skintag.serving.create_app
    assert skintag.serving.Settings
    with pytest.raises(AttributeError):
        skintag.serving.nothing  # noqa: B018
