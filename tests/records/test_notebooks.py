"""Notebooks by path and by version, where one content lies at several paths."""

import world
from world import at

from nightbook.records import notebooks


def test_a_version_belongs_to_the_path_under_which_it_was_uploaded_last(session):
    for path, clock in (("sales.ipynb", "08:00"), ("copies/sales.ipynb", "09:00"), ("sales.ipynb", "10:00")):
        known = world.version(session, path=path, now=at(clock))

    assert notebooks.resolve(session, known.sha256) == ("sales.ipynb", known, False)
    assert [row.path for row, _ in notebooks.page(session, after=None, limit=9, q=None)] == [
        "copies/sales.ipynb",
        "sales.ipynb",
    ]
    assert len(notebooks.versions(session, "sales.ipynb", before=None, limit=9)) == 1
