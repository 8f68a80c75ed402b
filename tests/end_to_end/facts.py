"""What tests ask about a run that is over, over the public API."""

import hashlib
import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import nbformat
from cluster import Cluster

from nightbook.client import Client
from nightbook.schemas import RunView

#: Made once: to read this machine's certificates takes longer than the answer.
_PLAIN = ssl.create_default_context()


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def soon(seconds: int) -> datetime:
    """A whole second, so many from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def fetch(cluster: Cluster, path: str) -> httpx.Response:
    token = (cluster.home / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{cluster.url}/api/v1{path}", headers=headers, timeout=30, verify=_PLAIN)
    assert answer.status_code == 200, answer.text
    return answer


def executed_copy(cluster: Cluster, run: RunView) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(fetch(cluster, f"/runs/{run.id}/notebook").content)
    return copy


def require_whole(cluster: Cluster, run: RunView) -> dict[str, Any]:
    """The executed copy is a valid notebook, its hash is its manifest's and its ETag. Return the manifest."""
    copy = fetch(cluster, f"/runs/{run.id}/notebook")
    manifest: dict[str, Any] = fetch(cluster, f"/runs/{run.id}/manifest").json()
    told = {output["name"]: output["sha256"] for output in manifest["outputs"]}
    hashes = {
        "its bytes": hashlib.sha256(copy.content).hexdigest(),
        "its manifest": told["notebook.ipynb"],
        "its ETag": copy.headers["etag"].strip('"'),
    }
    assert len(set(hashes.values())) == 1, hashes
    nbformat.validate(nbformat.reads(copy.text, as_version=4))
    assert (manifest["run_id"], manifest["notebook"]["sha256"]) == (str(run.id), run.notebook.sha256)
    return manifest


def injected(cluster: Cluster, run: RunView) -> str:
    """The source of the cell that carries the parameters of this run."""
    cells = executed_copy(cluster, run)["cells"]
    return "".join(
        "".join(cell["source"]) for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])
    )


def story_of(api: Client, run: RunView) -> list[str]:
    """The kinds of all events of a run, oldest first."""
    return [event.kind for event in api.events(about=str(run.id))][::-1]
