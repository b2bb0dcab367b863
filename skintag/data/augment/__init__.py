"""Seeded image augmentation: geometry, the eight field conditions, and bridging between imaging domains."""

from skintag.data.augment.pipeline import Augmentation

__all__ = ["Augmentation"]
