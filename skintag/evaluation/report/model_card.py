"""The model card, in Markdown: the same numbers under the headings of TRIPOD+AI and CLEAR Derm.

TRIPOD+AI: Collins et al. (2024), doi:10.1136/bmj-2023-078378. CLEAR Derm: Daneshjou et al. (2022),
doi:10.1001/jamadermatol.2021.4915.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from skintag.core.vocabulary import RECALL_NOTE
from skintag.evaluation.report.cells import Table, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.held_out import foremost
from skintag.evaluation.report.loss_sentences import retention_sentences
from skintag.evaluation.report.page import Page

_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_LINK: Final = re.compile(r"\]([(:\[])")  # a link, or the definition of one
_BLOCK: Final = re.compile(r"#|>|~~~|[-+=] |---|\+\+\+|===")  # at a line's beginning: headings, lists, rules
_TICKS: Final = re.compile(r"`+")


def model_card(evidence: Evidence, page: Page) -> str:
    """The card; what nobody recorded is said to be not recorded."""
    tables = {table.name: table for table in page.tables}
    lines = [f"# Model card: {inline(page.title)}", ""]
    if page.note:
        lines += [f"> **{inline(page.note_title)}** {inline(page.note)}", ""]
    lines += [f"> **{inline(c.title)}.** {inline(c.text)}\n" for c in page.cautions]
    for heading, parts in _sections(evidence, page, tables):
        lines += [f"## {heading}", ""]
        for name, body in parts:
            lines += [f"### {name}", "", body or "Not recorded.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _sections(
    evidence: Evidence, page: Page, tables: dict[str, Table]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings, each with its parts: a name and what stands below it."""
    confidence = f"{evidence.assessment.settings.confidence:.0%} intervals"
    confidence += ", clustered" if evidence.clustered else ", ignoring clustering"

    def table(name: str) -> str:
        return markdown(tables[name]) if name in tables else ""

    return [
        ("About", _about(evidence, page)),
        (
            f"TRIPOD+AI (Collins et al., 2024); {confidence}",
            [*_tripod_data(evidence, page, table), *_tripod_results(evidence, page, table)],
        ),
        ("CLEAR Derm (Daneshjou et al., 2022)", _clear_derm(evidence, table)),
        ("Ethical considerations", [("Harms", _harms(page))]),
    ]


def _about(evidence: Evidence, page: Page) -> list[tuple[str, str]]:
    """What the model is, what it is for and how to make it again."""
    p = evidence.origin.provenance
    git = p.get("git") or {}
    models = inline(", ".join(evidence.predictions.models) + f". Detailed figures: {evidence.main}.")
    again = _code(" ".join(["python", *map(str, p["command"])])) if p.get("command") else ""
    use = (
        "Research on skin-lesion triage under domain shift and across skin tones. Scores are a screening aid, not a "
        "diagnosis, and no output of this model should decide about a person's care."
    )
    return [
        ("Name", inline(page.title)),
        ("Models in this card", models),
        ("Version", inline(f"commit {git.get('commit')}, finished {p.get('finished')}") if p else ""),
        ("How to make it again", again),
        ("Intended use and users", use),
    ]


def _tripod_data(evidence: Evidence, page: Page, table: Callable[[str], str]) -> list[tuple[str, str]]:
    """The items of TRIPOD+AI on data and methods."""
    origin = evidence.origin
    methods = next((section for section in page.sections if section.id == "methods"), None)
    said = [
        str(item) for block in (methods.blocks[:1] if methods else ()) for item in getattr(block, "items", ())
    ]
    prevalence = "See the prevalence table; thresholds were fitted on validation rows at their prevalence."
    return [
        ("Source of data and participants", inline(f"{origin.data}. {origin.note}".strip())),
        ("Data preparation", table("left_out") or "Nothing was recorded as left out."),
        ("Outcome", _outcome(evidence)),
        ("Predictors", "One photograph of the lesion; no clinical variables." if origin.provenance else ""),
        ("Sample size", table("prevalence")),
        ("Missing data", table("skin_types")),
        (
            "Analytical methods: data splitting",
            f"{inline(origin.split or 'Not known')}.\n\n{table('leakage')}\n\n{table('pretraining')}".rstrip()
            + (f"\n\n{RECALL_NOTE}" if origin.audit is not None else ""),
        ),
        ("Analytical methods: what was chosen on what", table("choices") + "\n\n" + table("thresholds")),
        ("Analytical methods: uncertainty", _bullets(said)),
        ("Class imbalance", prevalence),
        ("Fairness", table("worst_group") + "\n\n" + table("gaps")),
    ]


