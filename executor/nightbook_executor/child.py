"""The process that runs papermill for one attempt: `python -P -m nightbook_executor.child`.

Called with ORDER, CHANNEL and JOURNAL: a file, and the numbers of two that are open.
It holds no token and no address. Ways out are the journal, the executed copy and the control pipe,
whose end is its life-line: when the worker falls silent, the kernel and all descendants are killed.
"""

import base64
import contextlib
import errno
import json
import keyword
import logging
import math
import os
import resource
import signal
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from nightbook.core import journal as core_journal
from nightbook_executor import endings, guard, outputs, rebuild, sandbox
from nightbook_executor.control import Channel
from nightbook_executor.endings import Ending, Stop
from nightbook_executor.execution import Execution, Wishes
from nightbook_executor.journal import Journal
from nightbook_executor.kernels.environments import Environment
from nightbook_executor.kernels.forking import Forking
from nightbook_executor.kernels.opening import why_not
from nightbook_executor.order import Order

# papermill imports each storage library that it finds; they cost time and start threads.
# jsonschema imports rfc3987_syntax for IRIs, which no notebook has; that alone takes more than a second.
_UNWANTED = (
    "rfc3987_syntax",
    "pyarrow",
    "boto3",
    "botocore",
    "gcsfs",
    "azure",
    "azure.storage",
    "azure.storage.blob",
    "github",
)
_MAX_DEPTH = 64
_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The attempt cannot begin; the ending says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


def main(arguments: list[str]) -> int:
    fd, journal = int(arguments[1]), int(arguments[2])
    for each in (fd, journal):
        os.set_inheritable(each, False)
    run(Order.read(Path(arguments[0])), fd, journal)
    return 0


def run(order: Order, fd: int, journal: int) -> None:
    """Run one attempt, in a process that has the attempt's environment, folder and log."""
    _take_precautions(order)
    channel = Channel.of_fd(fd)
    wishes = Wishes(begun=False)
    threading.Thread(target=_listen, args=(channel, wishes, order.silence_seconds), daemon=True).start()
    report = Attempt(order, channel, wishes, journal).run()
    channel.send("ended", **report)


def _take_precautions(order: Order) -> None:
    sandbox.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: _end_everything())
    # Not SIG_IGN: the kernel and what it starts would inherit that and could not be interrupted.
    signal.signal(signal.SIGINT, lambda *_: None)
    if not guard.IS_HERE:  # a guard has seen to it, before our first instruction
        sandbox.die_with_parent(order.parent)
    sandbox.confine(order.sandbox, order.limits)
    if order.sandbox != "none":
        sandbox.hide()
    if guard.IS_HERE:
        guard.name_process("nb-child")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    block_unwanted()


def block_unwanted() -> None:
    """Let papermill not find what it would import if it could."""
    sys.modules.update(dict.fromkeys(_UNWANTED))  # type: ignore[arg-type]


def _listen(channel: Channel, wishes: Wishes, silence_seconds: float) -> None:
    """Hear the worker; its silence or its end is ours."""
    try:
        while (message := channel.receive(silence_seconds)) is not None:
            if message["k"] == "begin":
                wishes.begin()
            elif message["k"] == "cancel":
                wishes.ask_to_stop(Stop("cancel", by=message.get("by")))
    except EOFError:
        pass
    _end_everything()


def _end_everything() -> NoReturn:
    sandbox.kill_descendants()
    os._exit(70)


