"""Backup and restore: rows and artifacts as plain files, taken while everything runs, for either database.

    DIR/backup.json              what is in it, with hashes; written last: without it, unfinished
    DIR/tables/runs.jsonl        a line that names the columns and their kinds, then a line a row
    DIR/artifacts/ab/cd/abcd…    each artifact under the SHA-256 of its bytes

Rows are read in one snapshot of the database; the artifacts that they name never change, so copying
them later is as good. A backup is read by the release that made it and by all later ones.
"""

from nightbook.backups.restoring import restore
from nightbook.backups.shapes import BackupError, Summary, Told
from nightbook.backups.taking import backup
from nightbook.backups.verifying import verify

__all__ = ["BackupError", "Summary", "Told", "backup", "restore", "verify"]
