"""A stranger's bundle, digests and all in order, ends in an answer or in an error that names a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import FileEntry, Manifest
from skintag.core.errors import DataError
from tests.bundle.hostile_walk import GOOD, walk

PROBE = "probes/finetuned/logistic.json"


def changed(bundle: Path, place: Path, name: str, change: Callable[[Any], None]) -> Path:
    """A copy of a bundle in which one of its JSON files is changed, and the manifest fits it."""
    shutil.copytree(bundle, place)
    value = json.loads((place / name).read_text())
    value.pop("checksum", None)
    change(value)
    (place / name).write_text(json.dumps(value))
    manifest = Manifest.read(place)
    replace(manifest, files=tuple(FileEntry.of(place, entry.path) for entry in manifest.files)).write(place)
    return place


@pytest.mark.parametrize("value", ["", None, [], "1", float("nan"), 10**400])
def test_calibration_that_is_no_number_is_refused_by_its_file(
    bundle_folder: Path, tmp_path: Path, value: Any
) -> None:
    def change(content: dict[str, Any]) -> None:
        for entry in content["calibrations"].values():
            entry["slope"] = value

    with pytest.raises(DataError, match=r"calibration\.json"):
        Bundle.load(changed(bundle_folder, tmp_path / "b", "calibration.json", change))


@pytest.mark.parametrize(
    "conditions", [[0, float("nan")], ["a"], "abc", [0, 10**6], [3, 1], [0, 0], [], [-1, 0], [{}]]
)
def test_conditions_of_a_probe_that_there_are_not_are_refused_by_its_file(
    bundle_folder: Path, tmp_path: Path, conditions: Any
) -> None:
    folder = changed(
        bundle_folder,
        tmp_path / "b",
        PROBE,
        lambda c: c["record"].update(conditions=conditions),
    )
    with pytest.raises(DataError, match=Path(PROBE).name):
        Bundle.load(folder).probes()


@pytest.mark.parametrize("change", [{"files": 0}, {"record": {}}, {"record": None}, {"settings": [1]}])
def test_probe_that_says_something_else_is_refused_by_its_file(
    bundle_folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    folder = changed(bundle_folder, tmp_path / "b", PROBE, lambda c: c.update(change))
    with pytest.raises(DataError, match=Path(PROBE).name):
        Bundle.load(folder).probes()


@pytest.mark.long
def test_whatever_is_replaced_in_a_bundle_ends_in_an_answer_or_in_an_error(bundle_folder: Path) -> None:
    counts, slowest = walk(bundle_folder, bundles=100, seed=3)
    assert counts.total() == 100
    assert set(counts) <= set(GOOD)
    assert slowest < 60
