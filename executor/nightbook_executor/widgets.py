"""How much the widgets of a run may hold: their states are kept until its end, then written once."""

from collections.abc import Callable

from nightbook.core.journal import LONGEST

_LOOK_AGAIN = 8


class WidgetRoom:
    """Admits what widgets send as long as their states fit.

    Most messages replace what another one sent (a progress bar has one value, however often it moves), so
    what was received says only how much there may be at most. *measure* tells how much there is; it is
    asked when that may be too much, and not again before an eighth of the room has been received.
    """

    def __init__(self, most: int, measure: Callable[[], int]) -> None:
        self.most = min(most, LONGEST * 3 // 4)  # the states become one record
        self._measure = measure
        self._held = 0  # at most
        self._received = 0

    def admits(self, size: int) -> bool:
        """Whether a message of *size* bytes has its place, which it then takes."""
        self._received += size
        if self._held + size > self.most and self._received * _LOOK_AGAIN >= self.most:
            self._held, self._received = self._measure(), 0
        if self._held + size > self.most:
            return False
        self._held += size
        return True
