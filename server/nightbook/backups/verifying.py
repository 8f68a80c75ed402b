"""Whether a backup is whole: every file read through and held against its hash."""

from pathlib import Path

from nightbook.backups.shapes import (
    BackupError,
    Listing,
    Summary,
    artifact_path,
    digest_of,
    read_listing,
    table_path,
)


def verify(folder: Path) -> Summary:
    """Read the backup in *folder* through. Raises BackupError that names the first damaged file."""
    return verified(folder).summary


def verified(folder: Path) -> Listing:
    """The listing of a backup that is whole. Raises BackupError."""
    listing = read_listing(folder)
    for table in listing.tables:
        _check(table_path(folder, table.name), table.sha256)
    if listing.has_artifacts:
        for sha256 in listing.artifacts:
            _check(artifact_path(folder, sha256), sha256)
    return listing


def _check(path: Path, sha256: str) -> None:
    try:
        is_whole = digest_of(path) == sha256
    except OSError as error:
        raise BackupError(f"The backup is not whole: {path} cannot be read ({error.strerror}).") from error
    if not is_whole:
        raise BackupError(f"The backup is damaged: {path} does not match its SHA-256.")
