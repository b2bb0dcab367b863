"""A procedurally drawn benchmark: five raw folders in their publishers' layouts, with planted effects.

It is the default data of every experiment and its yardstick, for here it is known what a method should find.
The drawings carry no medical information whatever.
"""

from skintag.data.synthetic.settings import SyntheticSettings
from skintag.data.synthetic.sheet import contact_sheet
from skintag.data.synthetic.writer import write_benchmark

__all__ = ["SyntheticSettings", "contact_sheet", "write_benchmark"]
