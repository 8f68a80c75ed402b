"""Remotes: the address of a repository, without what must not be kept of it."""

import re
from urllib.parse import urlsplit, urlunsplit

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def without_credentials(remote: str) -> str | None:
    """The address without user, password, query and fragment; None for what is no address.

    An address of the kind `git@host:path` keeps its user, which is no secret.
    """
    if _CONTROL.search(remote) or not remote:
        return None
    if "://" not in remote:
        return remote
    try:
        parts = urlsplit(remote)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, "", ""))
