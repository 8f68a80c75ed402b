"""What comes with the end of an attempt: bytes of small artifacts, and the journal that is here already.

All of it is in the store before the transaction that makes it visible begins.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from uuid import UUID

from nightbook.api.deps import House
from nightbook.core.errors import Invalid, TooLarge
from nightbook.records import journals, leases
from nightbook.records.access import Caller
from nightbook.schemas import FinishDraft, LeftArtifact, OutputLimits

#: The roles of the artifacts that are ours, by name.
ROLES = {
    "notebook.ipynb": "notebook",
    "manifest.json": "manifest",
    "journal.jsonl": "journal",
    "spill.txt": "spill",
}
#: The journal's tail: its offset, and whole lines.
Tail = tuple[int, bytes]

_LIMIT = OutputLimits().artifact_bytes


def tail_of(draft: FinishDraft) -> Tail | None:
    """The journal's tail that comes along. Raises Invalid."""
    if draft.journal is None:
        return None
    body = decoded(draft.journal.content, "journal.content")
    require_whole_lines(body, "journal.content")
    return draft.journal.offset, body


def require_whole_lines(body: bytes, field: str) -> None:
    if body and not body.endswith(b"\n"):
        raise Invalid("torn_line", "Send whole lines.", field=field)


def require_name(name: str, field: str) -> None:
    """Raises TooLarge, Invalid."""
    if len(name) > 512:
        raise TooLarge("name_too_long", "An artifact's name has at most 512 characters.", field=field)
    if name not in ROLES and not name.startswith("outputs/"):
        raise Invalid("bad_name", "Artifacts beside the three of ours lie under outputs/.", field=field)


def decoded(content: str, field: str) -> bytes:
    """Raises Invalid `bad_base64`, naming *field*."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("bad_base64", "Send the bytes as base64.", field=field) from error


def keep(house: House, attempt_id: UUID, draft: FinishDraft, tail: Tail | None, *, caller: Caller) -> None:
    """Put into the store what is not there yet. Raises Invalid for an artifact that is nowhere."""
    with house.reading() as session:
        is_over = leases.check_ending(session, attempt_id, draft, caller=caller)
    for index, artifact in enumerate(draft.artifacts):
        field = f"artifacts.{index}"
        require_name(artifact.name, f"{field}.name")
        if artifact.content is not None:
            _keep_content(house, artifact, field)
        elif house.store.exists(artifact.sha256):
            continue
        elif is_over or not _keep_journal(house, attempt_id, artifact, tail):
            raise Invalid("not_uploaded", "Upload this artifact first.", field=f"{field}.sha256")


def _keep_content(house: House, artifact: LeftArtifact, field: str) -> None:
    body = decoded(artifact.content or "", f"{field}.content")
    if hashlib.sha256(body).hexdigest() != artifact.sha256 or len(body) != artifact.size:
        raise Invalid("wrong_hash", "These bytes have another hash or size.", field=f"{field}.content")
    house.store.put([body], limit=_LIMIT)


def _keep_journal(house: House, attempt_id: UUID, artifact: LeftArtifact, tail: Tail | None) -> bool:
    """Put the journal together from what was uploaded of it; say whether it is the one that is meant."""
    if artifact.role != "journal":
        return False
    with house.reading() as session:
        whole = _whole(journals.pieces(session, attempt_id), tail)
        stored = house.store.put(whole, limit=_LIMIT)
    return stored.sha256 == artifact.sha256


def _whole(pieces: Iterator[bytes], tail: Tail | None) -> Iterator[bytes]:
    end = 0
    for piece in pieces:
        end += len(piece)
        yield piece
    if tail is not None and tail[0] <= end:
        yield tail[1][end - tail[0] :]
