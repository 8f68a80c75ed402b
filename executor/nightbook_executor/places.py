"""Short places: folders whose paths leave room for a socket's name.

They lie among the temporary files, so each is noted in the worker's state folder before it is made: a
successor finds them all, whatever killed the process that made them.
"""

import secrets
import shutil
import tempfile
from pathlib import Path

_NOTES = "places"
_PREFIX = "nb-"


def make(state: Path, kind: str = "") -> Path:
    """Make a folder that only this user may enter; *kind* is a letter or two of its name."""
    notes = state / _NOTES
    notes.mkdir(exist_ok=True, mode=0o700)
    while True:
        place = Path(tempfile.gettempdir()) / f"{_PREFIX}{kind}{secrets.token_hex(4)}"
        note = notes / place.name
        try:
            note.write_text(str(place), encoding="utf-8")
            place.mkdir(mode=0o700)
        except FileExistsError:
            note.unlink()
        except OSError:
            note.unlink(missing_ok=True)  # as of a full disk
            raise
        else:
            return place


def remove(state: Path, place: Path) -> None:
    """Remove a place and, once it is gone, its note."""
    shutil.rmtree(place, ignore_errors=True)
    if not place.exists():
        (state / _NOTES / place.name).unlink(missing_ok=True)


def sweep(state: Path) -> int:
    """Remove the places that a predecessor left. Return how many there were."""
    swept = 0
    for note in sorted((state / _NOTES).glob(f"{_PREFIX}*")):
        place = Path(note.read_text(encoding="utf-8"))
        if place.name != note.name:
            note.unlink(missing_ok=True)  # cut off before there was a place
            continue
        swept += place.is_dir()
        remove(state, place)
    return swept
