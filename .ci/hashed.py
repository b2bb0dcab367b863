"""A lean list of packages with the hashes that the lock knows of each, for pip install --require-hashes.

python .ci/hashed.py requirements/serve.txt hatchling > build/serve.txt
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements" / "lock.txt"
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)")


def entries(lock: str) -> dict[str, list[str]]:
    """Canonical name -> its entries: one, or one for each range of Python versions."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n" + lock)[1:]:
        found.setdefault(_canonical(entry), []).append(entry.rstrip())
    return found


def hashed(wanted: list[str]) -> list[str]:
    """Entries of the lock for names, or for the lines of a file. Raises KeyError where the lock has none."""
    locked, out = entries(LOCK.read_text(encoding="utf-8")), []
    for name in wanted:
        lines = Path(name).read_text(encoding="utf-8").splitlines() if name.endswith(".txt") else [name]
        for line in lines:
            if line and not line.startswith("#"):
                out += locked[_canonical(line)]
    return out


def _canonical(line: str) -> str:
    match = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


if __name__ == "__main__":
    print("\n".join(hashed(sys.argv[1:])))
