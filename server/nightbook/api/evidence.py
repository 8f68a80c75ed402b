"""Late evidence: the one door by which something is still taken of an attempt that nobody holds any more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlmodel import Session

from nightbook.adapters.database import moment_of
from nightbook.api.deps import PREFIX, Now
from nightbook.api.desk import TheDesk
from nightbook.api.leavings import require_whole_lines
from nightbook.records import evidence
from nightbook.schemas import JournalAnswer

router = APIRouter(prefix=f"{PREFIX}/worker", tags=["worker"])


@router.put("/attempts/{attempt_id}/evidence")
async def append_evidence(
    attempt_id: UUID,
    worker_id: UUID,
    fence: Annotated[int, Query(ge=0, le=2**31)],
    offset: Annotated[int, Query(ge=0, le=2**40)],
    request: Request,
    desk: TheDesk,
    now: Now,
) -> JournalAnswer:
    """Complete the journal of an attempt that died with its worker's process, at most 24 h after its loss.

    Only the worker that had the attempt may; its executed copy is made again. No state moves. To learn
    what is missing, send nothing at the offset where your journal ends.
    """
    body = await request.body()
    require_whole_lines(body, "body")

    def act(session: Session) -> JournalAnswer:
        end = evidence.append(
            session,
            attempt_id,
            fence,
            worker_id=worker_id,
            offset=offset,
            body=body,
            caller=desk.caller,
            now=moment_of(session, now),
        )
        return JournalAnswer(next_offset=end)

    return await desk.write(act)
