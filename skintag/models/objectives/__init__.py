"""The objectives, one a module of its own name: what training minimises.

The classes named here are those that configurations before version 0.2 name in this place.
"""

from skintag.models.objectives.erm import Erm
from skintag.models.objectives.focal import Focal
from skintag.models.objectives.group_dro import GroupDro
from skintag.models.objectives.hierarchical import Hierarchical
from skintag.models.objectives.multitask import Multitask

__all__ = ["Erm", "Focal", "GroupDro", "Hierarchical", "Multitask"]
