"""How long does a whole evaluation take, and its bootstrap against fairlearn's?

    python experiments/speed/bootstrap.py
    python experiments/speed/bootstrap.py --rows 2000 --resamples 500 --peer-resamples 3

Expected on two cores: the whole evaluation of 9,456 test rows x 6 models under 30 s, and its bootstrap at least 200
times faster than `fairlearn.metrics.MetricFrame(n_boot=...)` for the same metrics in the same groups.
experiments/speed/README.md says what is measured.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from rich.console import Console
from rich.table import Table
from sklearn import metrics as sk

from skintag.evaluation.analyses.assess import AssessmentSettings, assess
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.metrics.groups import ALL_GROUPINGS
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate

DATASETS = {
    "ham10000": "dermoscopic",
    "bcn20000": "dermoscopic",
    "pad_ufes_20": "smartphone",
    "fitzpatrick17k": "clinical",
    "ddi": "clinical",
}
TYPES = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
SHARED = (
    "accuracy", "f1_macro", "f1_malignant", "auroc", "sensitivity", "specificity", "balanced_accuracy",
    "average_precision", "brier",
)  # fmt: skip


def synthetic(rows: int, models: int, seed: int) -> Predictions:
    """Test rows in clusters of 1 to 5 images, half as many val rows, and models of rising quality.

    The images of a cluster share its patient's columns and, mostly, its difficulty. Skin type, sex and age are
    known for nine patients in ten of all datasets, which is more than in any real table: groups are large, so this
    is the slow case.
    """
    rng = np.random.default_rng(seed)
    total = rows + rows // 2
    cluster = np.repeat(np.arange(total), rng.integers(1, 6, total))[:total]
    number = cluster.max() + 1

    def known(values: np.ndarray, dtype: str) -> pd.Series:
        """The patients' values in their rows, unknown for one patient in ten."""
        column = pd.Series(values[cluster], dtype=dtype)
        return column.mask((rng.random(number) < 0.1)[cluster])

    dataset = rng.choice(list(DATASETS), number, p=[0.22, 0.39, 0.05, 0.32, 0.02])[cluster]
    malignant = rng.random(number) < 0.3
    fitzpatrick = known(rng.integers(1, 7, number), "Int8")
    frame = pd.DataFrame(
        {
            "image_id": [f"x/{i:06d}" for i in range(total)],
            "dataset": dataset,
            "domain": pd.Series(dataset).map(DATASETS),
            "split": np.where(np.arange(total) < rows, "test", "val"),
            "target": malignant[cluster].astype("int8"),
            "condition": np.where(malignant, rng.integers(0, 4, number), rng.integers(4, 9, number))[cluster],
            "fitzpatrick": fitzpatrick,
            "fst_group": fitzpatrick.map(TYPES).astype("str"),
            "sex": known(rng.choice(["female", "male"], number), "str"),
            "age_group": known(rng.choice(["<30", "30-49", "50-69", "70+"], number), "str"),
            "group_id": [f"g{c}" for c in cluster],
        }
    )
    hard, truth = rng.normal(size=number)[cluster], frame["target"].to_numpy()
    tables = []
    for m in range(models):
        logit = (1 + 0.25 * m) * (2 * truth - 1) + hard + rng.normal(size=total) - 0.5
        score = (1 / (1 + np.exp(-logit))).astype("float32")
        tables.append(Predictions.from_arrays(frame, f"model_{m}", score))
    return Predictions.concat(tables)


def ours(predictions: Predictions, cuts: dict[str, float], resamples: int) -> None:
    """Percentile limits of the shared metrics in all groups of all models, by clusters."""
    drawn = Resamples.of(predictions.test(predictions.models[0]), resamples, seed=0)
    for model in predictions.models:
        found = replicate(predictions.test(model), cuts[model], drawn, metrics=SHARED)
        np.nanquantile(found.values, (0.025, 0.975), axis=0)


def fairlearns(rows: TestPredictions, cut: float, resamples: int) -> None:
    """The same for one model by fairlearn, row by row: it knows no clusters. Any of its frames has what is overall."""
    for grouping in ALL_GROUPINGS[1:]:
        codes, names = grouping.codes(rows.frame)
        inside = codes >= 0
        MetricFrame(
            metrics=peer_metrics(cut),
            y_true=rows.target[inside],
            y_pred=rows.score[inside],
            sensitive_features=np.array(names)[codes[inside]],
            n_boot=resamples,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )


def peer_metrics(cut: float) -> dict[str, Callable[..., float]]:
    """scikit-learn's functions for `SHARED`, of targets and scores."""

    def decided(function: Callable[..., float], **options: object) -> Callable[..., float]:
        return lambda target, score: function(target, score >= cut, **options)

    return {
        "accuracy": decided(sk.accuracy_score),
        "f1_macro": decided(sk.f1_score, average="macro"),
        "f1_malignant": decided(sk.f1_score),
        "auroc": sk.roc_auc_score,
        "sensitivity": decided(sk.recall_score),
        "specificity": decided(sk.recall_score, pos_label=0),
        "balanced_accuracy": decided(sk.balanced_accuracy_score),
        "average_precision": sk.average_precision_score,
        "brier": sk.brier_score_loss,
    }


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of processor time over all threads."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Time each row of the table in turn, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=9456, help="test rows")
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--peer-resamples", type=int, default=5, help="fairlearn's; its time is scaled up")
    args = parser.parse_args()
    predictions = synthetic(args.rows, args.models, seed=0)
    thresholds = fit_thresholds(predictions)
    cuts = {model: threshold.value for model, threshold in thresholds.items()}
    settings = AssessmentSettings(resamples=args.resamples)

    timed(
        lambda: replicate(predictions.test("model_0"), 0.5, Resamples.draw(np.arange(args.rows), 2, 0))
    )  # imports
    whole = timed(lambda: assess(predictions, thresholds, settings))
    mine = timed(lambda: ours(predictions, cuts, args.resamples))
    rows, cut = predictions.test(predictions.models[0]), cuts[predictions.models[0]]
    # what does not grow with the resamples (checks, the values on the data) is not scaled: n and 1 resample apart
    one = timed(lambda: fairlearns(rows, cut, 1))
    some = timed(lambda: fairlearns(rows, cut, 1 + args.peer_resamples))
    scale = (args.resamples - 1) / args.peer_resamples
    peer = tuple(args.models * (a + (b - a) * scale) for a, b in zip(one, some, strict=True))

    clusters = rows.frame["group_id"].nunique()
    title = (
        f"{len(rows):,} rows in {clusters:,} clusters, {args.models} models, {len(ALL_GROUPINGS)} groupings, "
        f"{args.resamples:,} resamples"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("", "clock s", "CPU s", "x ours, clock", "x ours, CPU"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("whole evaluation", f"{whole[0]:.1f}", f"{whole[1]:.1f}")
    table.add_row(f"our bootstrap, {len(SHARED)} metrics", f"{mine[0]:.2f}", f"{mine[1]:.2f}", "1", "1")
    ratios = (f"{peer[i] / mine[i]:,.0f}" for i in (0, 1))
    label = f"fairlearn's, scaled from {args.peer_resamples} resamples of one model"
    table.add_row(label, f"{peer[0]:,.0f}", f"{peer[1]:,.0f}", *ratios)
    Console().print(table)
    print(
        f"Peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"
    )


if __name__ == "__main__":
    main()
