"""Starts `nightbook` so that it can be made to die at a step: `python crashing.py STEPS WORDS…`.

A step is what others can see or what stays when the process dies: a commit, a request and its answer, a
ring of the doorbell, a word to a child, a file that is made, moved or removed; each is one before it is
done and one after. The product has no switch for this.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine.default import DefaultDialect
from steps import Steps

from nightbook.adapters.broker import Doorbell
from nightbook.cli import main

_lock = threading.Lock()
_FILES = frozenset({"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"})
#: These come in a rhythm of their own, whatever becomes of a run.
_IN_RHYTHM = ("/worker/heartbeat", "/worker/cancels", "/worker/register")


def step(name: str) -> None:
    with _lock:
        number, is_it = steps.next()
        if number:
            with trace.open("a") as opened:
                opened.write(f"{number} {name}{' †' if is_it else ''}\n")
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(owner: Any, name: str, *, when: Callable[..., bool] = lambda *_words, **_named: True) -> None:
    """Count a step before and after each call of a function."""
    act = getattr(owner, name)

    def acting(*words: Any, **named: Any) -> Any:
        if not when(*words, **named):
            return act(*words, **named)
        step(f"before {name}")
        done = act(*words, **named)
        step(f"after {name}")
        return done

    setattr(owner, name, acting)


def is_of_a_run(_client: Any, request: httpx.Request, **_named: Any) -> bool:
    return not request.url.path.endswith(_IN_RHYTHM)


def watch_everything() -> None:
    watch(DefaultDialect, "do_commit")
    watch(Doorbell, "ring")
    watch(httpx.Client, "send", when=is_of_a_run)
    sys.addaudithook(lambda event, _words: step(event) if event in _FILES else None)
    if "worker" in sys.argv:
        from nightbook_executor.control import Channel

        watch(Channel, "send", when=lambda _channel, kind, **_fields: kind != "alive")


if __name__ == "__main__":
    steps = Steps(Path(sys.argv.pop(1)))
    trace = steps.file.with_suffix(".trace")
    watch_everything()
    main()
