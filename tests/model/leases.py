"""A model of claim, renew, reap, finish, cancel and ring, small enough to be explored completely.

Two workers and a few runs; at every step anybody may crash, be paused or never hear an answer. Time is
not modelled: a lease may end at any moment that its holder has not just renewed it, which is worse than
any clock. A rule that the platform keeps can be taken out, to see that it was needed.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

MAX_PLATFORM_RETRIES = 1
MAX_HAND_BACKS = 1
TERMINAL = frozenset({"succeeded", "cancelled", "lost"})


class Rule(StrEnum):
    """What the platform keeps; each can be taken out."""

    FENCE_AT_FINISH = "finish is refused unless its fence is the run's"
    STATE_AT_FINISH = "finish is refused unless the run is running"
    FENCE_RAISED_WHEN_JUDGED = "the reaper raises the fence, before anybody claims again"
    BEGIN_GATE = "no code cell is sent before the server accepted the begin"
    LOST_AFTER_BEGIN = "a begun attempt that fell silent is not tried again"
    CLAIM_IS_CONDITIONAL = "a claim takes only what is still queued"
    RING_AGAIN = "what stays queued is rung again"


class Run(NamedTuple):
    """A row as the server keeps it, and what the world has seen of it."""

    state: str = "queued"
    fence: int = 0
    begun: bool = False  # of the current attempt
    lease: bool = False
    cancel: bool = False
    platform_retries: int = 0
    hand_backs: int = 0
    rings: int = 1  # messages on their way; any of them may be lost
    starts: int = 0  # how often user code was started
    published: tuple[int, ...] = ()  # the fences whose finish was accepted


class Worker(NamedTuple):
    """`step`: idle, claiming, claimed, begun, executing, ended. It holds a run's number and a fence."""

    step: str = "idle"
    run: int = 0
    fence: int = 0
    result: str = ""
    paused: bool = False


class State(NamedTuple):
    runs: tuple[Run, ...]
    workers: tuple[Worker, ...]


class Step(NamedTuple):
    """Something that may happen; what a person does is no way out of a dead end."""

    name: str
    state: State
    by_person: bool = False


@dataclass(frozen=True)
class Found:
    """What the exploration found; `path` leads to the first state that breaks a promise."""

    states: int
    broken: str | None = None
    path: tuple[str, ...] = field(default=())


