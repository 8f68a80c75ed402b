"""What drafts of runs and of schedules have in common: the spec."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nightbook.core import policies
from nightbook.schemas.words import Draft, Parameters, PoolName, Tags


def _sorted(classes: list[str]) -> list[str]:
    if len(set(classes)) != len(classes):
        raise PydanticCustomError("duplicate", "must not name a class twice")
    return sorted(classes)


NotebookName = Annotated[str, Field(min_length=1, max_length=1024)]
KernelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
Priority = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Retries = Annotated[int, Field(ge=0, le=10)]
RetryClass = Literal["code", "kernel_died", "timeout", "out_of_memory"]
RetryOn = Annotated[list[RetryClass], Field(max_length=4), AfterValidator(_sorted)]
RetryDelay = Annotated[int, Field(ge=1, le=86_400)]
ConcurrencyKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")]
Concurrency = Annotated[int, Field(ge=1, le=1000)]


class SpecDraft(Draft):
    """What to run: a version (SHA-256, or a path for its latest version), with what, within which limits.

    `retries` are for the failures of user code that `retry_on` names; the first comes after
    `retry_delay_seconds`, each later one after twice as long, up to ten times. A run that no worker has
    taken after `expire_after_seconds` ends as `expired`; null waits for ever. Of the runs with the same
    `concurrency_key`, in any pool, at most `concurrency_per_key` run at once. Without `fork_kernel` the
    kernel is started the ordinary way even where a forked one is faster.
    """

    notebook: NotebookName
    parameters: Parameters = {}
    kernel: KernelName | None = None
    pool: PoolName = "default"
    priority: Priority = 50
    timeout_seconds: Seconds = 14_400
    cell_timeout_seconds: Seconds | None = None
    retries: Retries = 0
    retry_on: RetryOn = ["code", "kernel_died"]
    retry_delay_seconds: RetryDelay = policies.RETRY_DELAY_SECONDS
    retry_on_worker_loss: bool = False
    expire_after_seconds: Seconds | None = policies.EXPIRE_AFTER_SECONDS
    concurrency_key: ConcurrencyKey | None = None
    concurrency_per_key: Concurrency = 1
    fork_kernel: bool = True
    tags: Tags = []
