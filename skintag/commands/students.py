"""`student=` on the command line: a choice of configs/student, or any name that timm knows."""

from __future__ import annotations

from skintag.commands.cli import CONFIG_DIR


def expand_student(arguments: list[str]) -> list[str]:
    """`student=<a timm name>` becomes `student=any backbone.name=<it>`; everything else stays as it is."""
    known = {path.stem for path in (CONFIG_DIR / "student").glob("*.yaml")}
    expanded: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "student" and value not in known and "," not in value and _is_timm(value):
            expanded += ["student=any", f"backbone.name={value}"]
        else:
            expanded.append(argument)
    return expanded


def _is_timm(name: str) -> bool:
    import timm  # takes a second, and a choice of the group does not need it

    return bool(name) and timm.is_model(name)
