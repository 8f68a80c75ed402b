"""jupyter-scheduler's `BaseScheduler`, kept by Nightbook: nothing is stored or run in the Jupyter server."""

import asyncio
import posixpath
from pathlib import Path
from typing import Any

from jupyter_scheduler.exceptions import InputUriError, SchedulerError
from jupyter_scheduler.executors import ExecutionManager
from jupyter_scheduler.models import (
    DescribeJob,
    DescribeJobDefinition,
    JobFeature,
    ListJobDefinitionsResponse,
    ListJobsResponse,
)
from jupyter_scheduler.scheduler import BaseScheduler

from nightbook.client import NightbookError
from nightbook.client.files import upload_of
from nightbook_lab.compat import shapes
from nightbook_lab.compat.far_side import ask, shared_upstream
from nightbook_lab.upstream import Upstream

#: The most rows that the API gives at once.
_MOST = 200
_SUPPORTED = {"job_name", "parameters", "job_definition", "idempotency_token", "tags", "stop_job"}


class NightbookFeatures(ExecutionManager):  # type: ignore[misc]
    """Tells their front end what it may offer; it executes nothing."""

    def execute(self) -> None:
        raise SchedulerError("Runs are executed by Nightbook's workers.")

    def supported_features(cls: Any) -> dict[Any, bool]:  # noqa: N805 - called on the class, which is handed over
        return {feature: feature.value in _SUPPORTED for feature in JobFeature}


