"""The choice of environments in jupyter-scheduler's form: the kernels that our workers report."""

from typing import Any

from jupyter_scheduler.environments import EnvironmentManager
from jupyter_scheduler.models import RuntimeEnvironment

from nightbook_lab.compat import shapes
from nightbook_lab.compat.far_side import ask, shared_upstream
from nightbook_lab.upstream import Upstream


class NightbookEnvironments(EnvironmentManager):  # type: ignore[misc]
    """Kernels as environments; one that no worker has is no choice."""

    def __init__(self, upstream: Upstream | None = None) -> None:
        self._given = upstream

    async def list_environments(self) -> list[Any]:
        found = await ask(self._given or shared_upstream(), "GET", "kernels")
        names = {kernel["name"]: kernel for kernel in found["items"]}
        return [
            RuntimeEnvironment(
                name=name,
                # Its form sends the label of what is chosen, and takes the name for what is chosen at first.
                label=name,
                description=kernel.get("display_name") or name,
                file_extensions=["ipynb"],
                output_formats=list(shapes.FORMATS),
                metadata={},
            )
            for name, kernel in sorted(names.items(), key=_rank)
        ]

    def manage_environments_command(self) -> str:
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        return dict(shapes.FORMATS)


def _rank(item: tuple[str, dict[str, Any]]) -> tuple[bool, bool, str]:
    """Python first: the form of whoever chooses nothing has the first one."""
    name, kernel = item
    return name != "python3", kernel.get("language") != "python", name
