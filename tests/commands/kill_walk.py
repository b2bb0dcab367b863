"""Walks kill points of the commands: each is killed at a change to the file system, and then told to go on.

`python -m tests.commands.kill_walk <folder> [points] [seed] [seconds]` walks points drawn over all commands and prints
a line for each that does not end as an uninterrupted command does.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.commands import kills
from tests.conftest import tiny_overrides

_SMALL = ["debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=logistic"]
_STUDENT = [
    "trainer=cpu",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "logger=csv",
    "augment=basic",
]
_FIGURES = ("predictions.parquet", "metrics.json", "thresholds.json", "comparison.json", "bundle.json")


@dataclass(frozen=True)
class Command:
    """A command to kill, how it goes on, and where its result lies."""

    name: str
    start: list[str]
    out: Path
    """Removed before each start."""
    go_on: Callable[[], list[str]]
    also: tuple[Path, ...] = ()
    """Further folders that are removed before a start."""


def commands(place: Path, run: Path) -> dict[str, Command]:
    """Those that are walked; `run` is a finished run in the workspace `place`."""
    train = [*tiny_overrides(place), *_SMALL, "experiment=multi_balanced"]
    report = ["report=true", "robustness=false"]
    out = place / "runs" / "killed"
    named = f"hydra.run.dir={out}"
    student = [
        *_SMALL[1:],
        *_STUDENT,
        f"teacher={run}",
        "student=any",
        "backbone.name=mobilenetv3_small_050",
        "backbone.image_size=32",
        "backbone.features=blocks",
        f"paths.cache={place}/cache",
        "report=false",
    ]
    student += ["robustness=false", "export=[]", "bundle=false", "backbone.pretrained=false"]
    sweep = place / "runs" / "sweep"
    bundle = place / "bundle"
    build = ["bundle", "build", f"run={run}", f"out={bundle}", "zip=true"]
    evaluate = ["evaluate", f"run={run}", f"out={place}/report"]
    fresh = [o.replace(f"{place}/prepared", f"{place}/prepared2") for o in train]

    def resumed(program: str, start: list[str], folder: Path) -> Callable[[], list[str]]:
        def how() -> list[str]:
            if (folder / ".hydra" / "overrides.yaml").is_file():
                return [program, f"resume={folder}"]
            shutil.rmtree(folder, ignore_errors=True)  # as the message says
            return start

        return how

    def swept() -> list[str]:
        if (sweep / "multirun.yaml").is_file():
            return ["train", "-m", f"resume={sweep}"]
        shutil.rmtree(sweep, ignore_errors=True)
        return many

    many = ["train", "-m", *train, "seed=0,1", "robustness=false", f"hydra.sweep.dir={sweep}"]
    first = ["train", *train, *report, named]
    anew = ["train", *fresh, "robustness=false", named]
    taught = ["distill", *student, named]
    every = [
        Command("train", first, out, resumed("train", first, out)),
        Command("prepare and train", anew, out, resumed("train", anew, out), (place / "prepared2",)),
        Command("sweep", many, sweep, swept),
        Command("distill", taught, out, resumed("distill", taught, out)),
        Command("bundle build", build, bundle, lambda: build, (place / "bundle.zip",)),
        Command("evaluate", evaluate, place / "report", lambda: evaluate),
    ]
    return {command.name: command for command in every}


def figures(folder: Path) -> dict[str, bytes]:
    """The files below a folder whose bytes must not depend on whether it was killed."""
    found = (path for path in sorted(folder.rglob("*")) if path.name in _FIGURES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def uninterrupted(command: Command, place: Path) -> tuple[int, dict[str, bytes]]:
    """How many changes a command makes that nobody kills, and its figures."""
    _clear(command)
    ended = kills.run(command.start, place)
    assert ended.status == 0, f"{command.name}: {ended.said}"
    return ended.changes, figures(command.out)


def killed_and_gone_on(command: Command, place: Path, at: int, expected: dict[str, bytes]) -> str:
    """What is wrong after a command was killed at a change and went on; empty where nothing is."""
    _clear(command)
    killed = kills.run(command.start, place, kill_at=at)
    if killed.status == 124:
        return "hangs"
    again = command.go_on()
    ended = kills.run(again, place)
    finished = "has finished" in ended.said
    if ended.status != 0 and not finished:
        kind = "hangs" if ended.status == 124 else f"ends with {ended.status}"
        return f"{kind} ({' '.join(again)[:80]}): {ended.said[-600:]}"
    if "Traceback" in ended.said:
        return f"traceback: {ended.said[-600:]}"
    found = figures(command.out)
    if found != expected:
        other = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
        return f"other figures: {sorted(other)}"
    parts = [str(path) for path in place.rglob(".*.part")]
    return f"left behind: {parts}" if parts else ""


def _clear(command: Command) -> None:
    for path in (command.out, *command.also):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def prepared_place(place: Path) -> Path:
    """A workspace with prepared data and a finished run, whose folder is given."""
    place.mkdir(parents=True, exist_ok=True)
    run = place / "runs" / "finished"
    start = [*tiny_overrides(place), *_SMALL, "experiment=multi_balanced", "robustness=false"]
    if not run.exists():
        ended = kills.run(["train", *start, f"hydra.run.dir={run}"], place)
        assert ended.status == 0, ended.said
    return run


def main(place: Path, points: int, seed: int, seconds: float) -> None:
    """Walk as many points as there is time for, drawn command by command."""
    os.environ.update(OMP_NUM_THREADS="1", WANDB_MODE="offline")
    kills.warm_up()
    run, draw, began = prepared_place(place), random.Random(seed), time.monotonic()
    known, walked, bad = {}, dict.fromkeys(commands(place, run), 0), 0
    for name, command in commands(place, run).items():
        known[name] = uninterrupted(command, place)
        print(f"{name}: {known[name][0]} changes, {len(known[name][1])} files compared", flush=True)
    for number in range(points):
        if time.monotonic() - began > seconds:
            break
        name = list(walked)[number % len(walked)]
        at = draw.randint(1, known[name][0])
        wrong = killed_and_gone_on(commands(place, run)[name], place, at, known[name][1])
        walked[name] += 1
        bad += bool(wrong)
        if wrong:
            print(f"{name}, killed at {at}: {wrong}", flush=True)
    print(f"walked {walked}; wrong: {bad}; {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        Path(given[0]),
        int(given[1]) if given[1:] else 200,
        int(given[2]) if given[2:] else 0,
        float(given[3]) if given[3:] else 3600.0,
    )