def _tripod_results(evidence: Evidence, page: Page, table: Callable[[str], str]) -> list[tuple[str, str]]:
    """The items of TRIPOD+AI on the model, its performance and what follows from it."""
    output = "A probability of malignancy in [0, 1], and, where the model gives them, of ten conditions."
    found = [f"{text} {detail}".strip() for group in page.findings for text, detail in group.texts]
    unseen = [f"{entry['grouping']} {entry['group']}" for entry in foremost(evidence)]
    same = "The same sources in training and test, unless the split says otherwise."
    if unseen:
        same = f"Held out, with nothing of it in training or validation: {words(unseen)}."
    performance = "\n\n".join([inline(page.lead), table("headline"), table("models"), table("binarisations")])
    usable = "None has been shown. No prospective evaluation has been done."
    return [
        ("Model output", output),
        ("Training versus evaluation", inline(same)),
        ("Model performance", performance),
        ("Model comparison", table("comparison")),
        *_distilled(evidence, table("retention") + "\n\n" + table("retention_fairness")),
        ("Interpretation and limitations", _bullets(found)),
        ("Usability of the model in current care", usable),
    ]


def _clear_derm(evidence: Evidence, table: Callable[[str], str]) -> list[tuple[str, str]]:
    """The items of CLEAR Derm."""
    domains = ", ".join(sorted(evidence.test.frame["domain"].unique()))
    return [
        ("Image types and acquisition", inline(f"{domains}. {evidence.origin.note}")),
        (
            "Image artefacts and robustness",
            table("robustness") or inline(evidence.missing.get("robustness", "")),
        ),
        ("Skin tones", table("skin_types")),
        ("Diagnosis labels and their confirmation", ""),
        ("Patient metadata", f"Sex, age and site where known: {_known(evidence)}."),
        ("Assessment on images of other sources", table("groups")),
        ("Comparison with clinicians", "Not done."),
        ("Calibration", table("calibration")),
        ("Public availability of images, model and code", ""),
    ]


def _bullets(texts: list[str]) -> str:
    return "\n".join(f"- {inline(text)}" for text in texts)


def _distilled(evidence: Evidence, tables: str) -> list[tuple[str, str]]:
    """What the student lost, where the model is one."""
    lost = evidence.retention
    if lost is None:
        return []
    return [
        ("Distillation: what the student lost", f"{inline(' '.join(retention_sentences(lost)))}\n\n{tables}")
    ]


def markdown(table: Table) -> str:
    """A pipe table with its note below."""
    rows = [
        " | ".join(inline(heading) for heading in table.headings),
        " | ".join("---" if i < table.left else "---:" for i in range(len(table.headings))),
    ]
    for row in table.rows:
        if row[0].kind == "head":
            rows.append(" | ".join([f"*{inline(row[0].text)}*", *[""] * (len(row) - 1)]))
        else:
            rows.append(" | ".join(inline(cell.plain) for cell in row))
    body = "\n".join(f"| {row} |" for row in rows)
    return f"{body}\n\n{inline(table.note)}".strip()


def inline(text: str) -> str:
    """Text as Markdown prints it, on one line: names of files, groups and models come from strangers.

    What would become HTML, a link, a picture, a heading or a table's border is escaped; brackets of intervals stay.
    """
    text = " ".join(text.split())
    for letter in ("\\", "|", "*", "`"):
        text = text.replace(letter, f"\\{letter}")
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace("![", "!\\[")
    text = _LINK.sub(r"]\\\1", text)
    return f"\\{text}" if _BLOCK.match(text) else text


def _code(text: str) -> str:
    """A span of code, with as many backticks around it as it takes."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _outcome(evidence: Evidence) -> str:
    own = evidence.origin.premalignant_words
    return "Malignancy of the lesion, by the source's own label" + (
        f"; premalignant lesions {own}." if own else "; premalignant lesions are not marked."
    )


def _known(evidence: Evidence) -> str:
    frame = evidence.test.frame
    return ", ".join(f"{c} {frame[c].notna().mean():.0%}" for c in ("sex", "age_group", "site"))


def _harms(page: Page) -> str:
    worst = next((g.texts for g in page.findings if g.verdict == "clear"), [])
    start = "A missed malignancy delays care; a false alarm costs a visit and worry. "
    return start + (
        "Groups are not served alike: see the gaps that are distinguishable from chance above."
        if worst
        else "No gap between groups was distinguishable from chance, which is not evidence that there is none."
    )
