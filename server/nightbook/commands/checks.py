"""One line of the check-up."""

from typing import Literal

from nightbook.schemas import View


class Check(View):
    """What was looked at, whether it is well, and what to do where it is not."""

    name: str
    verdict: Literal["ok", "warning", "error"]
    message: str
    next_step: str | None = None


def well(name: str, message: str) -> Check:
    return Check(name=name, verdict="ok", message=message)


def wrong(name: str, message: str, next_step: str) -> Check:
    return Check(name=name, verdict="error", message=message, next_step=next_step)


def doubtful(name: str, message: str, next_step: str) -> Check:
    return Check(name=name, verdict="warning", message=message, next_step=next_step)
