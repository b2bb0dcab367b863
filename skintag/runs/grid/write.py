"""Tables as CSV (whole numbers), LaTeX (booktabs) and Markdown (as a reader wants them), each written atomically."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.csv_text import csv_of
from skintag.core.io import write_bytes

UNDEFINED: Final = "—"
_LATEX: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "—": "---", "–": "--", "−": "$-$", "±": r"$\pm$",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def number(value: object, digits: int = 3) -> str:
    """A number as text with `digits` decimals; a dash where it is undefined."""
    if value is None or value is pd.NA or value != value:
        return UNDEFINED
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def p_text(value: float) -> str:
    """A p-value: three decimals, `<0.001` below them."""
    if value != value:
        return UNDEFINED
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """`0.812 (0.790–0.834)`, the limits of a 95% interval in brackets."""
    if value != value:
        return UNDEFINED
    if low != low:
        return number(value, digits)
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def write_table(
    folder: Path, stem: str, data: pd.DataFrame, shown: pd.DataFrame | None = None, *, caption: str
) -> None:
    """Write `<stem>.csv` from `data`, and `<stem>.tex` and `<stem>.md` from `shown` (else from `data`).

    The caption says what kind of data the figures stand on; it is the LaTeX caption and the Markdown's last line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{stem}.csv", csv_of(data, float_format="%.6g"))
    texts = (data if shown is None else shown).map(number)
    write_bytes(folder / f"{stem}.tex", latex(texts, caption, label=f"tab:{stem}").encode())
    write_bytes(folder / f"{stem}.md", (markdown(texts) + f"\n{caption}\n").encode())


def markdown(texts: pd.DataFrame) -> str:
    """A pipe table; columns of numbers are set right."""
    rules = ["---:" if _numeric(texts[c]) else "---" for c in texts]
    return _lines(texts, lambda cells: "| " + " | ".join(c.replace("|", r"\|") for c in cells) + " |", rules)


def latex(texts: pd.DataFrame, caption: str, label: str) -> str:
    """A booktabs table; what LaTeX would take for a command is escaped."""
    columns = "".join("r" if _numeric(texts[c]) else "l" for c in texts)
    body = [" & ".join(map(escaped, row)) + r" \\" for row in texts.astype(str).to_numpy().tolist()]
    head = " & ".join(escaped(str(c)) for c in texts) + r" \\"
    return "\n".join([
        r"\begin{table}", r"\centering", r"\small", rf"\caption{{{escaped(caption)}}}", rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule",
        r"\end{tabular}", r"\end{table}", "",
    ])  # fmt: skip


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_LATEX.get(character, character) for character in text)


def _lines(texts: pd.DataFrame, line: Callable[[Sequence[str]], str], rules: Sequence[str]) -> str:
    rows = texts.astype(str).to_numpy().tolist()
    return "\n".join([line([str(c) for c in texts]), "|" + "|".join(rules) + "|", *map(line, rows)]) + "\n"


def _numeric(column: pd.Series) -> bool:
    """Whether every text of the column begins like a number, or is a dash."""
    return all(str(t)[:1] in "0123456789-<" or str(t) == UNDEFINED for t in column)
