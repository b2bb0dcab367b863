"""What a reader has to be warned of before any figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from skintag.evaluation.report.cells import count, number, percent, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import LEVEL, family
from skintag.evaluation.report.held_out import USEFUL, at_chance, chance_text

FEW_POSITIVES: Final = 100
FEW_TO_FIT: Final = 30
TOO_GOOD: Final = 0.99
SHIFT: Final = 0.05


@dataclass(frozen=True)
class Caution:
    """A warning at the top of the page."""

    level: Literal["bad", "warn"]
    """`bad`: the figures may not mean what they say. `warn`: read them with this in mind."""
    title: str
    text: str


def cautions(evidence: Evidence) -> list[Caution]:
    """All that apply, the worst first."""
    found = [
        *_leaks(evidence), *_pretraining(evidence), *_too_good(evidence), *_chance(evidence), *_clusters(evidence),
        *_few(evidence),
        *_doubtful(evidence), *_shift(evidence), *_skin(evidence), *_fitted(evidence), *_coarse(evidence),
        *_seeds(evidence),
    ]  # fmt: skip
    return sorted(found, key=lambda caution: caution.level != "bad")


def _leaks(evidence: Evidence) -> list[Caution]:
    audit = evidence.origin.audit
    if audit is None:
        text = "Nobody has counted how many test images share a patient, a lesion or a near-duplicate with training."
        return [Caution("warn", "No leakage audit", text)]
    if not evidence.origin.leaky:
        return []
    parts = [
        f"{count(o['shared'])} of {count(o['images'])} ({percent(o['share'])}) "
        + ("in any of these ways" if o["key"] == "any of these" else f"by {o['key']}")
        for o in audit["overlaps"]
        if (o["dataset"], o["split"], o["against"]) == ("all", "test", "train") and o["shared"]
    ]
    asked = "on purpose, to show what the leak is worth" if audit.get("leaky") else "although it should not"
    text = (
        f"The {evidence.origin.split or 'run'} split puts related images on both sides {asked}. Test images related "
        f"to training images: {words(parts) or 'none, but validation images are'}. What was remembered cannot be "
        "told from what was learned: every figure below is too good."
    )
    return [Caution("bad", "Leaky split", text)]


def _pretraining(evidence: Evidence) -> list[Caution]:
    """Test images that the backbone's published weights have, or may have, learned from."""
    seen = evidence.origin.seen_before
    if not seen:
        return []
    images = {True: "may have been", False: "were"}
    parts = [
        f"{count(entry['images'])} of {entry['dataset']} {images[entry['sure'] == 'possible']} seen by "
        f"{entry['backbone']} ({entry['sure']}: {entry['source']})"
        for entry in seen
    ]
    certain = any(entry["sure"] != "possible" for entry in seen)
    text = (
        f"Test images of datasets that were among the sources of the backbone's pretraining: {words(parts)}. Figures "
        "on them, and those over all images, may be too good; those on other datasets are not touched by it."
    )
    title = "Test images seen in pretraining" if certain else "Test images may have been seen in pretraining"
    return [Caution("bad" if certain else "warn", title, text)]


def _too_good(evidence: Evidence) -> list[Caution]:
    rows = evidence.assessment.levels
    rows = rows[(rows["metric"] == "auroc") & (rows["grouping"].isin(["overall", "dataset", "domain"]))]
    rows = rows[(rows["value"] > TOO_GOOD) & ~rows["too_few"]]
    if rows.empty:
        return []
    which = [f"{r['model']} on {r['group']} ({number(r['value'])})" for _, r in rows.head(6).iterrows()]
    more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
    text = f"AUROC above {TOO_GOOD}: {words(which)}{more}. Assume a leak or a shortcut until it is found not to be one."
    return [Caution("bad", "Too good to be true", text)]


def _chance(evidence: Evidence) -> list[Caution]:
    """What was held out and is ranked no better than by a coin."""
    rows = at_chance(evidence)
    rows = rows[rows["held_out"]]
    if rows.empty:
        return []
    said = " ".join(chance_text(evidence, row) for _, row in rows.iterrows())
    if (rows["high"] < USEFUL).any():
        text = f"{said} What the model says of pictures like these means nothing, whatever the figures on others are."
        return [Caution("bad", "At chance on what was held out", text)]
    text = f"{said} These images do not show that it is of any use on pictures like them, nor that it is not."
    return [Caution("bad", "Not shown to be of use on what was held out", text)]


def _clusters(evidence: Evidence) -> list[Caution]:
    if evidence.clustered:
        return []
    text = (
        "No row says which patient or lesion it shows, so intervals ignore clustering: they are too narrow where "
        "images belong together. Add a column for patient, lesion or group."
    )
    return [Caution("warn", "Intervals ignore clustering", text)]