class Attempt:
    """One attempt from its source to its executed copy."""

    def __init__(self, order: Order, channel: Channel, wishes: Wishes, journal: int) -> None:
        self._order = order
        self._channel = channel
        self._journal = Journal(journal, self._on_storage_failure)
        self._wishes = wishes
        self._source: dict[str, Any] = {}
        self._execution = Execution(
            journal=self._journal,
            wishes=wishes,
            caps=order.caps,
            path=order.path,
            begin_facts=_begin_facts(order),
            sockets=order.sockets,
            forking=self._forking(),
            work=order.work,
            log=order.log,
            spill=order.spill,
            memory_bytes=order.limits.memory_bytes,
            cgroup=order.cgroup,
            timeout_seconds=order.timeout_seconds,
            cell_timeout_seconds=order.cell_timeout_seconds,
            start_timeout_seconds=order.start_timeout_seconds,
        )

    def _forking(self) -> Forking:
        order, channel = self._order, self._channel
        if order.zygotes is None:
            return Forking(None, off=why_not(order.sandbox, wanted=False))
        if not order.fork_kernel:
            return Forking(None, off="the run wants none that is forked")

        def failed(environment: Environment, why: str | None) -> None:
            channel.send("environment", python=environment.python, options=environment.options, why=why)

        def given(environment: Environment, guard: int) -> None:
            channel.send("kernel", python=environment.python, options=environment.options, guard=guard)

        return Forking(
            order.zygotes,
            threads=order.threads,
            memory_bytes=order.limits.memory_bytes,
            cgroup=order.cgroup,
            mark=(sandbox.MARK, order.attempt_id),
            missing=lambda environment: failed(environment, None),
            failed=failed,
            given=given,
        )

    def run(self) -> dict[str, Any]:
        """Run it, and return what the worker reports."""
        ending = self._ending()
        left = sandbox.kill_descendants()
        if left:
            self._journal.append("note", s=f"{left} processes could not be killed.")
        ending = self._checked_results(ending)
        ending = self._close(ending)
        return self._report(ending)

    def _ending(self) -> Ending:
        try:
            self._source = self._unpacked()
            return self._executed()
        except RefusedError as refused:
            return refused.ending
        except OSError as error:
            traceback.print_exc()
            return endings.storage(errno.errorcode.get(error.errno or 0, "error"))
        except Exception as error:
            traceback.print_exc()
            return endings.platform(f"The process that runs the notebook failed ({type(error).__name__}).")

    def _executed(self) -> Ending:
        import nbformat
        from papermill.exceptions import PapermillException

        notebook = nbformat.from_dict(self._source)  # type: ignore[no-untyped-call]
        kernel, language = _kernel_of(self._order.kernel, notebook)
        _check_parameters(self._order.parameters)
        threading.Thread(target=self._ask_to_begin, daemon=True).start()
        try:
            self._papermill(notebook, kernel, language)
        except (PapermillException, NotImplementedError, ValueError) as error:
            # Either a cell's error, which the engine has seen, or parameters that cannot be written.
            if self._execution.ending is None and not self._execution.ask_to_begin.is_set():
                words = str(error) or type(error).__name__
                raise RefusedError(
                    endings.bad_parameters(f"The parameters cannot be given: {words}")
                ) from error
            if self._execution.ending is None:
                raise
        ending = self._execution.ending
        assert ending is not None
        return ending

    def _papermill(self, notebook: Any, kernel: str, language: str) -> None:
        import papermill

        from nightbook_executor import translators

        translators.use_for(self._source, kernel, language)
        # No output path: the copy is the rebuild from the journal, made in one place for everybody.
        papermill.execute_notebook(
            notebook,
            None,
            parameters=self._order.parameters,
            engine_name="nightbook",
            kernel_name=kernel,
            language=language,
            progress_bar=False,
            request_save_on_cell_execute=False,
            execution=self._execution,
        )

    def _ask_to_begin(self) -> None:
        self._execution.ask_to_begin.wait()
        self._channel.send("begin?")

    def _unpacked(self) -> dict[str, Any]:
        """The notebook's content; its sibling files are laid beside the kernel."""
        answer = json.loads(self._order.source.read_bytes())
        self._order.outputs.mkdir(parents=True)
        for file in answer.get("files", []):
            _lay(self._order.work, str(file["path"]), base64.b64decode(file["base64"]))
        return rebuild.upgraded(answer["content"])

    def _checked_results(self, ending: Ending) -> Ending:
        """Results are looked at when nobody can write them any more."""
        caps = self._order.caps
        try:
            outputs.collect(self._order.outputs, file_bytes=caps.file_bytes, files=caps.files)
        except outputs.BadResultError as error:
            if ending.state == "succeeded":
                return endings.bad_result(str(error))
            self._journal.append("note", s=f"No file of ./outputs/ is kept: {error}.")
        except OSError as error:
            return endings.storage(errno.errorcode.get(error.errno or 0, "error"))
        return ending

    def _close(self, ending: Ending) -> Ending:
        """Write the last record and the copy."""
        if not self._execution.ask_to_begin.is_set():
            self._begin_without_cells()
        fields = {"state": ending.state, "class": ending.class_, "reason": ending.reason, "cell": ending.cell}
        self._journal.append("end", **fields, usage=self._usage())
        self._journal.sync()
        if self._journal.failure is None:
            with contextlib.suppress(OSError), self._order.journal.open("rb") as lines:
                # Where this fails, the worker tries once more, from the journal.
                rebuild.write_copy(self._source, core_journal.records_of(lines), self._order.copy)
        return ending

    def _begin_without_cells(self) -> None:
        """An attempt that was refused before its engine began has a journal too."""
        cells = self._source.get("cells", [])
        ids = [cell.get("id") for cell in cells]
        self._execution.cells_total = len(ids)
        facts = _begin_facts(self._order)
        path, given = self._order.path, self._order.parameters
        self._journal.begin(
            version=core_journal.VERSION,
            injected=None,
            ids=ids,
            path=path,
            parameters=given,
            **facts,
        )

    def _report(self, ending: Ending) -> dict[str, Any]:
        return {
            "kernel_start": self._execution.kernel_start,
            "state": ending.state,
            "class": ending.class_,
            "reason": ending.reason,
            "cell": ending.cell,
            "cells_done": self._execution.cells_done,
            "cells_total": self._execution.cells_total,
            "usage": self._usage(),
            "kernel": self._order.kernel or _kernel_name(self._source),
            "language": _language(self._source),
        }

    def _usage(self) -> dict[str, Any]:
        """What the ended processes took: the largest one's memory, the CPU time of all."""
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 if sys.platform == "darwin" else 1024
        kernel = self._execution.kernel_ended or {}  # a forked kernel is none of our children
        return {
            "peak_memory_bytes": max(spent.ru_maxrss * unit, kernel.get("peak_memory_bytes", 0)),
            "cpu_seconds": round(spent.ru_utime + spent.ru_stime + kernel.get("cpu_seconds", 0.0), 3),
        }

    def _on_storage_failure(self, error: OSError) -> None:
        self._wishes.ask_to_stop(Stop("storage", by=errno.errorcode.get(error.errno or 0, "error")))


