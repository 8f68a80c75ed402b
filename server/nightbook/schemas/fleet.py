"""The fleet: pools, workers and the kernels they have."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from nightbook.schemas.limits import Limits, PoolLimits
from nightbook.schemas.words import SCHEMA_VERSION, Draft, PoolName, SandboxLevel, Text, View


class KernelView(View):
    name: str
    display_name: str
    language: str
    pools: list[str] = []


class KernelList(View):
    items: list[KernelView]


class PoolDraft(Draft):
    name: PoolName
    description: Text = ""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    lease_seconds: Annotated[int, Field(ge=15, le=900)] = 60
    max_timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] = 604_800
    limits: PoolLimits = PoolLimits()


class PoolPatch(Draft):
    """The fields to change; what is absent stays, in `limits` too. Send the ETag you read as If-Match."""

    description: Text | None = None
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    lease_seconds: Annotated[int, Field(ge=15, le=900)] | None = None
    max_timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    limits: PoolLimits | None = None


class PoolView(View):
    schema_version: int = SCHEMA_VERSION
    version: int = 1
    name: str
    description: str = ""
    concurrency: int | None = None
    lease_seconds: int = 60
    max_timeout_seconds: int
    limits: Limits = Limits()
    workers: int = 0
    silent_workers: int = 0
    slots: int = 0
    free_slots: int = 0
    queued: int = 0
    running: int = 0
    oldest_queued_at: datetime | None = None


class PoolList(View):
    items: list[PoolView]


class WorkerView(View):
    id: UUID
    name: str
    pool: str
    state: Literal["alive", "draining", "silent"]
    slots: int
    running: int
    host: str
    version: str
    kernels: list[str]
    sandbox: SandboxLevel | None = None
    registered_at: datetime
    last_seen_at: datetime


class WorkerList(View):
    items: list[WorkerView]
