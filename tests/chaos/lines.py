"""Lines: TCP proxies of ours between two parts, which can be cut, held, slowed, or lose answers.

They live in a thread of the test process, so nothing of them outlives it.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Address = tuple[str, int]
Mode = Literal["open", "held", "refused"]
#: Close with a reset, as a host does that lost its power.
_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Connection:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter

    def cut(self) -> None:
        for writer in (self.near, self.far):
            line = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Line:
    """One port on loopback that leads to the first of *targets* that listens."""

    def __init__(self, targets: Sequence[Address]) -> None:
        self.targets = list(targets)
        self.seconds = 0.0  # that each piece is held back
        self.answers_lost = 0
        self._mode: Mode = "open"
        self._answers_to_lose = 0
        self._request_wanted = b""
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._opened = asyncio.Event()
        self._opened.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._on_connect, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    # ------------------------------------------------------------ faults

    def open(self) -> None:
        """Pass everything again, what was held included."""
        self._become("open")

    def hold(self) -> None:
        """Half-open: connections stay, new ones are taken, and no byte comes through."""
        self._become("held")

    def refuse(self) -> None:
        """Cut every connection, and each new one at once."""
        self._become("refused")
        self.cut()

    def cut(self) -> None:
        """Reset the connections of this moment."""
        self._do(self._cut())

    def lose_answers(self, count: int, *, to: bytes = b"") -> None:
        """Let the next *count* requests that hold the bytes *to* through, and cut instead of answering."""
        self._request_wanted, self._answers_to_lose = to, count

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # ------------------------------------------------------------ in the thread

    def _do(self, act: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(10)

    def _become(self, mode: Mode) -> None:
        async def become() -> None:
            self._mode = mode
            (self._opened.clear if mode == "held" else self._opened.set)()

        self._do(become())

    async def _cut(self) -> None:
        for connection in list(self._connections):
            connection.cut()

    async def _end(self) -> None:
        self._server.close()
        self._opened.set()
        await self._cut()
        while self._connections:
            await asyncio.sleep(0.01)

    async def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._opened.wait()
        far = None if self._mode == "refused" else await self._reach()
        if far is None:
            writer.transport.abort()
            return
        connection = _Connection(writer, far[1])
        self._connections.add(connection)
        asked = _Asked()
        try:
            await asyncio.gather(
                self._pass(reader, far[1], asked),
                self._pass_back(far[0], writer, asked, connection),
            )
        finally:
            self._connections.discard(connection)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for host, port in self.targets:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(host, port)
        return None

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: "_Asked"
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._admit()
                if self._answers_to_lose and self._request_wanted in piece:
                    self._answers_to_lose -= 1
                    asked.is_lost = True
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _pass_back(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: "_Asked",
        connection: _Connection,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._admit()
                if asked.is_lost:
                    # The other side has done what was asked, and nobody will hear of it.
                    self.answers_lost += 1
                    connection.cut()
                    return
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _admit(self) -> None:
        await self._opened.wait()
        if self.seconds:
            await asyncio.sleep(self.seconds)


@dataclass
class _Asked:
    """What the two directions of a connection know of one another."""

    is_lost: bool = False
