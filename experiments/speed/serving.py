"""Requests per second and latencies of the API, beside the model alone, itself without batches, and mosec.

Question: what do HTTP and batching cost and buy, where everything else is the same?

    python experiments/speed/serving.py
    python experiments/speed/serving.py --requests 2000 --clients 32 --rounds 4 --model mobilenetv3_large_100

One ONNX file (random weights: time does not depend on them) and the same photographs go through every row:

    loop, 1 at a time     decode, resize, network, answer, one photograph after the other; no server
    loop, batches         the same in batches, decoding in threads ahead of the network: what a job would do
    skintag serve         this project's server
    skintag serve, 1      the same with batch_size=1
    mosec                 its server, with the same code to decode and to answer in its stages, and batches as large

Rows take turns within a round; a row's requests come from clients in a process of their own, each of which knows the
answer to its photograph and compares. Servers and clients share the machine's processors, the loops have them alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from photos import write_photos
from rich.console import Console
from rich.table import Table
from serving_bundle import write_bundle
from serving_memory import processor_seconds, resident, watched

from skintag.serving.engine import Engine, processors

HERE = Path(__file__).resolve().parent
PHOTOS = 64
WARM = 1000
"""Requests to a server before anything is counted: allocators have what they need by then."""


@dataclass
class Row:
    """What was measured of one way to answer."""

    name: str
    """As the table calls it."""
    port: int | None = None
    """Of its server; None: a loop in this process."""
    pid: int = 0
    """Of its server."""
    route: str = "/api/analyze"
    """That photographs go to."""
    rates: list[float] = field(default_factory=list)
    """Photographs a second, by round."""
    milliseconds: list[float] = field(default_factory=list)
    """Of every request."""
    work: list[float] = field(default_factory=list)
    """Milliseconds of processors for a photograph, by round; clients not counted."""
    clients: list[float] = field(default_factory=list)
    """Milliseconds of processors that a client takes for a photograph, by round."""
    wrong: int = 0
    """Answers that are another photograph's, or no answer."""
    memory: list[int] = field(default_factory=list)
    """Bytes resident, now and then."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000, help="of a row, over all rounds")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--model", default="mobilenetv3_large_100", help="of timm")
    parser.add_argument("--size", type=int, default=224, help="pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=None, help="of onnxruntime")
    parser.add_argument("--only", nargs="+", default=None, help="rows that begin with these words")
    return parser.parse_args()


def answers(engine: Engine, photos: list[bytes]) -> list[float]:
    """The score of each photograph."""
    pictures = [engine.pictures(data) for data in photos]
    return [engine.answers(p.pixels[None], [p])[0]["malignancy_score"] for p in pictures]


def loop_one(row: Row, engine: Engine, photos: list[bytes], n: int) -> None:
    """One photograph after the other."""
    begun, used = time.perf_counter(), time.process_time()
    for i in range(n):
        picture = engine.pictures(photos[i % len(photos)])
        json.dumps(engine.answers(picture.pixels[None], [picture]))
    row.rates.append(n / (time.perf_counter() - begun))
    row.work.append(1000 * (time.process_time() - used) / n)


def loop_batches(row: Row, engine: Engine, photos: list[bytes], n: int, size: int) -> None:
    """In batches; the next one is decoded while the present one computes."""
    begun, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(processors()) as pool:
        ahead = [pool.submit(engine.pictures, photos[i % len(photos)]) for i in range(size)]
        for start in range(0, n, size):
            pictures = [done.result() for done in ahead]
            later = range(start + size, min(start + 2 * size, n))
            ahead = [pool.submit(engine.pictures, photos[i % len(photos)]) for i in later]
            for answer in engine.answers(np.stack([p.pixels for p in pictures]), pictures):
                json.dumps(answer)
    row.rates.append(n / (time.perf_counter() - begun))
    row.work.append(1000 * (time.process_time() - used) / n)


@contextmanager
def server(*command: str) -> Iterator[int]:
    """A process that serves; its number."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int) -> None:
    """Until something listens."""
    import socket

    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens at {port}")


def asked(row: Row, folder: Path, requests: int, clients: int) -> None:
    """One round of a server: its clients run in a process of their own."""
    command = [sys.executable, str(HERE / "serving_clients.py"), str(row.port), row.route, str(folder),
               str(requests), str(clients)]  # fmt: skip
    used = processor_seconds(row.pid)
    with watched(row.pid, row.memory):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    said = json.loads(done.stdout)
    row.rates.append(requests / said["seconds"])
    row.clients.append(1000 * said["work"] / requests)
    row.milliseconds += said["milliseconds"]
    row.wrong += said["wrong"]
    row.work.append(1000 * (processor_seconds(row.pid) - used) / requests)


