"""What is not to the byte what was written, or could run code, is refused before it is used."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skintag.bundle import Bundle
from skintag.bundle.manifest import FORMAT_VERSION, FileEntry, Manifest
from skintag.bundle.verify import verify
from skintag.core.errors import DataError
from tests.bundle.small import sign, write_small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small(tmp_path / "bundle")


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        Bundle.load(folder)
    assert str(folder) in str(caught.value)
    assert caught.value.fix


def test_what_was_written_passes(folder: Path) -> None:
    manifest = verify(folder)
    assert [entry.path for entry in manifest.files] == [
        "model_card.md", "probes/x.ubj", "probes/y.npz", "texts.json",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["texts.json", "model_card.md", "probes/x.ubj", "probes/y.npz"])
def test_one_changed_byte_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=name) as caught:
        verify(folder)
    assert "SHA-256" in caught.value.expected


def test_a_byte_more_is_refused(folder: Path) -> None:
    with (folder / "texts.json").open("ab") as stream:
        stream.write(b"\n")
    refused(folder, r"texts\.json")


def test_missing_file_is_refused(folder: Path) -> None:
    (folder / "probes" / "x.ubj").unlink()
    refused(folder, r"missing: probes/x\.ubj")


def test_file_that_does_not_belong_is_refused(folder: Path) -> None:
    (folder / "probes" / "more.json").write_text("{}")
    refused(folder, r"also probes/more\.json")


def test_changed_manifest_is_refused(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"model": "head"', '"model": "mlp_finetuned"'))
    refused(folder, "digest")


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, r"no bundle\.json")


def test_newer_format_says_to_update(folder: Path) -> None:
    path = folder / "bundle.json"
    # of a format that this version cannot know: other keys, another digest
    path.write_text(json.dumps({"kind": "skintag bundle", "format_version": FORMAT_VERSION + 1, "parts": []}))
    with pytest.raises(DataError, match="newer SkinTag") as caught:
        Bundle.load(folder)
    assert "update SkinTag" in caught.value.fix


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.0])
def test_version_that_is_none_is_refused(folder: Path, version: object) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": version}))
    refused(folder, "format_version")


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"kind": "other"}', "[" * 100_000])
def test_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text)
    refused(folder, "bundle.json")


@pytest.mark.parametrize(
    "name", ["../out.json", "/etc/passwd", "a/../b", "a//b", "./a", "C:/x", "a\\b", "", "a\0b", "bundle.json"]
)
def test_manifest_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    manifest = Manifest.read(folder)
    files = (*manifest.files, FileEntry(name, 1, "0" * 64))
    Manifest("small", "head", "torch", "", "0", files).write(folder)
    refused(folder, r"bundle\.json")


def test_names_that_differ_in_case_alone_are_refused(folder: Path) -> None:
    files = (*Manifest.read(folder).files, FileEntry("TEXTS.json", 1, "0" * 64))
    Manifest("small", "head", "torch", "", "0", files).write(folder)
    refused(folder, "TEXTS")


def test_link_is_refused_even_where_its_content_is_right(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "texts.json", tmp_path / "elsewhere.json")
    (folder / "texts.json").symlink_to(tmp_path / "elsewhere.json")
    refused(folder, r"texts\.json is a link")


def test_linked_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "probes", tmp_path / "elsewhere")
    (folder / "probes").symlink_to(tmp_path / "elsewhere")
    refused(folder, "probes is a link")


class Trap:
    """Unpickling it would fail the test."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def torch_file() -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, stream)
    return stream.getvalue()


def objects(name: str) -> bytes:
    stream = io.BytesIO()
    array = np.array([Trap()], dtype=object)
    if name == "npz":
        np.savez(stream, a=array)
    else:
        np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "suffix", [".pkl", ".pt", ".joblib", ".bin", ".json", ".ubj", ".onnx", ".safetensors", ".npy", ""]
)
def test_pickle_is_refused_under_any_name(folder: Path, suffix: str, protocol: int) -> None:
    (folder / f"weights{suffix}").write_bytes(pickle.dumps(Trap(), protocol))
    refused(sign(folder), f"weights{suffix}")


@pytest.mark.parametrize(
    "name", ["weights.ckpt", "weights.json", "weights.onnx", "weights.safetensors", "weights.npz"]
)
def test_file_of_torch_save_is_refused_under_any_name(folder: Path, name: str) -> None:
    (folder / name).write_bytes(torch_file())
    refused(sign(folder), name)


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_array_of_objects_is_refused(folder: Path, kind: str) -> None:
    (folder / f"arrays.{kind}").write_bytes(objects(kind))
    refused(sign(folder), "Python objects")


def test_pickle_is_named_as_one(folder: Path) -> None:
    (folder / "weights.json").write_bytes(pickle.dumps(Trap()))
    refused(sign(folder), "a pickle, protocol")


def test_plain_arrays_pass(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(3.0))
    verify(write_small(tmp_path / "b", **{"a.npy": stream.getvalue()}))


def test_bundle_of_an_older_format_is_read_by_a_later_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_small(tmp_path / "bundle")
    monkeypatch.setattr("skintag.bundle.manifest.FORMAT_VERSION", 3)
    assert verify(folder).format_version == 2
