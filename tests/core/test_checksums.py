"""Damage of what is stored: told when it is read, never used."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from skintag.core.checksums import Damaged, check_zip, file_crc32
from skintag.core.errors import DataError
from skintag.core.io import read_json, write_json
from skintag.core.parquet import read_parquet, write_parquet, write_table
from skintag.core.stored import read_yaml, write_yaml
from skintag.models.torch_files import load_checkpoint

FLIPS = 300


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    out[rng.integers(len(out))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    scores = rng.random(400).astype(np.float32)
    names = pd.Series([f"ham10000/{i:04d}" for i in range(400)], dtype="str")
    return pd.DataFrame({"image_id": names, "target": (scores > 0.5).astype("int8"), "p_malignant": scores})


def test_a_table_comes_back_and_other_readers_read_it_too(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(table(), path)
    pd.testing.assert_frame_equal(read_parquet(path), table())
    pd.testing.assert_frame_equal(pd.read_parquet(path), table())
    assert pq.read_table(path).num_rows == 400
    again = tmp_path / "again.parquet"
    write_parquet(table(), again)
    assert path.read_bytes() == again.read_bytes()


def test_the_metadata_of_a_table_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(pa.table({"a": [1]}).replace_schema_metadata({"mine": "yes"}), path)
    assert pq.read_schema(path).metadata[b"mine"] == b"yes"


def test_no_flipped_bit_of_a_table_is_used(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(table(), path)
    whole, rng, told = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(whole, rng))
        try:
            pd.testing.assert_frame_equal(read_parquet(path), table())
        except (Damaged, OSError, ValueError):
            told += 1
    assert told > 0.98 * FLIPS  # what is not told is in the checksum's own name


def test_every_flipped_bit_of_a_zips_directory_is_told_as_damage_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"weights": torch.arange(4.0)}, path)
    whole = path.read_bytes()
    start = whole.index(b"PK\x01\x02")
    for at in range(start, min(start + 80, len(whole))):  # the first entry: sizes, flags, method, name
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(bytes(damaged))
            with suppress(Damaged):  # any other exception is one that a user would see
                check_zip(path)


def test_a_table_without_a_checksum_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table().to_parquet(path, index=False)
    pd.testing.assert_frame_equal(read_parquet(path), table())


def test_no_flipped_bit_of_json_is_used(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    value = {"thresholds": {"head": {"balanced": 0.431, "note": "üß", "rule": None, "n": [1, 2.5]}}}
    write_json(path, value)
    whole, rng, told = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(whole, rng))
        try:
            read = read_json(path)
        except (Damaged, ValueError):
            told += 1
        else:  # a blank became another
            assert read == value
    assert told > 0.8 * FLIPS


PLAIN = (
    st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers() | st.none() | st.booleans()
)


@given(value=st.dictionaries(st.text().filter(lambda key: key != "checksum"), PLAIN | st.lists(PLAIN)))
@settings(max_examples=60)
def test_json_comes_back_as_it_was(value: dict[str, object]) -> None:
    with TemporaryDirectory() as folder:
        write_json(Path(folder) / "v.json", value)
        assert read_json(Path(folder) / "v.json") == value


def test_json_may_be_laid_out_anew_but_not_edited(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    write_json(path, {"a": 1, "b": [0.1, 2]})
    held = json.loads(path.read_text())
    path.write_text(json.dumps(held))
    assert read_json(path) == {"a": 1, "b": [0.1, 2]}
    path.write_text(json.dumps({**held, "a": 2}))
    with pytest.raises(Damaged, match=r"v\.json(.|\n)*damaged, or changed by hand"):
        read_json(path)
    del held["checksum"]  # as version 0.1 wrote it, or a person
    path.write_text(json.dumps({**held, "a": 2}))
    assert read_json(path)["a"] == 2


def test_no_flipped_bit_of_a_checkpoint_is_used(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    weights = torch.arange(4096, dtype=torch.float32)
    torch.save({"state_dict": {"w": weights}, "epoch": 3}, path)
    whole, rng, told = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(whole, rng))
        try:
            read = load_checkpoint(path)
        except DataError:
            told += 1
        else:  # in the padding between members, or a zip's date
            assert read["epoch"] == 3
            assert torch.equal(read["state_dict"]["w"], weights)
    assert told > 0.8 * FLIPS


def test_the_sums_of_a_zip_are_those_of_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"x" * 1000)
    check_zip(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"xxxx", b"xyxx", 1))
    with pytest.raises(Damaged, match=r"a\.zip"):
        check_zip(path)
    assert file_crc32(tmp_path / "a.zip") != f"{0:08x}"


def test_no_flipped_bit_of_a_configuration_is_used(tmp_path: Path) -> None:
    path, values = (
        tmp_path / "config.yaml",
        {"seed": 10, "data": {"prepared": "p", "raw": "${data.prepared}"}},
    )
    write_yaml(OmegaConf.create(values), path)
    assert read_yaml(path) == values
    sound, rng, told = path.read_bytes(), np.random.default_rng(4), 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(sound, rng))
        try:
            assert read_yaml(path) == values  # a bit of the word "checksum" itself
        except DataError as error:
            told += "config.yaml" in str(error)
    assert told > FLIPS / 2


def test_configuration_that_was_changed_by_hand_is_read_without_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_yaml(OmegaConf.create({"seed": 1}), path)
    sound = path.read_bytes()
    changed = path.read_text().replace("seed: 1", "seed: 2")
    path.write_text(changed)
    with pytest.raises(Damaged, match="changed by hand, delete its last line"):
        read_yaml(path)
    path.write_text(changed.splitlines()[0])
    assert read_yaml(path) == {"seed": 2}
    path.write_bytes(sound.replace(b"\n", b"\r\n"))  # by a version control of Windows
    assert read_yaml(path) == {"seed": 1}