def rows_of(arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Row]:
    """The rows, their servers started."""
    bundle, threads = str(folder / "bundle"), str(arguments.threads or processors())
    rows = [Row("loop, 1 at a time"), Row("loop, batches")]
    common = ["-m", "skintag", "serve", f"bundle={bundle}", "rate_per_minute=0", "reload_seconds=0",
              f"threads={threads}", "log_level=info"]  # fmt: skip
    servers = {
        "skintag serve": (8210, "/api/analyze", [*common, "port=8210", f"batch_size={arguments.batch}"]),
        "skintag serve, 1": (8211, "/api/analyze", [*common, "port=8211", "batch_size=1"]),
        "mosec": (
            8212,
            "/inference",
            [str(HERE / "serving_mosec.py"), bundle, threads, str(arguments.batch)],
        ),
    }
    wanted = [
        name for name in servers if not arguments.only or any(name.startswith(o) for o in arguments.only)
    ]
    for name in wanted:
        port, route, command = servers[name]
        rows.append(Row(name, port, stack.enter_context(server(*command)), route))
    for row in rows[2:]:
        wait_for(row.port or 0)
    return rows


def flat(memory: list[int]) -> float:
    """How much larger the last quarter's median is than the third's."""
    quarters = np.array_split(np.array(memory), 4)
    return float(np.median(quarters[3]) / np.median(quarters[2]) - 1)


def show(rows: list[Row], clients: int) -> None:
    """Print the table."""
    table = Table(title=f"{clients} clients; medians over rounds, shares within a round")
    for column in ("", "photos/s", "of loop", "of batches", "of mosec", "CPU ms", "p50 ms", "p95 ms", "p99 ms",
                   "wrong", "MB", "MB later"):  # fmt: skip
        table.add_column(column, justify="right" if column else "left")
    mosec = next((row for row in rows if row.name == "mosec"), None)
    for row in rows:
        shares = [f"{share(row, other):.0%}" for other in rows[:2]]
        beside = "" if mosec is None else f"{share(row, mosec):.0%}"
        times = [
            f"{np.percentile(row.milliseconds, p):.0f}" if row.milliseconds else "" for p in (50, 95, 99)
        ]
        memory = (
            (f"{np.median(row.memory) / 1e6:.0f}", f"{100 * flat(row.memory):+.1f}%")
            if row.memory
            else ("", "")
        )
        rate, work = f"{np.median(row.rates):.0f}", f"{np.median(row.work):.1f}"
        table.add_row(
            row.name, rate, *shares, beside, work, *times, str(row.wrong) if row.port else "", *memory
        )
    Console(width=150).print(table)
    print("MB later: median of the last quarter beside the third one's")
    work = {row.name: round(float(np.median(row.clients)), 2) for row in rows if row.clients}
    print(f"clients' own CPU ms, on the same processors: {work}")


def share(row: Row, other: Row) -> float:
    """The median of a row's rate beside another's in the same round."""
    return float(np.median(np.array(row.rates) / np.array(other.rates)))


def main() -> None:
    arguments = parse()
    each = arguments.requests // arguments.rounds
    with TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        paths = write_photos(folder / "photos", PHOTOS, 600, 450)
        write_bundle(folder / "bundle", arguments.model, arguments.size)
        engine = Engine.load(folder / "bundle", 50_000_000, arguments.threads)
        photos = [path.read_bytes() for path in paths]
        known = answers(engine, photos)
        assert len({round(p, 5) for p in known}) > PHOTOS * 0.9, "photographs that cannot be told apart"
        (folder / "known.json").write_text(json.dumps(known))
        rows = rows_of(arguments, folder, stack)
        for number in range(arguments.rounds + 1):  # the first one warms up
            for row in rows:
                if row.name == "loop, 1 at a time":
                    loop_one(row, engine, photos, each)
                elif row.name == "loop, batches":
                    loop_batches(row, engine, photos, each, arguments.batch)
                else:
                    asked(row, folder, each if number else WARM, arguments.clients)
                if not number:
                    for kept in (row.rates, row.work, row.clients, row.milliseconds, row.memory):
                        kept.clear()
        show(rows, arguments.clients)
    print(f"{PHOTOS} photographs of 600 x 450, {arguments.model} at {arguments.size} px, {processors()} processors, "
          f"this process {resident([0]) / 1e6:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
