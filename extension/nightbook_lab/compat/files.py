"""Files of a run, brought into the folder where jupyter-scheduler's front end looks for them."""

import asyncio
from pathlib import Path
from typing import Final

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.job_files_manager import JobFilesManager

from nightbook_lab.compat.far_side import read

_ROUTES: Final = {"ipynb": "runs/{id}/notebook", "html": "runs/{id}/notebook.html"}


class NightbookFiles(JobFilesManager):  # type: ignore[misc]
    """Copies a run's executed notebook, its HTML and its input; what is there stays unless asked anew."""

    async def copy_from_staging(self, job_id: str, redownload: bool | None = False) -> None:
        scheduler = self.scheduler
        job = await scheduler.get_job(job_id, False)
        names = scheduler.get_job_filenames(job)
        folder = Path(scheduler.get_local_output_path(job))
        places = {form: _ROUTES[form].format(id=job_id) for form in job.output_formats}
        places["input"] = f"versions/{await scheduler.version_of(job_id)}/content"
        wanted = {folder / names[form]: place for form, place in places.items()}
        for target, place in wanted.items():
            if redownload or not target.exists():
                content = await read(scheduler.upstream, place)
                await asyncio.to_thread(_keep, folder, target, content)


def _keep(folder: Path, target: Path, content: bytes) -> None:
    # Names come from notebooks' paths on the server; none may lead out of the run's folder.
    if target.parent != folder or target.is_symlink():
        raise SchedulerError(f"{target.name!r} is no name for a file here.")
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    part.replace(target)
