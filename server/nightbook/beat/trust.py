"""Trust: for how long the silence of a worker has been its own, and not a fault of ours.

After an outage of ours, a suspend, or a step of the wall clock, no worker is judged for one lease. Spans are
measured on the steady clock, so that neither a step nor a clock that is wrong lengthens or shortens them.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

log = logging.getLogger(__name__)

#: A look that comes this many seconds after the one before means that we were away (a stop, a slow database).
AWAY: Final = 15.0
#: A wall clock that moves this many seconds more or less than the steady one has been set, or has slept.
STEP: Final = 5.0


class Trust:
    """Told the wall clock and the steady one at each look. Not for use by several threads."""

    def __init__(self, wall: datetime, steady: float) -> None:
        self._wall, self._steady = wall, steady
        self._since = steady

    def look(self, wall: datetime, steady: float) -> timedelta:
        """For how long silence has counted, at this moment."""
        passed = steady - self._steady
        step = (wall - self._wall).total_seconds() - passed
        self._wall, self._steady = wall, steady
        if abs(step) > STEP:
            log.warning("clock.stepped seconds=%.1f", step)
        if passed > AWAY or abs(step) > STEP:
            self._since = steady
        return timedelta(seconds=steady - self._since)

    def lose(self, steady: float) -> None:
        """Nobody could have proved to be alive until now."""
        self._since = steady
