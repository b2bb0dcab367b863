"""Metrics, registered where they are defined: a file put here is imported with the package."""

from skintag.evaluation.metrics.definitions import (
    standard as standard,  # its metrics come first in every table
)
from skintag.evaluation.registered import import_modules

import_modules(__name__, list(__path__))
