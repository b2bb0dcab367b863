"""The sections of a report, from evidence to paragraphs, tables and figures: a file put here is one more."""

from skintag.evaluation.registered import import_modules

import_modules(__name__, list(__path__))
