"""A table as CSV and as LaTeX (booktabs)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from skintag.core.csv_text import csv_of
from skintag.core.io import write_bytes
from skintag.evaluation.report.cells import Cell, Table

_ESCAPES: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "−": "$-$", "–": "--", "≥": r"$\geq$", "≤": r"$\leq$", "×": r"$\times$", "·": r"$\cdot$", "|": r"\textbar{}",
    "→": r"$\to$", "±": r"$\pm$",
}  # fmt: skip


def write_table(folder: Path, table: Table, note: str = "") -> list[Path]:
    """Write `<name>.csv` and `<name>.tex` into `folder`; `note` (what kind of data) goes into the caption."""
    paths = [folder / f"{table.name}.csv", folder / f"{table.name}.tex"]
    write_bytes(paths[0], csv_of(table.frame))
    write_bytes(paths[1], latex(table, note).encode())
    return paths


def latex(table: Table, note: str = "") -> str:
    """A `table` environment with a booktabs tabular; needs `\\usepackage{booktabs}`."""
    layout = "l" * table.left + "r" * (len(table.headings) - table.left)
    caption = ". ".join(part.rstrip(".") for part in (table.title, table.note, note) if part)
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(caption)}.}}", rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{layout}}}", r"\toprule", " & ".join(escape(h) for h in table.headings) + r" \\",
        r"\midrule",
    ]  # fmt: skip
    for row in table.rows:
        if row[0].kind == "head":
            lines += [
                r"\addlinespace",
                rf"\multicolumn{{{len(row)}}}{{l}}{{\emph{{{escape(row[0].text)}}}}} \\",
            ]
        else:
            lines.append(" & ".join(_cell(cell) for cell in row) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _cell(cell: Cell) -> str:
    small = rf" {{\scriptsize [{escape(cell.small)}]}}" if cell.small else ""
    return f"{escape(cell.text)}{cell.mark}{small}"
