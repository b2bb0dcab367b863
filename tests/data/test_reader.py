"""Reading images by offset, and noticing shards and indexes that are not what they should be."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import simplejpeg

from skintag.core.errors import DataError
from skintag.core.io import read_json, write_json
from skintag.data.shards import reader
from skintag.data.shards.reader import ShardStore
from tests.data.loader_fixtures import number_of, prepare


@pytest.fixture
def catalog(tmp_path: Path) -> pd.DataFrame:
    return prepare(tmp_path, {"ham10000": 20, "ddi": 5})


@pytest.fixture
def folder(catalog: pd.DataFrame, tmp_path: Path) -> Path:
    return tmp_path / "prepared"


@pytest.fixture
def shard(folder: Path) -> Path:
    return folder / "shards" / "ham10000" / "ham10000-00001.tar"


def test_each_image_is_read_under_its_id(catalog: pd.DataFrame, folder: Path) -> None:
    store = ShardStore(folder, ["ddi", "ham10000"])
    assert len(store) == len(store.sha256) == 25
    numbers = [number_of(simplejpeg.decode_jpeg(store.read(i))) for i in range(25)]
    expected = catalog.set_index("image_id")["number"]
    assert numbers == expected[store.image_ids].tolist()
    assert list(store.read_many([3, 1])) == [store.read(3), store.read(1)]


def test_positions_follow_the_ids_asked_for(catalog: pd.DataFrame, folder: Path) -> None:
    store = ShardStore(folder, ["ham10000", "ddi"])
    wanted = catalog["image_id"].sample(frac=0.6, random_state=1)
    positions = store.positions(wanted)
    assert positions.dtype == np.int64
    assert store.image_ids[positions].tolist() == wanted.tolist()
    with pytest.raises(DataError, match="ham10000/9999"):
        store.positions(["ham10000/0001", "ham10000/9999"])


def test_store_of_one_dataset_does_not_know_the_other(catalog: pd.DataFrame, folder: Path) -> None:
    with pytest.raises(DataError, match="5 are not in them"):
        ShardStore(folder, ["ham10000"]).positions(catalog["image_id"])


def test_pickled_store_reads_the_same_and_carries_no_open_file(folder: Path) -> None:
    store = ShardStore(folder, ["ham10000"])
    assert not store._open  # nothing is opened before it is needed
    first = store.read(0)
    assert store._open
    copy = pickle.loads(pickle.dumps(store))
    assert not copy._open
    assert copy.read(0) == first
    store.close()
    assert store.read(0) == first


def test_few_files_stay_open_however_many_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MAX_OPEN", 2)
    store = ShardStore(folder, ["ham10000", "ddi"])
    for i in [*range(25), *range(25)]:
        store.read(i)
    assert len(store._open) == 2
    assert len(store.shards) == 4


def test_fingerprint_is_of_the_content_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    one = ShardStore(folder, ["ham10000", "ddi"])
    assert one.fingerprint == ShardStore(tmp_path / "copy", ["ham10000", "ddi"]).fingerprint
    assert one.fingerprint != ShardStore(folder, ["ham10000"]).fingerprint


def test_shard_cut_short_is_named_with_its_sizes(folder: Path, shard: Path) -> None:
    size = shard.stat().st_size
    shard.write_bytes(shard.read_bytes()[:-4096])
    with pytest.raises(DataError, match=rf"ham10000-00001\.tar\n.*{size:,} bytes\n.*{size - 4096:,} bytes"):
        ShardStore(folder, ["ham10000"])


def test_shard_cut_short_after_opening_is_noticed_when_read(folder: Path, shard: Path) -> None:
    store = ShardStore(folder, ["ham10000"])
    shard.write_bytes(shard.read_bytes()[:2048])
    last = int(np.flatnonzero(store.shard_of == 1)[-1])
    with pytest.raises(DataError, match=r"ham10000-00001\.tar\n.*expected.*bytes\n.*2,048 bytes"):
        store.read(last)


@pytest.mark.parametrize("what", [".tar", ".index.parquet"])
def test_lost_file_is_named(folder: Path, shard: Path, what: str) -> None:
    lost = shard.with_suffix(what)
    lost.unlink()
    with pytest.raises(DataError, match=rf"{lost.name}(.|\n)*no such file(.|\n)*prepare"):
        ShardStore(folder, ["ham10000"])


def test_index_of_another_shard_is_refused(folder: Path, shard: Path) -> None:
    other = shard.with_name("ham10000-00000.index.parquet")
    shutil.copy(other, shard.with_suffix(".index.parquet"))
    with pytest.raises(DataError, match=r"00001\.index\.parquet(.|\n)*written with ham10000-00001\.tar"):
        ShardStore(folder, ["ham10000"])


def test_shard_with_other_members_than_its_index_is_refused(folder: Path, shard: Path) -> None:
    other = shard.with_name("ham10000-00000.tar")
    data = other.read_bytes()
    assert len(data) == shard.stat().st_size  # or the size would give it away
    shard.write_bytes(data)
    with pytest.raises(DataError, match=r"expected: ham10000/\d{4}\.jpg.*\n\s*found: +ham10000/\d{4}\.jpg"):
        ShardStore(folder, ["ham10000"])


def test_shard_that_is_no_tar_is_refused(folder: Path, shard: Path) -> None:
    shard.write_bytes(b"x" * shard.stat().st_size)
    with pytest.raises(DataError, match="no header of a member"):
        ShardStore(folder, ["ham10000"])


def test_index_that_points_outside_its_shard_is_refused(folder: Path, shard: Path) -> None:
    manifest = shard.with_name("manifest.json")
    raw = read_json(manifest)
    raw["shards"][1]["bytes"] = 2000
    write_json(manifest, raw)
    with pytest.raises(DataError, match=r"at byte \d+ of 2000"):
        ShardStore(folder, ["ham10000"])


@pytest.mark.parametrize(
    "damage", [lambda m: m.write_text("{"), lambda m: write_json(m, {**read_json(m), "format": 99})]
)
def test_manifest_that_cannot_be_read_is_named(
    folder: Path, shard: Path, damage: Callable[[Path], None]
) -> None:
    damage(shard.with_name("manifest.json"))
    with pytest.raises(DataError, match=r"manifest\.json"):
        ShardStore(folder, ["ham10000"])


def test_verify_finds_a_flipped_bit(folder: Path, shard: Path) -> None:
    store = ShardStore(folder, ["ham10000"])
    store.verify()
    data = bytearray(shard.read_bytes())
    i = int(np.flatnonzero(store.shard_of == 1)[2])
    data[int(store._offsets[i]) + 100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match=str(store.image_ids[i])):
        ShardStore(folder, ["ham10000"]).verify()


class RangeHandler(SimpleHTTPRequestHandler):
    """Answers one range, as object storage does."""

    ranges = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        asked = self.headers.get("Range")
        if asked and self.ranges:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            self.send_response(206)
            data = data[first : last + 1]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


class PlainHandler(RangeHandler):
    """Always sends the whole file."""

    ranges = False


def serve(folder: Path, handler: type[RangeHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def moved(folder: Path, tmp_path: Path) -> Path:
    """A prepared folder whose tars have gone to `elsewhere`."""
    shutil.copytree(folder / "shards", tmp_path / "elsewhere")
    for tar in folder.rglob("*.tar"):
        tar.unlink()
    return tmp_path / "elsewhere"


def test_images_are_read_from_a_web_server_by_range(catalog: pd.DataFrame, folder: Path, moved: Path) -> None:
    for url in serve(moved, RangeHandler):
        store = ShardStore(folder, ["ham10000"], url)
        got = [number_of(simplejpeg.decode_jpeg(data)) for data in store.read_many(range(20))]
        assert got == catalog.set_index("image_id")["number"][store.image_ids].tolist()


def test_web_server_without_ranges_or_file_is_an_error(folder: Path, moved: Path) -> None:
    for url in serve(moved, PlainHandler):
        with pytest.raises(DataError, match=r"status 200(.|\n)*range requests"):
            ShardStore(folder, ["ham10000"], url).read(0)
        with pytest.raises(DataError, match="404"):
            ShardStore(folder, ["ham10000"], url + "/nowhere").read(0)


def test_no_flipped_bit_of_an_image_is_read(folder: Path, shard: Path) -> None:
    store = ShardStore(folder, ["ham10000"])
    mine = np.flatnonzero(store.shard_of == 1)
    whole, rng = shard.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        i = int(rng.choice(mine))
        at = int(store._offsets[i] + rng.integers(store._lengths[i]))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        shard.write_bytes(bytes(damaged))
        with pytest.raises(DataError, match=r"ham10000-00001\.tar(.|\n)*other bytes(.|\n)*verify=true"):
            store.read(i)
    shard.write_bytes(whole)
    assert all(store.read(int(i)) for i in mine)