class NightbookScheduler(BaseScheduler):  # type: ignore[misc]
    """Jobs are runs, definitions are schedules. Every refusal of the server is told in its own words."""

    #: Their app starts a clock of its own where there is one; ours is on the server.
    task_runner = None

    def __init__(
        self,
        root_dir: str,
        environments_manager: Any,
        upstream: Upstream | None = None,
        db_url: str = "",  # noqa: ARG002 - theirs; there is no database here
        config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(root_dir, environments_manager, config=config, **kwargs)
        self.execution_manager_class = NightbookFeatures
        self._given = upstream

    @property
    def upstream(self) -> Upstream:
        return self._given or shared_upstream()

    # ---- jobs

    async def create_job(self, model: Any) -> str:
        version = await self._upload(model.input_uri)
        draft = {"note": model.name, **await self._spec(model, version)}
        run = await self._ask("POST", "runs", draft, key=model.idempotency_token)
        return str(run["id"])

    async def update_job(self, job_id: str, model: Any) -> None:
        if model.name is not None:
            await self._ask("POST", f"runs/{job_id}/note", {"note": model.name})
        if model.status is not None and model.status.value == "STOPPED":
            await self.stop_job(job_id)

    async def list_jobs(self, query: Any) -> Any:
        """One page. `total_count` is that of the page: the server does not count."""
        found = await self._page("runs", query, status=query.status)
        jobs = [self._job(run) for run in found["items"]]
        return ListJobsResponse(jobs=jobs, total_count=len(jobs), next_token=found["next_cursor"])

    async def count_jobs(self, query: Any) -> int:
        """How many there are, as far as one page reaches."""
        states = shapes.states_of(query.status.value)
        return len((await self._ask("GET", "runs", state=states, limit=_MOST))["items"])

    async def get_job(self, job_id: str, job_files: bool | None = True) -> Any:
        return self._job(await self._ask("GET", f"runs/{job_id}"), with_files=bool(job_files))

    async def delete_job(self, job_id: str) -> None:
        run = await self._ask("GET", f"runs/{job_id}")
        if run["finished_at"] is not None:
            raise SchedulerError("Nightbook keeps the record of runs until their retention ends.")
        await self.stop_job(job_id)

    async def stop_job(self, job_id: str) -> None:
        await self._ask("POST", f"runs/{job_id}/cancel", {"reason": None})

    async def version_of(self, job_id: str) -> str:
        """The SHA-256 of the notebook that a run runs."""
        return str((await self._ask("GET", f"runs/{job_id}"))["notebook"]["sha256"])

    # ---- definitions

    async def create_job_definition(self, model: Any) -> str:
        version = await self._upload(model.input_uri)
        draft = {
            "name": model.name,
            "trigger": shapes.trigger(model.schedule, model.timezone),
            **await self._spec(model, version),
        }
        return str((await self._ask("POST", "schedules", draft))["id"])

    async def update_job_definition(self, job_definition_id: str, model: Any) -> None:
        place = f"schedules/{job_definition_id}"
        schedule = await self._ask("GET", place)
        patch = await self._changes(model, schedule)
        if patch:
            await self._ask("PATCH", place, patch)
        if model.active is not None and model.active != (schedule["state"] == "active"):
            await self._ask("POST", f"{place}/{'resume' if model.active else 'pause'}", {"reason": None})

    async def delete_job_definition(self, job_definition_id: str) -> None:
        await self._ask("DELETE", f"schedules/{job_definition_id}")

    async def get_job_definition(self, job_definition_id: str) -> Any:
        found = await self._ask("GET", f"schedules/{job_definition_id}")
        return DescribeJobDefinition(**shapes.definition(found))

    async def list_job_definitions(self, query: Any) -> Any:
        """One page. `total_count` is that of the page: the server does not count."""
        found = await self._page("schedules", query)
        shown = [DescribeJobDefinition(**shapes.definition(one)) for one in found["items"]]
        return ListJobDefinitionsResponse(
            job_definitions=shown, total_count=len(shown), next_token=found["next_cursor"]
        )

    async def create_job_from_definition(self, job_definition_id: str, model: Any) -> str:
        place = f"schedules/{job_definition_id}"
        schedule = await self._ask("GET", place)
        draft = {}
        if model.parameters:
            version = schedule["notebook"]["sha256"] or await self._newest(schedule["notebook"]["path"])
            draft = {"parameters": await self._typed(model.parameters, version)}
        return str((await self._ask("POST", f"{place}/run", draft))["id"])

    async def get_staging_paths(self, _model: Any) -> dict[str, str]:
        """None: `NightbookFiles` asks the server for what a run left."""
        return {}

    # ---- how

    def _job(self, run: dict[str, Any], *, with_files: bool = True) -> Any:
        job = DescribeJob(**shapes.job(run, "/"))
        if with_files and run["finished_at"] is not None:
            self.add_job_files(job)
        return job

    async def _page(self, place: str, query: Any, status: Any = None) -> Any:
        orders = {field.name: field.direction.value for field in query.sort_by}
        since = getattr(query, "start_time", None)
        return await self._ask(
            "GET",
            place,
            state=shapes.states_of(status.value) if status else None,
            schedule_id=getattr(query, "job_definition_id", None),
            q=query.name,
            tag=query.tags[0] if query.tags else None,
            since=shapes.instant(since) if since else None,
            sort="created_at" if orders.get("create_time") == "asc" else "-created_at",
            limit=min(query.max_items or _MOST, _MOST),
            cursor=query.next_token,
        )

    async def _changes(self, model: Any, schedule: dict[str, Any]) -> dict[str, Any]:
        version = schedule["notebook"]["sha256"]
        patch: dict[str, Any] = {}
        if model.input_uri:
            version = patch["notebook"] = await self._upload(model.input_uri)
        if model.schedule is not None or model.timezone is not None:
            now = shapes.definition(schedule)
            patch["trigger"] = shapes.trigger(
                model.schedule or now["schedule"], model.timezone or now["timezone"]
            )
        if model.parameters is not None:
            version = version or await self._newest(schedule["notebook"]["path"])
            patch["parameters"] = await self._typed(model.parameters, version)
        plain = {"name": model.name, "tags": model.tags, "kernel": model.runtime_environment_name}
        return patch | {field: value for field, value in plain.items() if value is not None}

    async def _spec(self, model: Any, version: str) -> dict[str, Any]:
        if model.package_input_folder:
            words = "Nightbook takes the files that a notebook declares in its metadata nightbook.files."
            raise SchedulerError(f"The whole folder cannot be sent. {words}")
        return {
            "notebook": version,
            "kernel": model.runtime_environment_name or None,
            "parameters": await self._typed(model.parameters, version),
            "tags": model.tags or [],
        }

    async def _typed(self, texts: dict[str, str] | None, version: str) -> dict[str, Any]:
        if not texts:
            return {}
        declared = await self._ask("GET", f"versions/{version}/parameters")
        return shapes.typed(texts, declared["items"])

    async def _newest(self, path: str) -> str:
        found = await self._ask("GET", "notebooks", q=path, limit=_MOST)
        return str(next(one["sha256"] for one in found["items"] if one["path"] == path))

    async def _upload(self, uri: str) -> str:
        """The notebook as it is now, as a version; its SHA-256."""
        path = posixpath.normpath(uri.lstrip("/"))
        if not self.file_exists(path):
            raise InputUriError(uri)
        try:
            # With the files that it declares beside it, as the client and the extension send it.
            draft = await asyncio.to_thread(upload_of, Path(self.root_dir, path), path=path)
        except NightbookError as error:
            raise SchedulerError(str(error)) from error
        body = draft.model_dump(mode="json", exclude_none=True)
        return str((await self._ask("POST", "notebooks", body))["sha256"])

    async def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return await ask(self.upstream, method, path, body, **more)
