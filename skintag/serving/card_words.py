"""What the cards of a result say and draw, in English."""

from __future__ import annotations

from typing import Final

ICONS: Final = {
    "LOW": '<circle cx="12" cy="12" r="9"/><path d="m8 12.3 2.8 2.8L16.2 9.5"/>',
    "MODERATE": '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/>'
    '<circle cx="12" cy="12" r="3"/>',
    "HIGH": '<path d="M12 3.5 21.5 20h-19z"/><path d="M12 10v4.5M12 17v.01"/>',
}
WORDS: Final = {
    "LOW": ("Low risk", "Keep an eye on it"),
    "MODERATE": ("Moderate risk", "Have it looked at"),
    "HIGH": ("High risk", "See a dermatologist soon"),
}
FINDINGS: Final = {
    "blurred": "is not sharp",
    "underexposed": "is too dark",
    "overexposed": "is too bright in parts",
    "small": "shows too few pixels of the spot",
}
CATEGORIES: Final = {"malignant": "Cancer", "inflammatory": "Inflammation", "benign": "Harmless growth"}
NAMES: Final = {
    "melanocytic_nevus": "Mole",
    "non_neoplastic": "Inflammation or rash",
    "other_unknown": "Something else",
    "other_malignant": "Another skin cancer",
}
"""Of conditions whose own name says little."""
ABCDE: Final = (
    ("A", "Asymmetry", "One half is unlike the other."),
    ("B", "Border", "Ragged, notched or blurred edges."),
    ("C", "Colour", "Several colours, or an uneven one."),
    ("D", "Diameter", "Larger than about 6 mm, the end of a pencil."),
    ("E", "Evolving", "It changes in size, shape, colour, or itches or bleeds. This matters most."),
)
