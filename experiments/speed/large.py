"""How long does the evaluation of very large tables take, and how much memory?

    python experiments/speed/large.py
    python experiments/speed/large.py --rows 10000 50000

`skintag evaluate` on made-up predictions of one model, each table in a process of its own, beside a plain bootstrap of
the AUROC alone by scikit-learn. A million rows have no clusters and no groups. experiments/speed/README.md has figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

CLUSTERED = 200_000  # rows up to which there are patients, lesions and groups
PEER = 5  # resamples of the peer that are timed; its time is scaled up


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Test rows and a quarter as many val rows, three images a patient; larger tables than `CLUSTERED` are bare."""
    rng = np.random.default_rng(seed)
    patient, target = rng.integers(0, rows // 3, rows), (rng.random(rows) < 0.25).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=rows) + 1.5 * target - 1)))
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(rows)],
            "target": target,
            "p_malignant": score.round(6),
            "split": np.where(patient % 5 == 0, "val", "test"),
        }
    )
    if rows > CLUSTERED:
        return frame
    lesion = rng.integers(0, 2, rows)
    return frame.assign(
        patient_id=[f"p{p}" for p in patient],
        lesion_id=[f"l{p}_{k}" for p, k in zip(patient, lesion, strict=True)],
        fitzpatrick=rng.choice(["I", "II", "III", "IV", "V", "VI"], rows),
        domain=rng.choice(["dermoscopic", "clinical", "smartphone"], rows),
        dataset=rng.choice(["a", "b", "c", "d"], rows),
    )


def measured(path: Path, out: Path) -> tuple[float, float, float]:
    """Seconds on the clock, of processor time, and GB at the peak, of one evaluation."""
    command = [sys.executable, "-m", "skintag", "evaluate", f"predictions={path}", f"out={out}"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the evaluation of {path.name} ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def peer(frame: pd.DataFrame) -> float:
    """Seconds that 500 resamples of rows would take scikit-learn for the AUROC of all test rows alone."""
    test = frame[frame["split"] == "test"]
    target, score = test["target"].to_numpy(), test["p_malignant"].to_numpy()
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    for _ in range(PEER):
        drawn = rng.integers(0, len(test), len(test))
        roc_auc_score(target[drawn], score[drawn])
    return (time.perf_counter() - began) * 500 / PEER


def main() -> None:
    """Measure each table in turn, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000, 200_000, 1_000_000])
    args = parser.parse_args()
    shown = Table()
    for heading in ("rows", "clock s", "CPU s", "peak GB", "AUROC alone, scikit-learn, 500 resamples, s"):
        shown.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for rows in args.rows:
            frame, path = table(rows), Path(folder, f"{rows}.csv")
            frame.to_csv(path, index=False)
            clock, processor, memory = measured(path, Path(folder, f"report_{rows}"))
            shown.add_row(
                f"{rows:,}", f"{clock:.0f}", f"{processor:.0f}", f"{memory:.2f}", f"{peer(frame):.0f}"
            )
    Console().print(shown)


if __name__ == "__main__":
    main()
