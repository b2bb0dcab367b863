"""Streaming: the right images, by the right worker, in equally many full batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from skintag.core.errors import DataError
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading import stream as stream_module
from skintag.data.loading.dataset import opened
from skintag.data.loading.loader import images_of
from skintag.data.loading.stream import Piece, StreamImages, TurnSampler
from skintag.data.loading.workers import as_it_is, worker_context
from skintag.data.shards.reader import ShardStore
from tests.data.loader_fixtures import number_of, prepare


class World:
    """A prepared folder, and streams over it."""

    def __init__(self, folder: Path, sizes: dict[str, int], samples_per_shard: int = 8) -> None:
        self.catalog = prepare(folder, sizes, samples_per_shard)
        self.store = ShardStore(folder / "prepared", list(sizes))
        self.positions = self.store.positions(self.catalog["image_id"])

    def stream(self, rows: np.ndarray | None = None, batch_size: int = 4, **options: int) -> StreamImages:
        rows = np.arange(len(self.catalog)) if rows is None else rows
        options = {"seed": 0, **options}
        return StreamImages(self.store, rows, self.positions, ImagePipeline(16), batch_size, **options)


def batches(stream: StreamImages, epoch: int, first: int = 0) -> list[list[int]]:
    """Rows of each batch; checks that the images are those of the rows."""
    out = []
    for images, rows in read(stream, epoch, first):
        assert [number_of(i.permute(1, 2, 0).numpy()) for i in images] == rows.tolist()
        out.append(rows.tolist())
    return out


def read(stream: StreamImages, epoch: int = 0, first: int = 0) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
    """All batches of an epoch, made in this process."""
    turns = TurnSampler(stream)
    turns.seek(epoch, first)
    return (opened(stream.__getitems__(turn)) for turn in turns)


def flat(lists: list[list[int]]) -> list[int]:
    return [row for part in lists for row in part]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"ham10000": 40, "ddi": 8})


def test_an_epoch_is_one_pass_where_batches_come_out_even(world: World) -> None:
    got = batches(world.stream(), 0)
    assert [len(batch) for batch in got] == [4] * 12
    assert sorted(flat(got)) == list(range(48))


def test_images_outside_the_rows_are_left_out(world: World) -> None:
    rows = np.flatnonzero(world.catalog["number"] % 3 == 0)
    assert sorted(flat(batches(world.stream(rows), 0))) == rows.tolist()


def test_order_is_a_function_of_seed_and_epoch(world: World) -> None:
    stream = world.stream()
    once = batches(stream, 1)
    assert batches(stream, 0) != once
    assert batches(stream, 1) == once
    assert batches(world.stream(seed=1), 1) != once


def test_shuffle_mixes_images_of_different_shards(world: World) -> None:
    shards = [world.store.shard_of[world.positions[batch]] for batch in batches(world.stream(), 0)]
    assert np.mean([len(set(s.tolist())) for s in shards]) > 2


@pytest.mark.parametrize(("world_size", "workers"), [(1, 2), (2, 1), (2, 2), (3, 1), (4, 3)])
def test_workers_of_all_ranks_share_out_the_images(world: World, world_size: int, workers: int) -> None:
    """6 shards of 8 images: fewer than 12 workers, more than 3; each image belongs to one worker."""
    slots = world_size * workers
    owners: Counter[int] = Counter()
    for slot in range(slots):
        stream = world.stream(batch_size=1, world_size=world_size, workers=workers)
        one_pass = [row for row, _, _ in stream.read(stream.pieces(3, slot))]
        assert one_pass
        owners.update(one_pass)
    assert owners == Counter(range(48))


def test_every_rank_makes_as_many_full_batches_whatever_its_shards(tmp_path: Path) -> None:
    world = World(tmp_path, {"ham10000": 33, "ddi": 3}, samples_per_shard=16)  # shards of 16, 16, 1 and 3
    for rank in range(3):
        stream = world.stream(rank=rank, world_size=3)
        got = batches(stream, 0)
        assert len(got) == len(stream) == 3
        assert {len(batch) for batch in got} == {4}


def test_more_workers_than_images_all_find_one(tmp_path: Path) -> None:
    world = World(tmp_path, {"ham10000": 3}, samples_per_shard=16)
    stream = world.stream(batch_size=1, workers=8)
    assert stream.pieces(0, 1) == [Piece(0, 1, 8)]
    assert stream.pieces(0, 7) == [Piece(0)]


def test_pieces_leave_out_shards_without_a_wanted_image(world: World) -> None:
    rows = np.flatnonzero(world.catalog["dataset"] == "ddi")
    (piece,) = world.stream(rows).pieces(0, 0)
    assert world.store.shards[piece.shard].endswith("ddi-00000.tar")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_resumed_epoch_goes_on_with_the_very_next_batch(world: World, workers: int) -> None:
    stream = world.stream(workers=workers)
    turns = TurnSampler(stream)
    loader = DataLoader(
        stream,
        batch_sampler=turns,
        num_workers=workers,
        collate_fn=as_it_is,
        multiprocessing_context=worker_context("forkserver"),
        persistent_workers=True,
    )

    def run(epoch: int, first: int = 0) -> list[list[int]]:
        turns.seek(epoch, first)
        return [rows.tolist() for _, rows in images_of(loader)]

    whole = run(2)
    assert len(whole) == 12
    assert run(5) != whole  # workers live on, and are told the epoch
    for first in (1, 4, 11, 12):
        assert run(2, first) == whole[first:]


def test_skipped_batches_are_not_decoded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = ImagePipeline.__call__
    monkeypatch.setattr(ImagePipeline, "__call__", lambda *a, **k: calls.append(1) or real(*a, **k))
    assert len(batches(world.stream(), 0, first=9)) == 3
    assert len(calls) == 3


@pytest.mark.parametrize("keep", [0.2, 0.4])
def test_shard_cut_short_is_named(world: World, keep: float) -> None:
    path = Path(world.store.shards[2])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    stream = world.stream()
    with pytest.raises(DataError, match=rf"{path.name}\n.*a shard of 8 images"):
        list(read(stream))


def test_shard_that_ends_between_two_images_is_named(world: World) -> None:
    path = Path(world.store.shards[2])
    end = int(world.store._offsets[world.store.shard_of == 2][5]) - 512
    path.write_bytes(path.read_bytes()[:end])
    stream = world.stream()
    with pytest.raises(DataError, match=r"a shard of 8 images(.|\n)*found: +5"):
        list(read(stream))


def test_missing_shard_is_named(world: World) -> None:
    Path(world.store.shards[2]).unlink()
    stream = world.stream()
    with pytest.raises(DataError, match=Path(world.store.shards[2]).name):
        list(read(stream))


def test_shards_are_streamed_from_a_web_server(world: World, tmp_path: Path) -> None:
    expected = batches(world.stream(), 0)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "prepared" / "shards"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        world.store = ShardStore(tmp_path / "prepared", ["ham10000", "ddi"], url)
        assert batches(world.stream(), 0) == expected
        world.store = ShardStore(tmp_path / "prepared", ["ham10000", "ddi"], url + "/nowhere")
        stream = world.stream()
        with pytest.raises(DataError, match=r"nowhere(.|\n)*404"):
            list(read(stream))
        server.shutdown()


def test_no_command_is_run_for_an_address(world: World, tmp_path: Path) -> None:
    stream = world.stream()
    stream.urls = [f"pipe:touch {tmp_path}/ran; cat {url}" for url in stream.urls]
    with pytest.raises(DataError):
        list(read(stream))
    assert not (tmp_path / "ran").exists()
    assert stream_module.wds.utils.enforce_security


def test_identity_tells_what_the_order_depends_on(world: World) -> None:
    one = world.stream().identity
    assert one == world.stream().identity
    for other in ({"seed": 1}, {"batch_size": 8}, {"world_size": 2}, {"workers": 2}, {"shuffle_buffer": 10}):
        assert world.stream(**other).identity != one
    assert json.loads(json.dumps(one)) == one  # a checkpoint holds plain values only


def test_a_flipped_bit_is_not_streamed(world: World) -> None:
    shard = Path(world.store.shards[0])
    data = bytearray(shard.read_bytes())
    data[int(world.store._offsets[0]) + 100] ^= 4
    shard.write_bytes(bytes(data))
    with pytest.raises(DataError, match=rf"{shard.name}(.|\n)*other bytes"):
        flat(batches(world.stream(), 0))
