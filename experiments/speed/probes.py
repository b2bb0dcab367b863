"""How long the probes take to fit on embeddings of a real run's size.

Question: which settings keep all probes together under three minutes on two cores?
Embeddings are drawn: ten classes in the real proportions, in a 32-dimensional subspace, plus noise.

    python experiments/speed/probes.py
    python experiments/speed/probes.py --rows 3000 --only logistic mlp
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from skintag.probes.base import Probe
from skintag.probes.data import ProbeData
from skintag.probes.logistic import LogisticProbe
from skintag.probes.majority import MajorityProbe
from skintag.probes.mlp import MLPProbe
from skintag.probes.xgboost import XGBoostProbe

SHARES = np.array([12, 8, 3, 5, 45, 9, 3, 3, 8, 4]) / 100  # of the ten conditions
MALIGNANT = (0, 1, 2, 3)


def draw(rows: int, width: int, noise: float, seed: int) -> tuple[ProbeData, ProbeData, ProbeData]:
    """Train, val (a seventh) and test (two sevenths) from one distribution."""
    rng = np.random.default_rng(seed)
    centres, mix = rng.standard_normal((len(SHARES), 32)), rng.standard_normal((32, width)) / 6

    def part(n: int) -> ProbeData:
        condition = rng.choice(len(SHARES), n, p=SHARES)
        hidden = centres[condition] + noise * rng.standard_normal((n, 32))
        embeddings: NDArray[np.float64] = hidden @ mix + rng.standard_normal((n, width))
        flipped = rng.random(n) < 0.05  # labels that no embedding explains
        target = np.isin(condition, MALIGNANT) ^ flipped
        return ProbeData(embeddings, target, condition, np.ones(n))  # type: ignore[arg-type]

    return part(rows), part(rows // 7), part(2 * rows // 7)


def main() -> None:
    """Fit each probe once and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=14_000)
    parser.add_argument("--width", type=int, default=1_280)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--noise", type=float, default=3.0, help="within-class spread; more makes it harder")
    parser.add_argument("--only", nargs="+", default=None, help="names of settings to run")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train, val, test = draw(args.rows, args.width, args.noise, seed=0)
    probes: dict[str, Probe] = {
        "majority": MajorityProbe(),
        "logistic": LogisticProbe(),
        "mlp": MLPProbe(),
        "xgboost": XGBoostProbe(threads=args.threads),
        "xgboost_256_bins": XGBoostProbe(threads=args.threads, max_bin=256),
    }
    table = Table(title=f"{args.rows:,} x {args.width:,} drawn embeddings, {args.threads} threads")
    for heading in (
        "probe",
        "seconds",
        "CPU seconds",
        "test AUROC",
        "test accuracy, ten conditions",
        "chosen",
    ):
        table.add_column(heading)
    for name in args.only or probes:
        start = time.process_time()
        with threadpool_limits(args.threads):
            probes[name].fit(train, val)
            cpu = time.process_time() - start
            output = probes[name].predict(test.embeddings)
        record = probes[name].record
        assert record is not None
        assert output.conditions is not None
        chosen = ", ".join(f"{k} {v:.3g}" for k, v in record.chosen.items() if "loss" not in k)
        area = roc_auc_score(test.target, output.malignant)
        hits = (output.conditions.argmax(axis=1) == test.condition).mean()
        table.add_row(name, f"{record.seconds:.1f}", f"{cpu:.1f}", f"{area:.3f}", f"{hits:.3f}", chosen)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
