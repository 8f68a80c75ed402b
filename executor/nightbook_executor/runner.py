"""Runs the cells of a notebook in their order, and knows at each moment why it would stop.

A dead kernel, a deadline or a cancel becomes an error output of the running cell; papermill's own
reading of errors works on unchanged. What happened is told in the journal and in `Execution.ending`.
"""

import asyncio
import resource
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from jupyter_client.kernelspec import NoSuchKernel
from nbformat.notebooknode import from_dict
from papermill.clientwrap import PapermillNotebookClient

from nightbook_executor import cgroups, endings
from nightbook_executor.endings import Death, Ending, Stop
from nightbook_executor.execution import Execution
from nightbook_executor.intake import WIDGETS, Intake
from nightbook_executor.journal import encoded
from nightbook_executor.kernel import Kernel
from nightbook_executor.meter import Meter
from nightbook_executor.widgets import WidgetRoom
from nightbook_executor.wire import Request, Wire

_STEP_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 0.25
_LAST_WORDS_SECONDS = 0.1
_LOG_LINES = 20
_ZERO_EXITS = {"", "0", "None", "False"}
_TOLD = {"stream", "display_data", "execute_result", "error"}


@dataclass(frozen=True)
class _Verdict:
    """How a cell ended; `ending` is set where the run ends with it."""

    status: str
    error: dict[str, str] | None = None
    ending: Ending | None = None


