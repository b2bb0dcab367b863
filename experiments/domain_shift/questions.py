"""What is asked of the domain-shift grid: each question a contrast in which like is compared with like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from study import BALANCED, DARK, HOME, LIGHTER, MULTI, OLD, SINGLE, YOUNG, Study, others_of, paired

from skintag.evaluation.statistics.contrasts import auroc_of
from skintag.evaluation.statistics.sides import Contrast, mean_over

DROP, BARE = "cross-domain drop of single_ham", ", without rulers"
RULER = f"ruler, {HOME} images called malignant by multi"
RULER_BALANCED = "balancing, images called malignant for a ruler"


@dataclass(frozen=True)
class Question:
    """One contrast that is asked about, in each seed."""

    name: str
    """Short name."""
    positive: str
    """What a positive value says."""
    negative: str
    """What a negative value says."""
    per_seed: list[Contrast]
    """A contrast for each seed."""
    knobs: tuple[str, ...] = ()
    """Which planted effects of the synthetic benchmark make it differ from zero; none: never planted."""
    follows: bool = False
    """It may follow from the planted effects, but it is no direct one: both answers are right."""
    trained_apart: bool = False
    """It compares regimes that learned from other amounts of data, or with other weights on them: that makes a
    difference even where nothing is planted, so both answers are right whatever the benchmark."""


def questions(study: Study) -> list[Question]:
    """All questions that the runs and the attributes of a study can be asked."""
    return [*_drops(study), *_shortcut(study), *_groups(study), *_balancing(study)]


def without_rulers(study: Study) -> list[str]:
    """Names of the questions that need to know which images show a ruler, where that is not known."""
    if "ruler" in study.frame:
        return []
    names = []
    if SINGLE in study.runs and others_of(study):
        names.append(DROP + BARE)
    if MULTI in study.runs:
        names.append(RULER)
        names += [RULER_BALANCED] if BALANCED in study.runs else []
    return names


def _drops(study: Study) -> Iterator[Question]:
    """What single_ham loses away from home, and what having learned from all domains gives there."""
    others = others_of(study)
    if SINGLE not in study.runs or not others:
        return
    for name, among in (("", None), (BARE, study.bare)):
        if among is not None and among.all():
            continue
        by_domain = [study.drop(SINGLE, d, among) for d in others]
        yield Question(
            DROP + name,
            f"single_ham has less AUROC on other images than on {HOME} ones{name}, on the same conditions",
            f"single_ham has more AUROC on other images than on {HOME} ones{name}, on the same conditions",
            [mean_over(of_seed) for of_seed in zip(*by_domain, strict=True)],
            # a ruler that gives the diagnosis away is part of what is lost away from home
            ("domain_gap",) if name else ("domain_gap", "shortcut"), follows=bool(name),
        )  # fmt: skip
    if MULTI in study.runs:
        by_domain = [
            paired(study.auroc(MULTI, d, study.pairs(d)), study.auroc(SINGLE, d, study.pairs(d)))
            for d in others
        ]
        yield Question(
            "all domains instead of one, AUROC on other images",
            f"away from {HOME} images multi has more AUROC than single_ham",
            f"away from {HOME} images multi has less AUROC than single_ham",
            [mean_over(of_seed) for of_seed in zip(*by_domain, strict=True)], ("domain_gap",), trained_apart=True,
        )  # fmt: skip


def _shortcut(study: Study) -> Iterator[Question]:
    """Whether a ruler makes multi call an image malignant, whatever it shows."""
    if "ruler" in study.frame and MULTI in study.runs:
        yield Question(
            RULER,
            f"{HOME} images of one diagnosis are called malignant more often with a ruler than without",
            f"{HOME} images of one diagnosis are called malignant less often with a ruler than without",
            study.ruler_effect(MULTI), ("shortcut",),
        )  # fmt: skip


def _groups(study: Study) -> Iterator[Question]:
    """Gaps between groups of patients in multi, adjusted for domain and condition."""
    if MULTI not in study.runs:
        return
    rate = (("sensitivity", 1), ("specificity", 0))
    for a, b, knobs in ((DARK, LIGHTER, ("dark_skin_contrast",)), (("III-IV",), ("I-II",), ())):
        sides = study.is_in("fst_group", a), study.is_in("fst_group", b)
        for name, target in rate:
            yield Question(
                f"skin type {a[0]} against {'I-IV' if b == LIGHTER else b[0]}, {name} of multi",
                f"{name} is higher on skin type {a[0]}", f"{name} is lower on skin type {a[0]}",
                study.rate(MULTI, target, *sides), knobs,
                follows=bool(knobs) and target == 0,
            )  # fmt: skip
    for name, target in rate:
        men, women = study.is_in("sex", ["male"]), study.is_in("sex", ["female"])
        yield Question(
            f"sex, male against female, {name} of multi", f"{name} is higher in men",
            f"{name} is higher in women",
            study.rate(MULTI, target, men, women),
        )  # fmt: skip
        old, young = study.is_in("age_group", OLD), study.is_in("age_group", YOUNG)
        yield Question(
            f"age, 50 and over against under 50, {name} of multi", f"{name} is higher from the age of 50",
            f"{name} is lower from the age of 50",
            study.rate(MULTI, target, old, young),
        )  # fmt: skip


def _balancing(study: Study) -> Iterator[Question]:
    """What multi_balanced does better than multi."""
    if BALANCED not in study.runs or MULTI not in study.runs:
        return
    for domain in others_of(study):
        pairs = study.pairs(domain)
        yield Question(
            f"balancing, AUROC in {domain}", f"multi_balanced has more AUROC than multi on {domain} images",
            f"multi_balanced has less AUROC than multi on {domain} images",
            paired(study.auroc(BALANCED, domain, pairs), study.auroc(MULTI, domain, pairs)),
            ("domain_gap",), trained_apart=True,
        )  # fmt: skip
    dark = study.is_in("fst_group", DARK)
    yield Question(
        "balancing, sensitivity on skin type V-VI", "balancing raises the sensitivity on dark skin",
        "balancing lowers the sensitivity on dark skin",
        paired(study.level(BALANCED, 1, dark), study.level(MULTI, 1, dark)), ("dark_skin_contrast",),
        trained_apart=True,
    )  # fmt: skip
    whole = [
        [auroc_of(study.score(run), study.target, dark, study.rows) for run in study.runs[r]]
        for r in (BALANCED, MULTI)
    ]
    yield Question(
        "balancing, AUROC on skin type V-VI", "multi_balanced has more AUROC than multi on dark skin",
        "multi_balanced has less AUROC than multi on dark skin", paired(*whole), ("dark_skin_contrast",),
        trained_apart=True,
    )  # fmt: skip
    if "ruler" in study.frame:
        yield Question(
            RULER_BALANCED,
            "with balancing a ruler makes more of a difference", "with balancing a ruler makes less of a difference",
            paired(study.ruler_effect(BALANCED), study.ruler_effect(MULTI)), ("shortcut",), follows=True,
        )  # fmt: skip
