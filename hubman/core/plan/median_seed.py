"""Which of several seeds a preview shows."""

from __future__ import annotations

from collections.abc import Sequence


def median_seed(changes: Sequence[float]) -> int:
    """Return the place of the seed whose picture the adapter changed by the median amount.

    The rule: not the seed that it changed most (often the one that it broke), not the one that it left alone. Of an
    even number the lower of the two in the middle, of equal ones the first, so that every run chooses alike.

    >>> median_seed([30.0, 80.0, 41.0]), median_seed([5.0, 9.0]), median_seed([7.0])
    (2, 0, 0)
    """
    return list(changes).index(sorted(changes)[(len(changes) - 1) // 2])