def _few(evidence: Evidence) -> list[Caution]:
    target = evidence.test.target
    positives = int(target.sum())
    out = []
    if positives < FEW_POSITIVES:
        text = (
            f"The test set has {count(positives)} malignant images. Validation of a model is commonly asked to have at "
            f"least {FEW_POSITIVES} (Collins et al., 2016); intervals are wide, and groups may not be comparable."
        )
        out.append(Caution("warn", "Few malignant test images", text))
    levels = evidence.levels(evidence.main, metric="sensitivity")
    levels = levels[levels["too_few"] & levels["grouping"].isin(["domain", "dataset", "fst_group"])]
    if len(levels):
        groups = [f"{r['group']} ({count(r['n_positive'])})" for _, r in levels.iterrows()]
        minimum = evidence.assessment.settings.minimum
        text = f"Fewer than {minimum} malignant images: {words(groups)}. They are shown, marked, and left out of gaps."
        out.append(Caution("warn", "Groups that are too small", text))
    return out


def _doubtful(evidence: Evidence) -> list[Caution]:
    """Groups where intervals of levels are not established, by the simulations of experiments/calibrated_intervals."""
    levels = evidence.levels(evidence.main, metric="sensitivity")
    shown = levels["grouping"].isin(["overall", "domain", "dataset", "fst_group"])
    levels = levels[shown & (levels["note"] != "") & levels["value"].notna()]
    if levels.empty:
        return []
    groups = dict.fromkeys("all test images" if g == "all" else g for g in levels["group"])
    text = (
        f"Too few independent patients with malignant images, or one with very many: {words(list(groups))}. Intervals "
        "of what stands on them (sensitivity, AUROC, F1, tiers, curves) may cover less or more than their 95%, in "
        "simulations 61-100%; each is marked, and levels.csv says why."
    )
    return [Caution("warn", "Intervals that may miss their 95%", text)]


def _shift(evidence: Evidence) -> list[Caution]:
    val, test = evidence.predictions.val(evidence.main).target, evidence.test.target
    if not len(val) or not len(test):
        return []
    difference = test.mean() - val.mean()
    pooled = np.concatenate([val, test]).mean()
    error = np.sqrt(pooled * (1 - pooled) * (1 / len(val) + 1 / len(test)))
    if abs(difference) < SHIFT or abs(difference) < 3 * error:
        return []
    text = (
        f"{percent(val.mean())} of validation images are malignant, but {percent(test.mean())} of test images. "
        "Thresholds, calibration and predictive values that were fitted on the former do not carry over."
    )
    return [Caution("warn", "Prevalence shift between validation and test", text)]


def _skin(evidence: Evidence) -> list[Caution]:
    frame = evidence.test.frame
    missing = frame["fst_group"].isna()
    if not missing.any():
        return []
    if missing.all():
        return [Caution("warn", "No skin types", "Nothing below says how the model does on dark skin.")]
    known, unknown = (frame.loc[mask, "target"].mean() for mask in (~missing, missing))
    where = [
        f"{domain} {percent(part.isna().mean(), 0)}"
        for domain, part in frame.groupby("domain", sort=True)["fst_group"]
    ]
    text = (
        f"By domain: {words(where)}. {percent(known, 0)} of the images with a known type are malignant, "
        f"{percent(unknown, 0)} of the others. Figures by skin type stand on the "
        "images that have one, and need not hold for the others."
    )
    return [Caution("warn", f"Skin type is unknown for {percent(missing.mean(), 0)} of test images", text)]


def _fitted(evidence: Evidence) -> list[Caution]:
    threshold = evidence.thresholds[evidence.main]
    if (
        threshold.objective == "given"
        or min(threshold.n_positive, threshold.n - threshold.n_positive) >= FEW_TO_FIT
    ):
        return []
    text = f"They were fitted on {count(threshold.n_positive)} malignant of {count(threshold.n)} validation images."
    return [Caution("warn", "Thresholds stand on few images", text)]


def _coarse(evidence: Evidence) -> list[Caution]:
    """Whether the smallest p-value that so many exchanges can give is too large for so many questions."""
    told = int(family(evidence)["p_value"].notna().sum())
    least = told / (evidence.assessment.settings.permutations + 1)
    if least < LEVEL:
        return []
    text = (
        f"{evidence.assessment.settings.permutations:,} exchanges cannot give a p-value below {number(least, 2)} after "
        f"Holm's correction over {told} gaps: no gap can be told from chance. Make the report again with more, "
        f"report.assessment.permutations={-(-told * 40 // 1000) * 1000}."
    )
    return [Caution("warn", "Too few permutations", text)]


def _seeds(evidence: Evidence) -> list[Caution]:
    if not evidence.origin.provenance:
        return []
    text = (
        "One training seed. Intervals cover the choice of test images, not that of the seed: compare runs over "
        "several seeds before claiming that one way of training is better."
    )
    return [Caution("warn", "One seed", text)]
