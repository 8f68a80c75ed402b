"""Lanes: threads and connections, shared out so that no kind of request starves another.

People's routes, workers' routes and the ends of transactions each have their own. A list that takes long, or
a hundred of them, then never delays a heartbeat; and a transaction that holds a connection never waits for
a thread behind those who wait for a connection.
"""

from dataclasses import dataclass, field
from typing import Final

from anyio import CapacityLimiter

#: Threads, and so connections in use, of people's routes.
THREADS: Final = 20
#: Connections of people's routes: their threads, and transactions between their last query and their commit.
CONNECTIONS: Final = THREADS + 10
#: Threads of workers' routes. A request of theirs keeps one, and a connection, for a few milliseconds.
WORKER_THREADS: Final = 8
#: Threads of artifacts on their way in, which take as long as they take.
UPLOAD_THREADS: Final = 8
#: Pages that are printed at once: each takes a processor and some hundred megabytes for seconds.
PRINTERS: Final = 2
WORKER_CONNECTIONS: Final = WORKER_THREADS + UPLOAD_THREADS


@dataclass(frozen=True)
class Lanes:
    """The limiters of one server process (the lane of people's routes is the default limiter)."""

    workers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(WORKER_THREADS))
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOAD_THREADS))
    printers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(PRINTERS))
    #: Whether this machine can print is tried once; who asks meanwhile waits here, behind no print.
    trials: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    closing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))
