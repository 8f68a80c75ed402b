"""A kernel that answers every request and is idle after none but the first. Argument: connection file."""

import json
import sys
from pathlib import Path

import zmq
from jupyter_client.session import Session

INFO = {"status": "ok", "protocol_version": "5.3", "language_info": {"name": "python"}, "banner": ""}


def main(connection_file: str) -> None:
    told = json.loads(Path(connection_file).read_text(encoding="utf-8"))
    session = Session(key=told["key"].encode())
    context = zmq.Context()

    def bound(kind: int, name: str) -> zmq.Socket:
        made = context.socket(kind)
        made.bind(f"{told['transport']}://{told['ip']}-{told[name + '_port']}")
        return made

    shell, iopub = bound(zmq.ROUTER, "shell"), bound(zmq.PUB, "iopub")
    while True:
        identities, frames = session.feed_identities(shell.recv_multipart())
        request = session.deserialize(frames)
        kind = request["msg_type"]
        session.send(iopub, "status", {"execution_state": "busy"}, parent=request)
        content = INFO if kind == "kernel_info_request" else {"status": "ok", "execution_count": 1}
        session.send(shell, kind.replace("_request", "_reply"), content, parent=request, ident=identities)
        if kind == "kernel_info_request":
            session.send(iopub, "status", {"execution_state": "idle"}, parent=request)


main(sys.argv[1])
