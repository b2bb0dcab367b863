"""The embedding store: every image once, whoever writes, and nothing half-written is read."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from skintag.core.errors import DataError
from skintag.features.embeddings import EmbeddingKey, EmbeddingStore

KEY = EmbeddingKey(weights="w", preprocessing="p")


def hashes(*numbers: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in numbers]


def vectors(*numbers: int, width: int = 5) -> np.ndarray:
    return np.stack([np.arange(width) + 100 * i for i in numbers]).astype(np.float32)


def filled(root: Path) -> EmbeddingStore:
    """Images 0 to 9 in three parts."""
    store = EmbeddingStore(root, KEY)
    for part in ((3, 1, 2), (0, 9, 8, 7), (4, 5, 6)):
        store.add(hashes(*part), vectors(*part))
    return store


def test_rows_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    filled(tmp_path)
    wanted = (9, 3, 0, 3, 6)  # over all parts, one of them twice
    found, rows = EmbeddingStore(tmp_path, KEY).lookup(hashes(*wanted))
    assert found.all()
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, vectors(*wanted))


def test_what_is_missing_is_nan_and_counted(tmp_path: Path) -> None:
    store = filled(tmp_path)
    found, rows = store.lookup(hashes(77, 4, 78))
    assert found.tolist() == [False, True, False]
    assert np.isnan(rows[[0, 2]]).all()
    np.testing.assert_array_equal(rows[1], vectors(4)[0])
    store.lookup(hashes(1))
    assert (store.reused, store.missed) == (2, 2)
    assert store.summary() == "extracted 2, reused 2"


def test_an_empty_store_has_nothing_of_width_zero(tmp_path: Path) -> None:
    found, rows = EmbeddingStore(tmp_path, KEY).lookup(hashes(1, 2))
    assert not found.any()
    assert rows.shape == (2, 0)


def test_no_images_give_no_rows_of_the_right_width(tmp_path: Path) -> None:
    found, rows = filled(tmp_path).lookup([])
    assert found.shape == (0,)
    assert rows.shape == (0, 5)


def test_another_process_sees_new_parts_at_once(tmp_path: Path) -> None:
    reader = EmbeddingStore(tmp_path, KEY)
    assert not reader.lookup(hashes(1))[0].any()
    filled(tmp_path)
    assert reader.lookup(hashes(1))[0].all()


@pytest.mark.parametrize(
    "other", [EmbeddingKey("w2", "p"), EmbeddingKey("w", "p2"), EmbeddingKey("w", "p", "bfloat16")]
)
def test_keys_do_not_share_rows(tmp_path: Path, other: EmbeddingKey) -> None:
    filled(tmp_path)
    assert not EmbeddingStore(tmp_path, other).lookup(hashes(1))[0].any()


def test_the_first_of_two_embeddings_of_an_image_stays(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.add(hashes(4), vectors(4) + 1)
    np.testing.assert_array_equal(store.fetch(hashes(4)), vectors(4))


def _write(root: Path, start: int) -> None:
    store = EmbeddingStore(root, KEY)
    for i in range(start, start + 40, 4):
        numbers = range(i, i + 8)  # every part overlaps the next, and the other process's
        store.add(hashes(*numbers), vectors(*numbers))


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, start)) for start in (0, 20, 40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    everything = range(84)
    np.testing.assert_array_equal(
        EmbeddingStore(tmp_path, KEY).fetch(hashes(*everything)), vectors(*everything)
    )


def test_rows_without_hashes_are_ignored(tmp_path: Path) -> None:
    store = filled(tmp_path)
    sorted(store.folder.glob("*.index.npy"))[0].unlink()  # as where a process was killed between the two
    (store.folder / ".1-a.index.npy.1234.part").write_bytes(b"\x93NUMPY half")
    found, _ = EmbeddingStore(tmp_path, KEY).lookup(hashes(1, 4))
    assert found.tolist() == [False, True]


@pytest.mark.parametrize(
    ("suffix", "damage"),  # an index that is gone is that of a part that was never finished
    [(s, d) for s in ("rows", "index") for d in ("cut", "empty", "other")] + [("rows", "gone")],
)
def test_a_damaged_part_is_said_and_computed_again(
    tmp_path: Path, suffix: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = filled(tmp_path)
    path = sorted(store.folder.glob(f"*.{suffix}.npy"))[1]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "gone":
        path.unlink()
    else:
        np.save(path, np.zeros(3))
    found, _ = EmbeddingStore(tmp_path, KEY).lookup(hashes(1, 9))
    assert found.tolist() == [True, False]
    stem = path.name.split(".")[0]
    assert stem in capsys.readouterr().err
    assert not list(store.folder.glob(f"{stem}.index.npy"))
    EmbeddingStore(tmp_path, KEY).lookup(hashes(1))
    assert not capsys.readouterr().err  # it is said once


def test_no_flipped_bit_changes_a_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted = range(1, 6)
    for flip in range(150):
        root = tmp_path / str(flip)
        store = EmbeddingStore(root, KEY)
        store.add(hashes(*wanted), vectors(*wanted))
        path = list(store.folder.glob("*.npy"))[flip % 2]
        data = bytearray(path.read_bytes())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        found, rows = EmbeddingStore(root, KEY).lookup(hashes(*wanted))
        if len(rows) and rows.shape[1]:
            np.testing.assert_array_equal(rows[found], vectors(*wanted)[found])


def test_damage_that_is_met_while_training_names_the_file_and_is_mended_by_the_next_start(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path)
    located = store.locate(hashes(2, 4))
    path = located.parts[int(located.part[0])].path
    with path.open("rb+") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))
    with pytest.raises(DataError, match=rf"(?s){path.name}.*other bytes.*resume="):
        located.take(np.arange(2))
    assert not path.exists()
    assert EmbeddingStore(tmp_path, KEY).locate(hashes(2, 4)).found.tolist() == [False, True]


def test_parts_of_version_0_1_are_read(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path, KEY)
    np.save(store.folder / "00000000000000000001-aaaaaaaaaaaa.rows.npy", vectors(1, 2))
    np.save(
        store.folder / "00000000000000000001-aaaaaaaaaaaa.sha256.npy", np.array(hashes(1, 2), dtype="S64")
    )
    np.testing.assert_array_equal(store.fetch(hashes(2, 1)), vectors(2, 1))


def test_two_widths_under_one_key_are_an_error(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.add(hashes(11), vectors(11, width=6))
    with pytest.raises(DataError, match="width 6"):
        store.lookup(hashes(1))


def test_fetch_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"1 missing: {hashes(99)[0]}"):
        filled(tmp_path).fetch(hashes(1, 99))


@pytest.mark.parametrize("bad", [["abc"], ["g" * 64], ["A" * 64], ["0" * 65], ["0" * 64, "0" * 63]])
def test_what_is_no_sha256_is_refused(tmp_path: Path, bad: list[str]) -> None:
    with pytest.raises(ValueError, match="64 lower-case hex"):
        EmbeddingStore(tmp_path, KEY).lookup(bad)


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path, KEY)
    with pytest.raises(ValueError, match="2 hashes"):
        store.add(hashes(1, 2), vectors(1))
    with pytest.raises(ValueError, match=hashes(2)[0]):
        store.add(hashes(1, 2), np.array([[0.0], [np.nan]]))
    assert not list(store.folder.glob("*.npy"))


def test_a_folder_of_another_key_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path)
    key = store.folder / "key.json"
    key.write_text(json.dumps({**json.loads(key.read_text()), "weights": "other"}))
    with pytest.raises(DataError, match=r"key\.json"):
        EmbeddingStore(tmp_path, KEY)
