"""A run while it runs: server-sent events, read from bytes, taken up again where the line broke."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from nightbook.client.errors import ServerFault, TooManyRequests, Unintelligible, Unreachable
from nightbook.client.wire import Wire
from nightbook.schemas import RunView


@dataclass(frozen=True)
class Record:
    """One line of the run's journal: `kind` is `begin`, `cell`, `text`, `out`, `done`, `end` and so on."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    data: str
    id: str | None


def follow(wire: Wire, path: str, *, patience: int = 8) -> Iterator[Record | RunView]:
    """What happens, as it happens, until the run is over.

    A broken line is taken up again where it broke. Raises Unreachable after *patience* vain tries in a row.
    """
    last_id: str | None = None
    vain = 0
    while True:
        try:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
            with wire.stream(path, headers=headers) as answer:
                for event in events(answer.iter_bytes()):
                    if event.kind == "end":
                        return
                    vain, last_id = 0, event.id or last_id
                    yield from _told(event)
            vain += 1  # a stream that was closed before its end is a line that broke
            if vain > patience:
                raise Unreachable(f"{wire.url} closes the live feed again and again. Is a proxy in between?")
        except (Unreachable, ServerFault, TooManyRequests):
            vain += 1
            if vain > patience:
                raise
        wire.pause(min(5.0, 0.2 * 2**vain))


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Events from the bytes of a stream. Only a line feed ends a line: text may hold other separators."""
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        if not line:
            if "data" in fields:
                yield _event(fields)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))


def _event(fields: Mapping[str, list[str]]) -> Event:
    return Event(
        kind=fields.get("event", ["message"])[-1],
        data="\n".join(fields["data"]),
        id=fields["id"][-1] if "id" in fields else None,
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")


def _told(event: Event) -> Iterator[Record | RunView]:
    try:
        if event.kind == "run":
            yield RunView.model_validate_json(event.data)
        elif event.kind == "record":
            fields = json.loads(event.data)
            yield Record(kind=str(fields["k"]), fields=fields)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise Unintelligible("The live feed holds an event that this release does not understand.") from error