def _begin_facts(order: Order) -> dict[str, Any]:
    ids = {
        "run": order.run_id,
        "attempt_id": order.attempt_id,
        "attempt": order.attempt,
        "fence": order.fence,
    }
    limits = {"timeout_seconds": order.timeout_seconds, "cell_timeout_seconds": order.cell_timeout_seconds}
    return {**ids, "source": order.sha256, "limits": {**limits, **asdict(order.limits)}}


def _lay(folder: Path, name: str, content: bytes) -> None:
    """Write one sibling file; its path was checked at upload and is checked again."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise RefusedError(endings.platform("A sibling file has a path that leads elsewhere."))
    target = folder.joinpath(*path.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _kernel_name(source: dict[str, Any]) -> str | None:
    name = source.get("metadata", {}).get("kernelspec", {}).get("name")
    return name if isinstance(name, str) and name else None


def _language(source: dict[str, Any]) -> str | None:
    metadata = source.get("metadata", {})
    name = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    return name if isinstance(name, str) else None


def _kernel_of(wanted: str | None, notebook: Any) -> tuple[str, str]:
    """The kernel's name and language. Raises RefusedError where this worker has none such."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    specs = KernelSpecManager()
    name = wanted or _kernel_name(notebook)
    if name is None:
        raise RefusedError(endings.no_kernel(None, specs.find_kernel_specs()))
    try:
        return name, specs.get_kernel_spec(name).language
    except NoSuchKernel as error:
        raise RefusedError(endings.no_kernel(name, specs.find_kernel_specs())) from error


def _check_parameters(parameters: dict[str, Any]) -> None:
    """papermill pastes names as code, so they are checked here too. Raises RefusedError."""
    for name, value in parameters.items():
        if not _is_safe_name(name):
            raise RefusedError(
                endings.bad_parameters(f"{name[:64]!r} is not a name that a parameter can have.")
            )
        if not _is_json(value, _MAX_DEPTH):
            reason = f"The value of {name} is not finite JSON of at most {_MAX_DEPTH} levels."
            raise RefusedError(endings.bad_parameters(reason))


def _is_safe_name(name: str) -> bool:
    plain = name.isascii() and name.isidentifier() and len(name) <= 64
    return plain and not keyword.iskeyword(name) and not name.startswith("__")


def _is_json(value: Any, depth: int) -> bool:
    if depth < 0:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_json(item, depth - 1) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
