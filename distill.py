"""A small student from a trained teacher: `python distill.py teacher=<run folder> student=mobilenet_v3_large`."""

from __future__ import annotations

from omegaconf import DictConfig

from skintag.cli import run_command


def main(config: DictConfig) -> float | None:
    """One student; returns what a search maximises. The imports wait until the configuration is known to be good."""
    from skintag.config import instantiate
    from skintag.distill import distill

    selection = instantiate(config.select)
    result = distill(config)
    return None if result is None else selection.for_search(result.predictions)


def any_student(arguments: list[str]) -> list[str]:
    """Let `student=` take any timm name; see `skintag.students.expand_student`."""
    from skintag.students import expand_student

    return expand_student(arguments)


if __name__ == "__main__":
    run_command("distill", main, any_student)
