"""The undertaker: waits for the supervisor to end, and ends what it left if it was killed.

`python -m nightbook.supervisor.undertaker RECORDS`, with the supervisor's life-line as its standard input:
a byte means that everything is in order, the end of the line that the supervisor is gone.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Final

from nightbook.supervisor.processes import Records, end

_GRACE_SECONDS: Final = 8.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.read(sys.stdin.fileno(), 1):
        return
    end(Records(Path(sys.argv[1])).read().values(), grace=_GRACE_SECONDS)


if __name__ == "__main__":
    main()
