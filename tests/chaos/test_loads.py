"""More than a platform can do at once: floods of orders, live feeds, clients that dawdle, commits that fail.

R46, R23 and R30 of the experiments.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest
from experiment import Experiment
from facts import soon
from fleet import Fleet, Size, running

pytestmark = pytest.mark.timeout(1800)
LONG = pytest.mark.long
_LIVELY_SECONDS = 1.0
_MOST_MEMORY = 1_500_000_000
_ASKERS = 16
_TRIES = 5
UNLUCKY = (str(Path(__file__).with_name("unlucky.py")),)


class Pulse:
    """Asks again and again whether the server is there, and keeps how long the slowest answer took."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self._over = fleet, threading.Event()
        self._thread = threading.Thread(target=self._ask_always, daemon=True)
        self.slowest, self.statuses, self.memory = 0.0, Counter[int](), 0

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _ask_always(self) -> None:
        server = self._fleet.parts["server-1"].process
        assert server is not None
        with httpx.Client(timeout=30) as http:
            while not self._over.wait(0.1):
                begun = time.monotonic()
                self.statuses[http.get(f"{self._fleet.url}/healthz").status_code] += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.memory = max(self.memory, psutil.Process(server.pid).memory_info().rss)


@contextmanager
def dawdlers(fleet: Fleet, count: int) -> Iterator[None]:
    """Clients that begin a request and never end it."""
    with ExitStack() as ends:
        for _ in range(count):
            line = ends.enter_context(socket.create_connection(("127.0.0.1", fleet.front.port)))
            line.sendall(b"POST /api/v1/runs HTTP/1.1\r\nHost: nightbook\r\nContent-Length: 100\r\n\r\n{")
        yield


@contextmanager
def in_threads(count: int, act: Callable[[threading.Event], None]) -> Iterator[None]:
    """*count* threads that go on until the end."""
    over = threading.Event()
    threads = [threading.Thread(target=act, args=(over,), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def listening(experiment: Experiment, run: UUID) -> Callable[[threading.Event], None]:
    """A reader of a run's live feed, who comes back when it ends."""

    def listen(over: threading.Event) -> None:
        url = f"{experiment.fleet.url}/api/v1/runs/{run}/live"
        with httpx.Client(timeout=30, headers=experiment_token(experiment)) as http:
            while not over.is_set():
                with suppress(httpx.HTTPError), http.stream("GET", url) as feed:
                    for _ in feed.iter_raw():
                        if over.is_set():
                            return
                time.sleep(0.2)

    return listen


def experiment_token(experiment: Experiment) -> dict[str, str]:
    return {"Authorization": f"Bearer {(experiment.fleet.home / 'token').read_text().strip()}"}


def ordered(experiment: Experiment, count: int, **fields: object) -> Counter[int]:
    """Order *count* runs as fast as it goes, each once; keep what was answered. Return the statuses."""
    draft, statuses, lock = experiment.draft(**fields), Counter[int](), threading.Lock()

    def order(http: httpx.Client) -> None:
        note = str(uuid4())
        answer = http.post("/api/v1/runs", json={**draft, "note": note}, headers={"Idempotency-Key": note})
        with lock:
            statuses[answer.status_code] += 1
            experiment.orders[note] = UUID(answer.json()["id"]) if answer.is_success else None

    headers = experiment_token(experiment)
    client = httpx.Client(base_url=experiment.fleet.url, headers=headers, timeout=60)
    with client as http, ThreadPoolExecutor(_ASKERS) as pool:
        list(pool.map(order, [http] * count))
    return statuses


@LONG
@pytest.mark.parametrize("fleet", ["embedded", "postgres-redis"], indirect=True)
def test_a_flood_of_orders_is_refused_or_carried_out(experiment: Experiment) -> None:
    fleet = experiment.fleet
    watched = experiment.order(seconds=20.0)
    experiment.until_started(watched)
    with Pulse(fleet) as pulse, dawdlers(fleet, 200), in_threads(50, listening(experiment, watched.id)):
        begun = time.monotonic()
        statuses = ordered(experiment, 2000)
        experiment.facts["seconds for the orders"] = round(time.monotonic() - begun, 1)
    experiment.facts |= {"answers": dict(statuses), "slowest healthz": round(pulse.slowest, 2)}
    experiment.facts["memory of the server"] = pulse.memory
    experiment.settle()

    experiment.require_kept()
    assert set(statuses) <= {201, 429, 503}
    assert set(pulse.statuses) == {200}
    assert pulse.slowest <= _LIVELY_SECONDS
    assert pulse.memory <= _MOST_MEMORY


@LONG
def test_what_is_urgent_overtakes_thousands_that_wait(experiment: Experiment) -> None:
    """It starts when the next slot is free, which is one short run away."""
    fleet = experiment.fleet
    statuses = ordered(experiment, 1500, priority=10)
    assert set(statuses) == {201}

    begun = time.monotonic()
    urgent = experiment.order(priority=90)
    experiment.until_started(urgent)
    experiment.facts["seconds until the urgent one"] = round(time.monotonic() - begun, 1)
    waiting = sum(1 for _ in experiment.client.runs.list(tag=experiment.tag, state=["queued"], limit=200))
    for run in experiment.client.runs.list(tag=experiment.tag, state=["queued"], limit=200):
        experiment.client.runs.cancel(run.id)
    experiment.settle()

    experiment.require_kept()
    assert waiting > 1000
    assert fleet.parts["server-1"].is_up


@LONG
@pytest.mark.parametrize("stack", ["embedded", "postgres-redis"])
def test_of_commits_that_fail_nobody_sees_more_than_a_delay(stack: str, seed: int) -> None:
    """One of five, of servers and beats; fifty people ask for runs of one schedule at the same time."""
    programs = {"server": UNLUCKY, "beat": UNLUCKY}
    with running(stack, Size(beats=1), programs=programs) as fleet, fleet.client() as client:
        experiment = Experiment(fleet, client, "commits that fail", seed=seed)
        begin = soon(40)
        trigger = {"kind": "interval", "every": "PT2M", "anchor": begin.isoformat()}
        made = experiment.schedule(trigger, begin, begin + timedelta(minutes=3), overlap="queue_all")
        with ThreadPoolExecutor(50) as pool:
            tries = list(pool.map(lambda _: tries_for_a_run(experiment, made.id), range(50)))
        experiment.facts["tries"] = dict(Counter(tries))
        experiment.settle(begin + timedelta(minutes=3))

        experiment.require_kept()
        assert max(tries) <= _TRIES


def tries_for_a_run(experiment: Experiment, schedule: UUID) -> int:
    """Ask for a run of *schedule* until it is answered, with one key. Return how often it took."""
    headers = {**experiment_token(experiment), "Idempotency-Key": str(uuid4())}
    path = f"{experiment.fleet.url}/api/v1/schedules/{schedule}/run"
    with httpx.Client(headers=headers, timeout=60) as http:
        for number in range(1, 4 * _TRIES):
            answer = http.post(path, json={})
            if answer.is_success:
                return number
            if answer.status_code != 503:
                experiment.server_faults.append(f"{answer.status_code}: {answer.text}")
            time.sleep(float(answer.headers.get("retry-after", 1)))
    raise AssertionError("it was never answered")
