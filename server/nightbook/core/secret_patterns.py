"""Texts that are almost surely a secret. Rather miss one than cry wolf; a finding never repeats it."""

import re
from typing import Final

_KNOWN_FORMS: Final = re.compile(
    r"""
      \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{36,}\b
    | \bgithub_pat_[A-Za-z0-9_]{60,}\b
    | \bglpat-[A-Za-z0-9_-]{20,}
    | \bxox[abprs]-[A-Za-z0-9-]{20,}
    | \bAIza[0-9A-Za-z_-]{35}\b
    | \b[sr]k_live_[0-9a-zA-Z]{20,}\b
    | \bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}
    | \bhf_[A-Za-z]{34}\b
    | \bdapi[0-9a-f]{32}\b
    | \bnb_(?:pat|svc|wrk)_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}\b
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}
    | -----BEGIN[ ](?:[A-Z]{2,10}[ ])?PRIVATE[ ]KEY-----
    """,
    re.VERBOSE,
)
_IN_ADDRESS: Final = re.compile(
    r"\b[a-z][a-z0-9+.]{1,20}://[^\s:/@\"'{}<>$%*]{1,64}:([^\s:/@\"'{}<>$%*]{4,128})@[\w.-]+"
)
_ASSIGNED: Final = re.compile(
    r"""(?ix)
        (?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|secret_?key)
        ["']? [ \t]* (?:=|:|<-) [ \t]* (["']) ([^"'\s{}<>$%]{8,200}) \1"""
)
_PLACEHOLDER: Final = re.compile(
    r"(?i)example|sample|change|your|dummy|placeholder|fake|test|todo|insert|replace|redacted|xxx|\*\*\*|\.\.\.|hidden|none|secret|password"
)


def holds_secret(source: str) -> bool:
    """Say whether a cell's text holds something that is a secret by its form, or by the name it is given."""
    if _KNOWN_FORMS.search(source):
        return True
    values = [match[1] for match in _IN_ADDRESS.finditer(source)]
    assigned = [match[2] for match in _ASSIGNED.finditer(source)]
    return any(not _PLACEHOLDER.search(value) for value in values) or any(
        _looks_random(value) for value in assigned
    )


def _looks_random(value: str) -> bool:
    """Letters and digits mixed, and no word for a gap: not a column, a path or a name of something."""
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and not _PLACEHOLDER.search(value) and not re.search(r"[/\\]|\.\w{2,4}$|^\w+:", value)
