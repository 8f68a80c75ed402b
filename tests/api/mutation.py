"""Random JSON values, and random places of a JSON value at which to put them."""

from bad_world import UNKNOWN
from hypothesis import strategies as st

TRICKY = st.sampled_from(
    [
        *[
            "",
            " ",
            "0",
            "null",
            "\x00",
            "\ud800",
            "\u202e",
            "../x",
            "a/b",
            "{x}",
            "%s",
            "'; --",
            "x" * 300,
            "🌙",
            "é",
            "e\u0301",
        ],
        *["2027-01-01T00:00:00Z", "P1D", "* * * * *", "UTC", "reports/daily.ipynb", UNKNOWN, "a" * 64],
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=20),
    TRICKY,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | TRICKY, inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, here=()):
    """Every path into a JSON value."""
    yield here
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*here, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*here, number))


def mutate(draw, body):
    """Replace, drop or add something at one to three places of *body*."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(body))))
        if not place:
            continue
        parent = body
        for part in place[:-1]:
            parent = parent[part]
        how = draw(st.sampled_from(["replace", "drop", "add"]))
        if how == "replace":
            parent[place[-1]] = draw(VALUES)
        elif how == "drop":
            del parent[place[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=8) | TRICKY)] = draw(VALUES)
        else:
            parent.append(draw(VALUES))
