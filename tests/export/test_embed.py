"""Embeddings of anybody's pictures: those that a run has of them, in order, in a stream, and whole files or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from skintag.bundle.preprocess import Preprocessor
from skintag.core.errors import ConfigError, DataError
from skintag.core.parquet import check_parquet
from skintag.export import embed as module
from skintag.export.embed import DEFAULT, Embedded, Picturing, Tower, embed
from skintag.export.embedding_files import embedding_writer, files_of
from skintag.models.backbone import Backbone
from skintag.models.settings import BackboneSettings
from skintag.runs.folder import RunFolder

TINY = BackboneSettings(
    "vit_so400m_patch14_siglip_384", 56, {"embed_dim": 16, "depth": 2, "num_heads": 2, "mlp_ratio": 2.0}
)
SUFFIXES = (".parquet", ".npy")


@pytest.fixture(scope="module")
def tower() -> Tower:
    return Tower.of(TINY, Picturing())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty-three pictures of noise, three of which cannot be read."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths = [folder / f"{i:02d}.png" for i in range(23)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
    paths[4].write_bytes(b"no picture")
    paths[9].write_bytes(paths[8].read_bytes()[:200])
    paths[22].unlink()
    return paths


BAD = (4, 9, 22)


def run(tower: Tower, paths: list[Path], out: Path, **changes) -> Embedded:
    options = {"batch_size": 4, "workers": 1, "device": "cpu", "about": {}, **changes}
    return embed(tower, [path.name for path in paths], iter(paths), out, **options)


def read(out: Path) -> tuple[list[str], np.ndarray]:
    if out.suffix == ".parquet":
        frame = pd.read_parquet(out)
        return frame["image"].tolist(), np.stack(frame["embedding"].to_list())
    index = pd.read_csv(files_of(out)["index"])
    assert (index["row"] == np.arange(len(index))).all()
    return index["image"].tolist(), np.load(out)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_embeddings_are_those_of_the_backbone_in_order(tower, photos, tmp_path, suffix):
    out = tmp_path / f"e{suffix}"
    assert run(tower, photos, out) == Embedded(20, 3)
    good = [path for i, path in enumerate(photos) if i not in BAD]
    names, rows = read(out)
    assert names == [path.name for path in good]
    pixels = Preprocessor(tower.preprocessing)(good, names)
    with torch.inference_mode():
        wanted = Backbone(TINY).eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    assert rows.dtype == np.float32
    assert rows == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_do_not_depend_on_the_number_of_workers(tower, photos, tmp_path, suffix):
    contents = []
    for workers in (0, 1, 3):
        out = tmp_path / f"e{workers}{suffix}"
        run(tower, photos, out, workers=workers)
        contents.append([path.read_bytes() for path in files_of(out).values()])
    assert contents[0] == contents[1] == contents[2]


def test_pictures_that_cannot_be_read_are_listed_with_the_reason(tower, photos, tmp_path):
    out = tmp_path / "e.parquet"
    run(tower, photos, out)
    listed = pd.read_csv(files_of(out)["unreadable"])
    assert listed["image"].tolist() == [photos[i].name for i in BAD]
    assert listed["reason"].tolist() == ["not an image", "truncated", "no such file"]
    told = json.loads(files_of(out)["settings"].read_text())
    assert (told["images"], told["unreadable"]) == (20, 3)
    assert (told["embedding_size"], told["backbone"]) == (16, TINY.name)
    assert told["weights"] == tower.backbone.weights_fingerprint()


def test_nothing_is_listed_where_all_can_be_read(tower, photos, tmp_path):
    out = tmp_path / "e.parquet"
    assert run(tower, photos[:4], out) == Embedded(4, 0)
    assert not files_of(out)["unreadable"].exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_where_not_one_can_be_read_nothing_is_written_and_what_was_there_stays(
    tower, photos, tmp_path, suffix
):
    out = tmp_path / f"e{suffix}"
    run(tower, photos, out)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match=r"2 that cannot: 04.png \(not an image\), 09.png"):
        run(tower, [photos[4], photos[9]], out)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_half_way_leaves_no_file(tower, photos, tmp_path, monkeypatch, suffix):
    passed = []

    def breaks(*arguments):
        passed.append(1)
        if len(passed) == 3:
            raise RuntimeError("the power is gone")
        return rows(*arguments)

    rows = module._rows
    monkeypatch.setattr(module, "_rows", breaks)
    with pytest.raises(RuntimeError, match="power"):
        run(tower, photos, tmp_path / f"e{suffix}")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_pictures_are_taken_a_few_batches_ahead_of_what_is_written(tower, photos, tmp_path, monkeypatch):
    taken, ahead = 0, []

    def paths() -> Iterator[Path]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield photos[0]

    def rows(backbone, batch, device):
        ahead.append(taken - 4 * len(ahead))
        return np.zeros((len(batch.pixels), 16), np.float32)

    monkeypatch.setattr(module, "_rows", rows)
    embed(tower, ["a"] * 100, paths(), tmp_path / "e.npy", batch_size=4, workers=2, device="cpu", about={})
    assert max(ahead) <= 4 * (2 + 3)


def test_pictures_of_a_run_have_the_embeddings_that_it_has(finished_run, workspace, tmp_path):
    folder = RunFolder(finished_run)
    rows = folder.view.frame.head(12)
    paths = [
        Path(folder.settings.data.sources[d]) / p for d, p in zip(rows["dataset"], rows["path"], strict=True)
    ]
    assert run(Tower.of_checkpoint(finished_run, Picturing()), paths, tmp_path / "e.npy") == Embedded(12, 0)
    wanted = folder.embeddings(rows["image_id"].tolist())
    assert np.load(tmp_path / "e.npy") == pytest.approx(wanted, abs=1e-5)


def test_checkpoint_alone_has_the_same_backbone(finished_run):
    of_run, of_file = (
        Tower.of_checkpoint(path, Picturing()).told()
        for path in (finished_run, finished_run / "checkpoints" / "best.ckpt")
    )
    assert of_run == of_file


def test_what_is_asked_for_comes_before_what_the_run_has(finished_run):
    tower = Tower.of_checkpoint(finished_run, Picturing(fit="center_crop", quality=80))
    assert (tower.preprocessing.fit, tower.preprocessing.jpeg_quality) == ("center_crop", 80)
    assert tower.preprocessing.longest_side == RunFolder(finished_run).settings.data.longest_side
    assert Picturing(fit="center_crop").or_else(DEFAULT).longest_side == DEFAULT.longest_side


def test_a_checkpoint_that_is_not_there_and_a_device_that_is_not_here_are_named(tower, photos, tmp_path):
    with pytest.raises(ConfigError, match=r"expected a run folder or a \.ckpt file"):
        Tower.of_checkpoint(tmp_path / "none", Picturing())
    with pytest.raises(ConfigError, match="device=nonsense"):
        run(tower, photos, tmp_path / "e.npy", device="nonsense")


def written(out: Path, n: int, at_once: int) -> np.ndarray:
    rows = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    with embedding_writer(out, 3) as writer:
        for start in range(0, n, at_once):
            part = rows[start : start + at_once]
            writer.add([f"p{start + i}" for i in range(len(part))], part)
    return rows


@pytest.mark.parametrize("n", [1, 7, 9_999, 10_001])
def test_array_is_read_whatever_its_length(tmp_path, n):
    rows = written(tmp_path / "e.npy", n, 512)
    assert (np.load(tmp_path / "e.npy", mmap_mode="r") == rows).all()
    names, _ = read(tmp_path / "e.npy")
    assert names == [f"p{i}" for i in range(n)]


def test_parquet_has_groups_of_rows_a_list_of_fixed_size_and_a_checksum(tmp_path):
    out = tmp_path / "e.parquet"
    rows = written(out, 10_001, 500)
    check_parquet(out)
    file = pq.ParquetFile(out)
    assert file.num_row_groups == 3
    assert file.schema_arrow.field("embedding").type == pa.list_(pa.float32(), 3)
    assert (read(out)[1] == rows).all()
    damaged = bytearray(out.read_bytes())
    damaged[2000] ^= 1
    out.write_bytes(damaged)
    with pytest.raises(DataError):
        check_parquet(out)


def test_name_that_a_spreadsheet_would_run_is_made_safe(tmp_path):
    with embedding_writer(tmp_path / "e.npy", 1) as writer:
        writer.add(["=HYPERLINK()"], np.zeros((1, 1), np.float32))
    assert "'=HYPERLINK()" in files_of(tmp_path / "e.npy")["index"].read_text()


def test_other_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in .parquet or .npy"):
        files_of(tmp_path / "e.csv")
