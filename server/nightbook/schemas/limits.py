"""Limits: what a run may take of its worker, and how much it may leave. They belong to its pool."""

from typing import Annotated

from pydantic import Field

from nightbook.schemas.words import Draft, View

_MIB = 1024 * 1024


class OutputLimits(View):
    """How much a run may leave; beyond it, output is cut with a note, and files are refused."""

    cell_output_bytes: int = 10 * _MIB
    cell_outputs: int = 5000
    run_output_bytes: int = 100 * _MIB
    messages_per_minute: int = 50_000
    spill_bytes: int = 200 * _MIB
    artifact_bytes: int = 200 * _MIB
    artifacts: int = 1000


class Limits(OutputLimits):
    """The limits of one run. Null is without limit.

    `memory_bytes` is for all its processes together, `file_bytes` for each file that they write, and
    `processes` (threads count too) comes on top of what the worker's host ran before.
    """

    memory_bytes: int | None = None
    processes: int | None = 512
    open_files: int = 4096
    file_bytes: int | None = None


class PoolLimits(Draft):
    """The limits that a pool sets; what it leaves out has the default of `Limits`."""

    memory_bytes: Annotated[int, Field(ge=128 * _MIB, le=2**44)] | None = None
    processes: Annotated[int, Field(ge=16, le=1_000_000)] | None = 512
    open_files: Annotated[int, Field(ge=256, le=1_048_576)] = 4096
    #: Not below what the run's own record may take.
    file_bytes: Annotated[int, Field(ge=256 * _MIB, le=2**44)] | None = None
    cell_output_bytes: Annotated[int, Field(ge=1024, le=100 * _MIB)] = 10 * _MIB
    cell_outputs: Annotated[int, Field(ge=1, le=100_000)] = 5000
    run_output_bytes: Annotated[int, Field(ge=1024, le=100 * _MIB)] = 100 * _MIB
    messages_per_minute: Annotated[int, Field(ge=100, le=10_000_000)] = 50_000
    spill_bytes: Annotated[int, Field(ge=0, le=200 * _MIB)] = 200 * _MIB
    artifact_bytes: Annotated[int, Field(ge=0, le=200 * _MIB)] = 200 * _MIB
    artifacts: Annotated[int, Field(ge=0, le=1000)] = 1000