class _EndedError(Exception):
    """The run ended before its first cell."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


class Runner(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's notebook client with our loop, our deadlines and our record."""

    def __init__(self, statuses: Any, execution: Execution, *, kernel_name: str, **options: Any) -> None:
        super().__init__(statuses, kernel_name=kernel_name, **options)
        self._tells_output = bool(self.log_output or self.stdout_file or self.stderr_file)
        self._execution = execution
        self._journal = execution.journal
        self._intake = Intake(execution)
        self._expected_errors = 0
        self._widget_room = WidgetRoom(execution.caps.cell_bytes, self._widget_bytes)
        self._widget_cell = 0  # the last one that had to do with widgets
        self._kernel: Kernel
        self._wire: Wire
        self._meter: Meter

    def execute(self, **_kwargs: Any) -> Any:
        self.reset_execution_trackers()
        with asyncio.Runner() as runner:
            runner.run(self._run())
        return self.nb

    async def _run(self) -> None:
        wishes = self._execution.wishes
        wishes.attach(asyncio.get_running_loop())
        try:
            ending = await self._attempt()
        finally:
            wishes.detach()
        self._show_outputs()
        self._execution.ending = ending

    async def _attempt(self) -> Ending:
        execution = self._execution
        try:
            self._kernel = Kernel(self.kernel_name, execution.sockets, execution.work, execution.forking)
            client = await self._kernel.start(execution.cgroup)
        except NoSuchKernel:
            return endings.no_kernel(self.kernel_name, ())
        except OSError as error:
            return endings.no_start(f"The kernel could not be started ({error.strerror}).", "")
        self.km, self.kc = self._kernel.manager, client
        self._wire = Wire(client, self._on_message, self._intake.is_full, self._intake.drop)
        ending: Ending | None = None
        self._meter = Meter(
            lambda: self._kernel.pid, self._journal, execution.memory_bytes, self._kernel.kill
        )
        watching = asyncio.create_task(self._meter.watch())
        try:
            await self._ready()
            await self._permitted()
            ending = await self._cells()
            self._tell_widgets()
        except _EndedError as ended:
            ending = ended.ending
        finally:
            watching.cancel()
            self._meter.look()
            self._meter.tell()
            await self._wire.close()
            self._intake.finish()
            gently = ending is not None and ending.state in ("succeeded", "failed")
            await self._kernel.end(gently=gently)
            execution.kernel_ended = self._kernel.ended
        return ending

    # ------------------------------------------------------------ before the first cell

    async def _ready(self) -> None:
        """Wait for a kernel that answers, and whose output reaches us."""
        deadline = time.monotonic() + self._execution.start_timeout_seconds
        request = self._wire.ask_kernel_info()
        while not request.finished.is_set():
            awaited = request.finished if request.reply else request.replied
            patience = _ASK_AGAIN_SECONDS if request.reply else max(0.0, deadline - time.monotonic())
            why = await self._first(awaited.wait(), deadline=time.monotonic() + patience)
            if why == "dead":
                await self._died_at_start()
            if isinstance(why, Stop):
                raise _EndedError(endings.stopped(why, None, None))
            if why == "deadline" and time.monotonic() >= deadline:
                seconds = f"{self._execution.start_timeout_seconds:g} s"
                raise _EndedError(
                    endings.no_start(f"The kernel did not answer within {seconds}.", self._log_tail())
                )
            if request.reply and not request.finished.is_set() and why == "deadline":
                request = self._wire.ask_kernel_info()  # its output channel was not connected yet
        self._tell_ready(request)

    def _tell_ready(self, request: Request) -> None:
        assert request.reply is not None
        language_info = request.reply["content"].get("language_info") or {}
        spec, start = self._kernel.spec, self._kernel.start_facts
        self._execution.kernel_start = start
        self.nb.metadata["language_info"] = _node(language_info)
        self._journal.append(
            "kernel",
            name=self.kernel_name,
            **start,
            language=self._kernel.language,
            language_info=language_info,
            kernelspec={
                "name": self.kernel_name,
                "display_name": spec.display_name,
                "language": self._kernel.language,
            },
            pid=self._kernel.pid,
        )

    async def _died_at_start(self) -> None:
        code = await self._kernel.exit_code()
        words = endings.exit_words(code)
        raise _EndedError(
            endings.no_start(f"The kernel ended with {words} while it started.", self._log_tail())
        )

    def _log_tail(self) -> str:
        log = self._execution.log
        if log is None or not log.is_file():
            return ""
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - 4096))
            lines = opened.read().decode("utf-8", "replace").splitlines()
        return " | ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip())

    async def _permitted(self) -> None:
        """The begin gate: no code cell is sent before the server has accepted the begin."""
        why = await self._first(self._execution.wishes.begin_asked.wait(), deadline=None)
        if why == "dead":
            await self._died_at_start()
        if why != "done":
            assert isinstance(why, Stop)
            raise _EndedError(endings.stopped(why, None, None))

    # ------------------------------------------------------------ the cells

    async def _cells(self) -> Ending:
        for index, cell in enumerate(self.nb.cells):
            stop = self._execution.wishes.stop or self._run_overdue()
            if stop is not None:
                return endings.stopped(stop, None if index == 0 else index, None)
            self.nb_man.cell_start(cell, index)
            started = self._journal.elapsed_ms
            verdict = await self._one(cell, index)
            self._close_cell(cell, index, started, verdict)
            if verdict.ending is not None:
                return verdict.ending
        return endings.all_ran(self._expected_errors)

    def _run_overdue(self) -> Stop | None:
        deadline = self._execution.run_deadline
        if deadline is None or time.monotonic() < deadline:
            return None
        return Stop("run_timeout", seconds=self._execution.timeout_seconds)

    async def _one(self, cell: Any, index: int) -> _Verdict:
        if cell.cell_type != "code" or not cell.source.strip():
            return _Verdict("completed")
        if self.skip_cells_with_tag in cell.metadata.get("tags", []):
            return _Verdict("completed")
        self._journal.append("cell", i=index)
        allowed = self._allows_errors(cell)
        request = self._wire.execute(cell.source, index, stop_on_error=not allowed)
        limit = self._execution.cell_timeout_seconds
        deadline = time.monotonic() + limit if limit else None
        why = await self._first(self._wire.ended(request), deadline=deadline)
        if why == "deadline":
            why = Stop("cell_timeout", seconds=limit)
        if isinstance(why, Stop):
            return await self._stop_cell(request, index, why)
        if why == "dead":
            return await self._after_death(request, index)
        if not request.finished.is_set():
            self._kernel.kill()
            return self._failed(index, "SilentKernelError", endings.fell_silent(index))
        return self._judge(request, index, allowed)

    def _allows_errors(self, cell: Any) -> bool:
        return bool(self.allow_errors or "raises-exception" in cell.metadata.get("tags", []))

    def _judge(self, request: Request, index: int, allowed: bool) -> _Verdict:
        """Read a finished cell's reply."""
        assert request.reply is not None
        content = request.reply["content"]
        if content.get("status") == "ok":
            leaves = any(part.get("source") == "ask_exit" for part in content.get("payload") or [])
            return _Verdict("completed", ending=endings.exited_early(index) if leaves else None)
        error = self._error_of(index, content)
        if error["ename"] == "SystemExit" and error["evalue"].strip() in _ZERO_EXITS:
            return _Verdict("completed", error, endings.exited_early(index))
        if allowed:
            self._expected_errors += 1
            return _Verdict("completed", error)
        address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
        if error["ename"] == "MemoryError" and address_space != resource.RLIM_INFINITY:
            return _Verdict("failed", error, endings.no_memory(index, address_space))
        return _Verdict("failed", error, endings.raised(index, error["ename"], error["evalue"]))

    def _error_of(self, index: int, reply: dict[str, Any]) -> dict[str, str]:
        if index not in self._intake.errors:
            ename = str(reply.get("ename") or ("Aborted" if "abort" in str(reply.get("status")) else "Error"))
            traceback = reply.get("traceback")
            self._intake.error(index, ename, str(reply.get("evalue", "")), traceback or None)
        error = self._intake.errors[index]
        return {"ename": error["ename"], "evalue": error["evalue"][:2000]}

    async def _after_death(self, request: Request, index: int) -> _Verdict:
        await asyncio.sleep(_LAST_WORDS_SECONDS)  # the last messages are still in the socket
        if request.finished.is_set():
            return self._judge(request, index, self._allows_errors(self.nb.cells[index]))
        ending = endings.kernel_died(index, await self._death())
        assert ending.reason is not None
        return self._failed(index, "DeadKernelError", ending)

    async def _death(self) -> Death:
        code, told = await self._kernel.exit_code(), self._kernel.ended or {}
        peak = max(self._meter.peak, told.get("peak_memory_bytes") or 0)
        limit, cgroup = self._execution.memory_bytes, self._execution.cgroup
        hit = told.get("memory_hit_bytes") or self._meter.hit
        if hit is None and cgroup is not None and cgroups.has_killed(cgroup):
            hit = limit
        return Death(code, peak, limit, hit)

    def _failed(self, index: int, ename: str, ending: Ending) -> _Verdict:
        reason = ending.reason or ""
        if index not in self._intake.errors or self._intake.errors[index]["ename"] != ename:
            self._intake.error(index, ename, reason)
        return _Verdict("failed", {"ename": ename, "evalue": reason}, ending)

    async def _stop_cell(self, request: Request, index: int, stop: Stop) -> _Verdict:
        """Interrupt, terminate, kill: each a step further, until the cell is over."""
        ename = endings.ERROR_OF[stop.cause]
        reason = endings.stopped(stop, index, None).reason or ""
        self._intake.rename = lambda output: _renamed(output, ename, reason)
        step = ""
        for step, act in (
            ("interrupt", self._interrupt),
            ("terminate", self._terminate),
            ("kill", self._kill),
        ):
            if stop.cause == "storage" and step != "kill":
                continue
            self._journal.append("stop", step=step, cause=stop.cause)
            await act()
            if await self._is_over(request):
                break
        await asyncio.sleep(_LAST_WORDS_SECONDS if self._kernel.dead.is_set() else 0)
        self._intake.rename = None
        return self._failed(index, ename, endings.stopped(stop, index, step))

    async def _interrupt(self) -> None:
        await self._kernel.interrupt()

    async def _terminate(self) -> None:
        self._kernel.terminate()

    async def _kill(self) -> None:
        self._kernel.kill()

    async def _is_over(self, request: Request) -> bool:
        over = {asyncio.create_task(event.wait()) for event in (request.finished, self._kernel.dead)}
        done, pending = await asyncio.wait(over, timeout=_STEP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return bool(done)

    def _close_cell(self, cell: Any, index: int, started: int, verdict: _Verdict) -> None:
        self._intake.close(index)
        executed = cell.cell_type == "code"
        if executed:
            cell.outputs = _node(self._intake.outputs.of(index))
        if verdict.status == "failed":
            self.nb_man.cell_exception(cell, cell_index=index)
        self.nb_man.cell_complete(cell, cell_index=index)
        self._execution.cells_done += verdict.status == "completed"
        self._journal.append(
            "done",
            i=index,
            status=verdict.status,
            execution_count=cell.get("execution_count") if executed else None,
            started=started,
            ended=self._journal.elapsed_ms,
            error=verdict.error,
        )

    def _show_outputs(self) -> None:
        """Output may come after its cell ended, or change an earlier one."""
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type == "code":
                cell.outputs = _node(self._intake.outputs.of(index))

    def _tell_widgets(self) -> None:
        self.set_widgets_metadata()
        if self.widget_state:
            self._intake.widgets(self._widget_cell, self.nb.metadata.widgets)

    # ------------------------------------------------------------ what comes from the kernel

    def _on_message(self, index: int, message: dict[str, Any], size: int) -> None:
        kind, content = message["msg_type"], message["content"]
        cell = self.nb.cells[index]
        if "execution_count" in content and content["execution_count"] is not None:
            cell["execution_count"] = content["execution_count"]
        if kind.startswith("comm"):
            self._on_comm(cell, message, index, size + sum(len(one) for one in message["buffers"]))
        elif kind == "execute_input":
            return
        elif hooks := self.output_hook_stack[message["parent_header"].get("msg_id")]:
            if self._intake.admits(index, size):
                self._to_widget(hooks[-1], kind, cell, message, index)
        else:
            self._intake.take(index, kind, content, size)
            if self._tells_output and kind in _TOLD:
                self.log_output_message(_node({"output_type": kind, **content}))

    def _on_comm(self, cell: Any, message: dict[str, Any], index: int, size: int) -> None:
        self._widget_cell = index
        if self._widget_room.admits(size):
            self.handle_comm_msg(cell.outputs, message, index)
        else:
            why = f"the limit of all widgets is {self._widget_room.most:,} bytes"
            self._intake.drop(index, WIDGETS, size, why=why)

    def _widget_bytes(self) -> int:
        buffers = (one["data"] for parts in self.widget_buffers.values() for one in parts.values())
        return len(encoded(self.widget_state)) + sum(len(data) for data in buffers)

    def _to_widget(self, hook: Any, kind: str, cell: Any, message: dict[str, Any], index: int) -> None:
        if kind == "clear_output":
            hook.clear_output(cell.outputs, message, index)
            return
        display_id = (message["content"].get("transient") or {}).get("display_id")
        hook.output(cell.outputs, message, display_id, index)

    async def _first(self, wanted: Coroutine[Any, Any, Any], *, deadline: float | None) -> str | Stop:
        """Wait for *wanted*; say what came first: `done`, `dead`, `deadline`, or a stop."""
        run_deadline = self._execution.run_deadline
        times = [moment for moment in (deadline, run_deadline) if moment is not None]
        patience = max(0.0, min(times) - time.monotonic()) if times else None
        task = asyncio.create_task(wanted)
        dead = asyncio.create_task(self._kernel.dead.wait())
        stop = asyncio.create_task(self._execution.wishes.stop_asked.wait())
        every = {task, dead, stop}
        await asyncio.wait(every, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        done = {one for one in every if one.done()}
        for left in every - done:
            left.cancel()
        if task in done:
            return "done"
        if stop in done:
            assert self._execution.wishes.stop is not None
            return self._execution.wishes.stop
        if dead in done:
            return "dead"
        return self._run_overdue() or "deadline"


def _node(value: Any) -> Any:
    """*value* with the attributes that papermill reads."""
    return from_dict(value)  # type: ignore[no-untyped-call]


def _renamed(output: dict[str, Any], ename: str, reason: str) -> dict[str, Any]:
    """Our own interrupt left a KeyboardInterrupt: keep its traceback, say what it was."""
    if output["ename"] not in ("KeyboardInterrupt", ""):
        return output
    return {
        **output,
        "ename": ename,
        "evalue": reason,
        "traceback": [*output["traceback"], f"{ename}: {reason}"],
    }
