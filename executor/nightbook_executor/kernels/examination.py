"""For each kernel of this machine: whether its runs may have it forked, and if not, why."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from nightbook.settings import Settings
from nightbook_executor.kernels import opening
from nightbook_executor.kernels.environments import changed_too_late, environment_of
from nightbook_executor.kernels.zygotes import last_base


@dataclass(frozen=True)
class Finding:
    """One kernel; `next_step` is set where somebody should do something."""

    kernel: str
    words: str
    next_step: str | None = None


def findings(settings: Settings) -> Iterator[Finding]:
    """In the order of the kernels' names."""
    why = opening.why_not(settings.sandbox, wanted=settings.fork_kernels)
    for name, found in sorted(KernelSpecManager().get_all_specs().items()):
        if why is not None:
            yield _ordinary(name, why)
        else:
            yield _examined(name, found["spec"], settings)


def _examined(name: str, spec: dict[str, Any], settings: Settings) -> Finding:
    if "kernel_provisioner" in (spec.get("metadata") or {}):
        return _ordinary(name, "its kernelspec has a provisioner of its own")
    environment = environment_of(spec["argv"], spec.get("language", "python"))
    if isinstance(environment, str):
        return _ordinary(name, environment)
    late = changed_too_late({**os.environ, **(spec.get("env") or {})}, os.environ)
    if late is not None:
        return _ordinary(name, late)
    for home in opening.homes(settings.home):
        base = last_base(home)
        if base is not None and (base / environment.key).is_dir():
            return _of_zygote(name, base / environment.key, home / f"zygote-{environment.key}.log")
    return Finding(name, "can be forked; no worker of this machine has a zygote for it yet")


def _of_zygote(name: str, place: Path, log: Path) -> Finding:
    """What the zygote says of itself, or its worker of it."""
    off = place / "off"
    if off.is_file():
        why = off.read_text(encoding="utf-8").strip()
        return Finding(name, f"ordinary start: {why}", f"Read {log}.")
    try:
        state = json.loads((place / "state.json").read_bytes())
        alive = Path(f"/proc/{int(state['pid'])}").is_dir()
    except (OSError, ValueError, KeyError):
        alive = False
    if not alive:
        return Finding(name, "can be forked; its zygote is not ready")
    imported = ", ".join(state["preloaded"]) or "no library"
    left_out = state["left_out"]
    if not left_out:
        return Finding(name, f"forked, with {imported}")
    listed = "; ".join(f"{library}: {why}" for library, why in sorted(left_out.items()))
    step = f"Nothing is lost but speed; or leave {', '.join(sorted(left_out))} out of NIGHTBOOK_PRELOAD."
    return Finding(name, f"forked, with {imported}, but without {listed}", step)


def _ordinary(name: str, why: str) -> Finding:
    return Finding(name, f"ordinary start: {why}")
