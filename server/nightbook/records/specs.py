"""Specs: what a draft asks for, checked against the notebook, the pool and the workers' kernels.

Used where a run or schedule is made (API) and where a schedule fires (planner), so that both meet the
same rules.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlmodel import Session

from nightbook.core import parameters as declared_parameters
from nightbook.core.errors import Invalid
from nightbook.core.spec import Spec
from nightbook.records import notebooks, pools
from nightbook.records.notebooks import Version
from nightbook.records.pools import Pool

#: Where a session keeps what it has frozen already.
_FROZEN: Final = "frozen specs"


class SpecDraft(Protocol):
    """What run drafts and schedule drafts have in common."""

    notebook: str
    parameters: dict[str, Any]
    kernel: str | None
    pool: str
    priority: int
    timeout_seconds: int
    cell_timeout_seconds: int | None
    retries: int
    retry_on: list[Any]
    retry_delay_seconds: int
    retry_on_worker_loss: bool
    expire_after_seconds: int | None
    concurrency_key: str | None
    concurrency_per_key: int
    fork_kernel: bool


@dataclass(frozen=True)
class Checked:
    """A spec that can run, and the version against which it was checked."""

    spec: Spec
    version: Version
    follows_latest: bool

    @property
    def pinned(self) -> Spec:
        """The spec of a run made now."""
        return self.spec.pinned(
            self.version.sha256, self.spec.kernel or self.version.kernel, self.spec.parameters
        )


def check(session: Session, draft: SpecDraft) -> Checked:
    """Check a draft. Raises Invalid that names the first wrong thing, all wrong parameters at once."""
    path, version, follows_latest = notebooks.resolve(session, draft.notebook)
    pool = pools.require(session, draft.pool)
    _require_within(pool, draft)
    _require_kernel(session, draft.kernel, version, pool)
    parameters = declared_parameters.check(version.declared, draft.parameters)
    spec = Spec(
        notebook_path=path,
        notebook_sha256=None if follows_latest else version.sha256,
        parameters=parameters,
        kernel=draft.kernel,
        pool=draft.pool,
        priority=draft.priority,
        timeout_seconds=draft.timeout_seconds,
        cell_timeout_seconds=draft.cell_timeout_seconds,
        retries=draft.retries,
        retry_on=tuple(draft.retry_on),
        retry_delay_seconds=draft.retry_delay_seconds,
        retry_on_worker_loss=draft.retry_on_worker_loss,
        expire_after_seconds=draft.expire_after_seconds,
        concurrency_key=draft.concurrency_key,
        concurrency_per_key=draft.concurrency_per_key,
        fork_kernel=draft.fork_kernel,
    )
    return Checked(spec, version, follows_latest)


@contextmanager
def frozen_once(session: Session) -> Iterator[None]:
    """Within this, `freeze` looks up equal specs once: for many fire times in one short transaction."""
    session.info[_FROZEN] = {}
    try:
        yield
    finally:
        del session.info[_FROZEN]


def freeze(session: Session, spec: Spec) -> Spec:
    """The spec of a run that is made now from a schedule's *spec*. Raises Invalid where it cannot run."""
    known: dict[str, Spec] | None = session.info.get(_FROZEN)
    if known is None:
        return _frozen(session, spec)
    # Equal in all that the notebook and the pool have a say in; the rest of a spec is copied as it is.
    asked = [spec.notebook_path, spec.notebook_sha256, spec.kernel, spec.pool, dict(spec.parameters)]
    key = json.dumps(asked, sort_keys=True)
    found = known.get(key)
    if found is None:
        found = known[key] = _frozen(session, spec)
    assert found.notebook_sha256 is not None and found.kernel is not None
    return spec.pinned(found.notebook_sha256, found.kernel, found.parameters)


def _frozen(session: Session, spec: Spec) -> Spec:
    if spec.notebook_sha256 is None:
        _, version, _ = notebooks.resolve(session, spec.notebook_path)
    else:
        version = notebooks.require_version(session, spec.notebook_sha256)
    kernel = _require_kernel(session, spec.kernel, version, pools.require(session, spec.pool))
    parameters = declared_parameters.check(version.declared, spec.parameters)
    return spec.pinned(version.sha256, kernel, parameters)


def merged(spec: Spec, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of a re-run or a run by hand: the original ones, with *overrides* laid over."""
    return {**spec.parameters, **overrides}


def _require_within(pool: Pool, draft: SpecDraft) -> None:
    if draft.timeout_seconds > pool.max_timeout_seconds:
        raise Invalid(
            "beyond_pool_cap",
            f"The pool {pool.name} allows at most {pool.max_timeout_seconds} seconds.",
            field="timeout_seconds",
        )


def _require_kernel(session: Session, asked: str | None, version: Version, pool: Pool) -> str:
    kernel = asked or version.kernel
    if kernel is None:
        raise Invalid(
            "no_kernelspec",
            "The notebook names no kernel. Choose one in Jupyter and save it, or name one here.",
            field="kernel",
        )
    known = pools.kernels_of(session, pool.name)
    # A pool whose workers have never spoken may yet get a worker that has it.
    if known and kernel not in known:
        names = ", ".join(sorted(known))
        raise Invalid(
            "unknown_kernel",
            f"No worker of the pool {pool.name} has this kernel. It has: {names}.",
            field="kernel",
        )
    return kernel
