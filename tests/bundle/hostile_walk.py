"""Bundles that a stranger made: something in them replaced, with digests that fit, loaded and asked about a picture.

`python -m tests.bundle.hostile_walk <bundle folder> [bundles] [seed]` prints how each ended: `said` (an error of
SkinTag's that names a file), `answered` (a prediction as it should look), `NONSENSE` (one that should not), or the name
of an exception that is not ours; and the peak of memory and the slowest.
"""

from __future__ import annotations

import json
import math
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import FileEntry, Manifest
from skintag.core.errors import SkinTagError

GOOD = ("said", "answered")
NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 10**6, 10**9, 2**63, 10**400, 0.5, -0.0, 1e308, math.nan, math.inf, "", "x", "é" * 10**6,
    "../../etc/passwd", "/dev/zero", "<script>alert(1)</script>", "${oc.env:HOME}", "os.system", "hf-hub:a/b", [], [1],
    [[0.1] * 100] * 100, list(range(10**5)), {}, {"a": {"b": {}}}, {"_target_": "os.system"},
)  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places in a JSON value, inner ones too."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for k in range(min(len(value), 5)):
            yield from leaves(value[k], (*path, k))


def spoil_json(path: Path, rng: np.random.Generator) -> str:
    """Replace, drop or repeat something of a JSON file, whose own checksum then fits."""
    value = json.loads(path.read_text(encoding="utf-8"))
    value.pop("checksum", None)
    places = list(leaves(value))
    place = places[rng.integers(len(places))]
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    if rng.random() < 0.15:
        del inner[place[-1]]
        done = "dropped"
    else:
        inner[place[-1]] = NASTY[rng.integers(len(NASTY))]
        done = repr(inner[place[-1]])[:40]
    path.write_text(json.dumps(value), encoding="utf-8")
    return f"{path.name} {'.'.join(map(str, place))}: {done}"


def spoil_bytes(path: Path, rng: np.random.Generator) -> str:
    """Write over a few bytes of a file, most often of its head."""
    data = bytearray(path.read_bytes())
    reach = len(data) if rng.random() < 0.3 else min(len(data), 2000)
    for _ in range(int(rng.integers(1, 6))):
        data[rng.integers(reach)] = rng.integers(256)
    path.write_bytes(bytes(data))
    return f"{path.name}: bytes"


def spoiled(sound: Path, place: Path, rng: np.random.Generator) -> str:
    """A copy of a bundle with one file spoiled, and a manifest that fits it."""
    shutil.copytree(sound, place)
    manifest = Manifest.read(place)
    files = [entry.path for entry in manifest.files if not entry.path.endswith((".md", "provenance.json"))]
    if rng.random() < 0.1:
        said = asdict(manifest)
        name = ("name", "model", "runtime", "note", "skintag")[rng.integers(5)]
        said[name] = NASTY[rng.integers(len(NASTY))]
        manifest, done = replace(manifest, **{name: said[name]}), f"bundle.json {name}: {said[name]!r:.40}"
    else:
        path = place / files[rng.integers(len(files))]
        done = (spoil_json if path.suffix == ".json" else spoil_bytes)(path, rng)
    entries = tuple(FileEntry.of(place, entry.path) for entry in manifest.files)
    replace(manifest, files=entries).write(place)
    return done


def as_it_should_be(prediction: Any) -> bool:
    """Whether a prediction's numbers are numbers, and its probabilities such."""
    said = json.loads(json.dumps(asdict(prediction), allow_nan=True))
    shares = [
        said["malignancy_score"],
        said["malignancy_probability"],
        *(c["probability"] for c in said["conditions"]),
    ]
    return all(isinstance(p, float) and 0 <= p <= 1 for p in shares) and said["tier"] in (
        "LOW",
        "MODERATE",
        "HIGH",
    )


def ending(folder: Path) -> str:
    """How loading a bundle and asking it and its probes about a picture ends."""
    picture = np.random.default_rng(0).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    try:
        bundle = Bundle.load(folder)
        (prediction,) = bundle.predict([picture])
        _ = bundle.metrics, bundle.model_card, bundle.seen
        for probe in bundle.probes().values():
            assert probe.record is not None
            probe.predict(np.zeros((1, probe.record.width), dtype=np.float32))
    except SkinTagError:
        return "said"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "answered" if as_it_should_be(prediction) else "NONSENSE"


def walk(sound: Path, bundles: int, seed: int) -> tuple[Counter[str], float]:
    """Endings of so many bundles, and the slowest in seconds."""
    rng, counts, slowest = np.random.default_rng(seed), Counter(), 0.0
    assert ending(sound) == "answered"
    for _ in range(bundles):
        with tempfile.TemporaryDirectory() as place:
            done = spoiled(sound, Path(place) / "bundle", rng)
            began = time.monotonic()
            end = ending(Path(place) / "bundle")
            took = time.monotonic() - began
        slowest = max(slowest, took)
        counts[end if end in GOOD else end.partition(":")[0]] += 1
        if end not in GOOD or took > 10:
            print(f"{done} -> {end} ({took:.1f} s)", flush=True)
    return counts, slowest


if __name__ == "__main__":
    given = sys.argv[1:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, longest = walk(
        Path(given[0]), int(given[1]) if given[1:] else 100, int(given[2]) if given[2:] else 0
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{dict(found)}; slowest {longest:.1f} s; peak {peak / 1e3:.0f} MB ({before / 1e3:.0f} MB before)")