class Model:
    """The platform without the rules in *without*, for runs that repeat user code after a loss or do not."""

    def __init__(
        self,
        *,
        runs: int = 1,
        workers: int = 2,
        retry_on_worker_loss: bool = False,
        without: frozenset[Rule] = frozenset(),
    ) -> None:
        self._first = State((Run(),) * runs, (Worker(),) * workers)
        self._retries = retry_on_worker_loss
        self._without = without

    def explore(self) -> Found:
        """Visit every state that can be reached, breadth first."""
        came: dict[State, tuple[State, str] | None] = {self._first: None}
        before: dict[State, list[State]] = {}
        waiting = deque([self._first])
        while waiting:
            state = waiting.popleft()
            for step in self.steps(state):
                if not step.by_person:
                    before.setdefault(step.state, []).append(state)
                if step.state in came:
                    continue
                came[step.state] = (state, step.name)
                broken = _broken(step.state, may_repeat=self._retries) or _changed_the_past(state, step.state)
                if broken:
                    return Found(len(came), broken, _path(came, step.state))
                waiting.append(step.state)
        stuck = _stuck(came, before)
        if stuck is not None:
            return Found(len(came), "a run can never end from here", _path(came, stuck))
        return Found(len(came))

    def _keeps(self, rule: Rule) -> bool:
        return rule not in self._without

    # ------------------------------------------------------------ what may happen next

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that may happen in *state*."""
        for number, run in enumerate(state.runs):
            for name, after in self._of_server(run):
                yield Step(f"{name} run {number}", _with_run(state, number, after))
            for name, after in self._of_people(run):
                yield Step(f"{name} run {number}", _with_run(state, number, after), by_person=True)
        for number, worker in enumerate(state.workers):
            for step in self._of_worker(state, number, worker):
                yield Step(f"worker {number}: {step.name}", step.state)

    def _of_people(self, run: Run) -> Iterator[tuple[str, Run]]:
        if run.state == "queued":
            yield "cancel", run._replace(state="cancelled")
        elif run.state == "running" and not run.cancel:
            yield "ask to cancel", run._replace(cancel=True)

    def _of_server(self, run: Run) -> Iterator[tuple[str, Run]]:
        if run.state == "queued" and not run.rings and self._keeps(Rule.RING_AGAIN):
            yield "ring again for", run._replace(rings=1)
        if run.rings:
            yield "lose a ring of", run._replace(rings=run.rings - 1)
        if run.state == "running" and run.lease:
            yield "let the lease end of", run._replace(lease=False)
        elif run.state == "running":
            yield "judge", self._judged(run)

    def _judged(self, run: Run) -> Run:
        fence = run.fence + 1 if self._keeps(Rule.FENCE_RAISED_WHEN_JUDGED) else run.fence
        judged = run._replace(fence=fence, begun=False)
        if run.cancel:
            return judged._replace(state="cancelled")
        is_final = run.begun and not self._retries and self._keeps(Rule.LOST_AFTER_BEGIN)
        if is_final or run.platform_retries == MAX_PLATFORM_RETRIES:
            return judged._replace(state="lost")
        return judged._replace(state="queued", platform_retries=run.platform_retries + 1, rings=1)

    def _of_worker(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        if worker.paused:
            yield Step("goes on", _with_worker(state, number, worker._replace(paused=False)))
        elif worker.step != "idle":
            yield Step("is paused", _with_worker(state, number, worker._replace(paused=True)))
        if worker.step != "idle":
            yield Step("crashes", _with_worker(state, number, Worker()))
        if not worker.paused:
            act = getattr(self, f"_{worker.step}")
            yield from act(state, number, worker)

    def _idle(self, state: State, number: int, _worker: Worker) -> Iterator[Step]:
        for index, run in enumerate(state.runs):
            if not run.rings:
                continue
            heard = _with_run(state, index, run._replace(rings=run.rings - 1))
            yield Step(f"hears of run {index}", _with_worker(heard, number, Worker("claiming", index)))

    def _claiming(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        run = state.runs[worker.run]
        can_claim = run.state == "queued" or (
            not self._keeps(Rule.CLAIM_IS_CONDITIONAL) and run.state == "running"
        )
        if not can_claim:
            yield Step("finds nothing to claim", _with_worker(state, number, Worker()))
            return
        taken = run._replace(state="running", fence=run.fence + 1, begun=False, lease=True)
        claimed = _with_run(state, worker.run, taken)
        held = Worker("claimed", worker.run, taken.fence)
        yield Step("claims", _with_worker(claimed, number, held))
        # The row is committed and the answer lost for good: the lease brings the run back.
        yield Step("claims and never hears it", _with_worker(claimed, number, Worker()))

    def _claimed(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        run = state.runs[worker.run]
        yield from self._renews(state, number, worker)
        if not self._keeps(Rule.BEGIN_GATE):
            yield Step("starts without asking", self._started(state, number, worker))
        elif _is_held(run, worker):
            began = _with_run(state, worker.run, run._replace(begun=True))
            yield Step("is let through the gate", _with_worker(began, number, worker._replace(step="begun")))
            if run.hand_backs < MAX_HAND_BACKS and not run.cancel and not run.begun:
                back = run._replace(
                    state="queued", begun=False, lease=False, hand_backs=run.hand_backs + 1, rings=1
                )
                yield Step(
                    "hands it back", _with_worker(_with_run(state, worker.run, back), number, Worker())
                )
        else:
            yield Step("is refused at the gate", _with_worker(state, number, Worker()))

    def _begun(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        yield Step("starts the first cell", self._started(state, number, worker))

    def _started(self, state: State, number: int, worker: Worker) -> State:
        run = state.runs[worker.run]
        started = _with_run(state, worker.run, run._replace(starts=run.starts + 1))
        return _with_worker(started, number, worker._replace(step="executing"))

    def _executing(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        yield from self._renews(state, number, worker)
        ended = worker._replace(step="ended", result="succeeded")
        yield Step("ends the last cell", _with_worker(state, number, ended))
        if state.runs[worker.run].cancel:
            stopped = worker._replace(step="ended", result="cancelled")
            yield Step("hears of the cancel", _with_worker(state, number, stopped))

    def _ended(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        run = state.runs[worker.run]
        if worker.fence in run.published:
            yield Step("repeats its finish and is answered alike", _with_worker(state, number, Worker()))
            return
        has_fence = run.fence == worker.fence or not self._keeps(Rule.FENCE_AT_FINISH)
        is_running = run.state == "running" or not self._keeps(Rule.STATE_AT_FINISH)
        if not (has_fence and is_running):
            yield Step("has its finish refused", _with_worker(state, number, Worker()))
            return
        finished = run._replace(
            state=worker.result, lease=False, published=(*run.published, worker.fence), rings=0
        )
        after = _with_run(state, worker.run, finished)
        yield Step("finishes", _with_worker(after, number, Worker()))
        yield Step("finishes and never hears it", after)

    def _renews(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        run = state.runs[worker.run]
        if not _is_held(run, worker):
            yield Step("learns that its lease is lost", _with_worker(state, number, Worker()))
        elif not run.lease:
            yield Step("renews its lease", _with_run(state, worker.run, run._replace(lease=True)))


def _is_held(run: Run, worker: Worker) -> bool:
    return run.state == "running" and run.fence == worker.fence


def _with_run(state: State, number: int, run: Run) -> State:
    return state._replace(runs=(*state.runs[:number], run, *state.runs[number + 1 :]))


def _with_worker(state: State, number: int, worker: Worker) -> State:
    return state._replace(workers=(*state.workers[:number], worker, *state.workers[number + 1 :]))


# ---------------------------------------------------------------- what must hold


def _broken(state: State, *, may_repeat: bool) -> str | None:
    """The promise that *state* breaks, if any."""
    for number, run in enumerate(state.runs):
        if len(run.published) > 1:
            return "two results were published"
        if run.starts > 1 and not may_repeat:
            return "user code was started twice"
        if run.published and run.published[0] != run.fence:
            return "a stale worker published"
        if run.published and run.state not in TERMINAL:
            return "a result was published and the run goes on"
        if run.state == "succeeded" and not run.published:
            return "a run succeeded without a result"
        held = [worker for worker in state.workers if worker.run == number and worker.fence == run.fence]
        if len(held) > 1 and run.fence:
            return "two workers hold one fence"
    return None


def _changed_the_past(before: State, after: State) -> str | None:
    for old, new in zip(before.runs, after.runs, strict=True):
        if old.state in TERMINAL and new.state != old.state:
            return "an ended run was changed"
    return None


def _stuck(states: dict[State, tuple[State, str] | None], before: dict[State, list[State]]) -> State | None:
    """A state from which some run can never end, whatever happens next."""
    good = {state for state in states if all(run.state in TERMINAL for run in state.runs)}
    waiting = deque(good)
    while waiting:
        for earlier in before.get(waiting.popleft(), ()):
            if earlier not in good:
                good.add(earlier)
                waiting.append(earlier)
    return next((state for state in states if state not in good), None)


def _path(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    names: list[str] = []
    while (step := came[state]) is not None:
        state, name = step
        names.append(name)
    return tuple(reversed(names))
