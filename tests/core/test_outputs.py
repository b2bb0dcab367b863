"""What models say, joined."""

from __future__ import annotations

import numpy as np
import pytest

from skintag.core.outputs import Outputs

A = Outputs(np.float32([0.1, 0.2]), np.float32([[0.4, 0.6], [1, 0]]), np.float32([[1], [2]]))
B = Outputs(np.float32([0.3]), np.float32([[0.5, 0.5]]), np.float32([[3]]))


def test_parts_are_joined_in_their_order() -> None:
    joined = Outputs.joined([A, B])
    np.testing.assert_array_equal(joined.malignant, np.float32([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(joined.conditions, np.float32([[0.4, 0.6], [1, 0], [0.5, 0.5]]))
    np.testing.assert_array_equal(joined.embeddings, np.float32([[1], [2], [3]]))


def test_what_no_part_has_the_whole_has_not() -> None:
    joined = Outputs.joined(Outputs(part.malignant) for part in (A, B))
    assert joined.conditions is None
    assert joined.embeddings is None


def test_parts_that_differ_in_what_they_have_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 parts"):
        Outputs.joined([A, Outputs(B.malignant)])
    with pytest.raises(ValueError):
        Outputs.joined([])
