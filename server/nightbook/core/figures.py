"""Figures of small samples. Pure; empty samples have none."""

import math
from collections.abc import Sequence


def percentile(sample: Sequence[float], share: float) -> float | None:
    """The smallest value that at least *share* (0 to 1) of the sample does not exceed: the nearest rank."""
    if not sample:
        return None
    return sorted(sample)[max(0, math.ceil(share * len(sample)) - 1)]


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
