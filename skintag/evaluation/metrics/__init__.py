"""Figures of one group of rows, the groups, and the registry of metrics with all that SkinTag defines."""

from skintag.evaluation.metrics import definitions as definitions
