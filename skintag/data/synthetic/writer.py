"""Writing the benchmark: raw folders in their publishers' layouts, and beside them what was really drawn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.core.hashing import content_key
from skintag.core.io import atomic_path, read_json, write_bytes, write_json
from skintag.core.locks import alone
from skintag.core.processes import process_context, process_pool
from skintag.core.progress import track
from skintag.data.synthetic.encode import Job, one_thread, write_photo, write_photos
from skintag.data.synthetic.layouts import LAYOUTS
from skintag.data.synthetic.looks import CUES
from skintag.data.synthetic.plan import Corpus, photo_of, plan_corpus
from skintag.data.synthetic.settings import SyntheticSettings
from skintag.data.synthetic.vocabulary import rows_per_dataset

FORMAT_VERSION: Final = 1  # raised whenever equal settings would give other files
SETTINGS_FILE: Final = "settings.json"
TRUTH_JSON, TRUTH_CSV = "truth.json", "truth.csv"
_JOBS_PER_TASK: Final = 12


def write_benchmark(out: Path, settings: SyntheticSettings, *, workers: int) -> Path:
    """Write the raw folders of `settings` under `out` and return `out`.

    Each dataset's folder appears whole or not at all, so an interrupted call is continued by the next one;
    where all is written already the call returns at once. Of two calls at once, one waits for the other. The
    files do not depend on `workers`
    (processes; 0 or 1: this process draws). Beside the folders, never read by training:

    * `settings.json`: what was asked for;
    * `truth.csv`: a row per metadata row, what was really drawn (see `truth_table`);
    * `truth.json`: counts and what was planted, as measured.

    Raises:
        DataError: `out` holds a benchmark of other settings, or raw folders that are not of a benchmark.
    """
    out = Path(out)
    if _is_whole(out, settings):  # before the lock, which is a file in the folder
        return out
    with alone(out):
        if not _is_whole(out, settings):
            write_json(out / SETTINGS_FILE, _header(settings))
            _write_all(out, settings, workers)
    return out


def _write_all(out: Path, settings: SyntheticSettings, workers: int) -> None:
    """Write what is missing of a benchmark."""
    corpora = plan_benchmark(settings)
    missing = [corpus for corpus in corpora if not (out / corpus.dataset).is_dir()]
    with _pool(workers) if missing else nullcontext() as pool:
        for corpus in missing:
            with atomic_path(out / corpus.dataset) as part:
                _write_corpus(part, corpus, settings, pool)
    truth = pd.concat([truth_table(corpus) for corpus in corpora], ignore_index=True)
    write_bytes(out / TRUTH_CSV, truth.to_csv(index=False).encode())
    write_json(
        out / TRUTH_JSON, {**_header(settings), **_planted(truth)}
    )  # last: its presence says all is there


def plan_benchmark(settings: SyntheticSettings) -> list[Corpus]:
    """Every dataset as planned, nothing drawn yet."""
    rows = rows_per_dataset(settings.images, tuple(settings.datasets))
    return [plan_corpus(dataset, rows[dataset], settings) for dataset in settings.datasets]


def truth_table(corpus: Corpus) -> pd.DataFrame:
    """What was really drawn, a row per metadata row.

    `label` and `malignancy` are what the metadata says (empty where undiagnosed), `drawn_*` what the picture
    shows; `fitzpatrick` and `ita` (degrees) the true skin, also where the publisher records none; `ruler`;
    the ABCD cues (0..1 and mm); `lesion` and `patient` numbers within the dataset; `copy_of`, the image_id
    that this one nearly duplicates; `has_file`.
    """
    photos, ids = corpus.photos, pd.Series([f"{corpus.dataset}/{name}" for name in corpus.tables.own_ids])
    columns = [
        "label", "malignancy", "drawn_label", "drawn_look", "drawn_malignancy", "fitzpatrick", "ita", "ruler",
        *CUES, "lesion", "patient",
    ]  # fmt: skip
    truth = photos[columns].round(4)
    truth.insert(0, "image_id", ids)
    truth.insert(1, "dataset", corpus.dataset)
    truth.insert(2, "domain", LAYOUTS[corpus.dataset].domain)
    repeated = ids.iloc[photos["copy_of"].clip(lower=0)].reset_index(drop=True)
    truth["copy_of"] = repeated.where(photos["copy_of"] >= 0, "")
    truth["has_file"] = [file is not None for file in corpus.tables.files]
    return truth


def _is_whole(out: Path, settings: SyntheticSettings) -> bool:
    """Whether the benchmark is complete; DataError where `out` holds something else."""
    mine, header = out / SETTINGS_FILE, _header(settings)
    if mine.is_file():
        found = read_json(mine)
        if found != header:
            raise DataError(
                mine,
                expected="the settings asked for now",
                found=f"a benchmark that differs in {first_few(_differences(found, header))}",
                fix="name another folder (paths.raw=..., or out= of skintag synthetic), or delete this one",
            )
        return (out / TRUTH_JSON).is_file() and all((out / name).is_dir() for name in settings.datasets)
    taken = [name for name in LAYOUTS if (out / name).exists()]
    if taken:
        raise DataError(
            out,
            expected=f"an empty folder, or one with the {SETTINGS_FILE} of a benchmark",
            found=f"the folder(s) {', '.join(taken)}, which may hold real data",
            fix="name another folder (paths.raw=..., or out= of skintag synthetic)",
        )
    return False


def _header(settings: SyntheticSettings) -> dict[str, Any]:
    return {"format": FORMAT_VERSION, "settings": settings.as_dict()}


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """`key (found, wanted)` for each setting that differs."""
    ours = {"format": wanted["format"], **wanted["settings"]}
    theirs = {"format": found.get("format"), **found.get("settings", {})}
    names = [*ours, *(name for name in theirs if name not in ours)]
    return [
        f"{name} ({theirs.get(name)} there, {ours.get(name)} asked for)"
        for name in names
        if theirs.get(name) != ours.get(name)
    ]


def _write_corpus(
    folder: Path, corpus: Corpus, settings: SyntheticSettings, pool: ProcessPoolExecutor | None
) -> None:
    files = [file for file in corpus.tables.files if file is not None]
    for parent in {(folder / file).parent for file in files} | {folder}:
        parent.mkdir(parents=True, exist_ok=True)
    csv = corpus.tables.metadata.to_csv(index=False, lineterminator="\n")
    (folder / LAYOUTS[corpus.dataset].csv_name).write_text(csv, encoding="utf-8", newline="\n")
    jobs = _jobs(folder, corpus, settings)
    tasks = [jobs[start : start + _JOBS_PER_TASK] for start in range(0, len(jobs), _JOBS_PER_TASK)]
    for _ in track(_finished(tasks, pool), f"Drawing {corpus.dataset}", total=len(jobs)):
        pass


def _jobs(folder: Path, corpus: Corpus, settings: SyntheticSettings) -> list[Job]:
    """The files to write, photographs of one lesion after another so that its maps are drawn once."""
    copied = (corpus.photos["copy_of"] >= 0).to_numpy()
    files = corpus.tables.files
    order = np.argsort(corpus.photos["lesion"].to_numpy(), kind="stable")
    return [
        Job(
            photo_of(corpus, row, settings),
            path=str(folder / file),
            copy_seed=_copy_seed(settings.seed, row) if copied[row] else None,
        )
        for row in order.tolist()
        if (file := files[row]) is not None
    ]


def _copy_seed(seed: int, row: int) -> int:
    return int(content_key(seed, "copy", row)[:16], 16)


def _pool(workers: int) -> AbstractContextManager[ProcessPoolExecutor | None]:
    """A pool of `workers` processes, or nothing where this process draws by itself."""
    if workers <= 1:
        return nullcontext()
    # spawn: a forked child of a process with torch or OpenCV threads may deadlock
    return process_pool(workers, process_context("spawn"), one_thread)


def _finished(tasks: list[list[Job]], pool: ProcessPoolExecutor | None) -> Iterator[int]:
    """Yield once per finished file; the order of the work changes nothing in the files."""
    if pool is None:
        for task in tasks:
            for job in task:
                write_photo(job)
                yield 1
        return
    futures = [pool.submit(write_photos, task) for task in tasks]
    try:
        for future in as_completed(futures):
            yield from range(future.result())
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise


def _planted(truth: pd.DataFrame) -> dict[str, Any]:
    """Counts, and the planted effects as they came out (null where a group is empty)."""
    diagnosed = truth[truth["malignancy"] != ""]
    suspicious = diagnosed["malignancy"] != "benign"
    wrong = (diagnosed["drawn_malignancy"] != "benign") != suspicious
    rulers = {
        str(domain): float(rows.loc[suspicious, "ruler"].mean() - rows.loc[~suspicious, "ruler"].mean())
        for domain, rows in diagnosed.groupby("domain", sort=False)
    }
    by_dataset = truth.groupby("dataset", sort=False)["has_file"]
    return {
        "rows": by_dataset.size().to_dict(),
        "files": by_dataset.sum().to_dict(),
        "near_duplicates": int((truth["copy_of"] != "").sum()),
        "ruler_rate_difference": rulers,
        "mislabelled_share": float(wrong.mean()),
    }
