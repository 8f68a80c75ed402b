"""What the injected cell says. test_languages.py has the kernels read it back."""

import datetime
import decimal
import pathlib
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import BashTranslator, papermill_translators, translate_parameters

from nightbook_executor import translators
from nightbook_executor.translators import CannotHoldError, use_for

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def _papermills_own_come_back(monkeypatch):
    monkeypatch.setattr(papermill_translators, "_translators", dict(papermill_translators._translators))


def injected(parameters, declares="", kernel="python3", language="python"):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": declares}
    use_for({"cells": [cell]}, kernel, language)
    return translate_parameters(kernel, language, parameters)


def in_python(parameters, declares=""):
    names = {}
    exec(injected(parameters, declares), names)
    return {name: names[name] for name in parameters}


@given(value=json_values)
def test_python_holds_every_json_value(value):
    assert repr(in_python({"x": value})["x"]) == repr(value)


@pytest.mark.parametrize(
    ("declares", "text", "made"),
    [
        ("x: date = None", "2026-11-23", datetime.date(2026, 11, 23)),
        (
            "x: datetime.datetime | None = None",
            "2026-11-23T07:30:00Z",
            datetime.datetime(2026, 11, 23, 7, 30, tzinfo=datetime.UTC),
        ),
        ("x: Optional[time] = None", "07:30", datetime.time(7, 30)),
        ("x: Decimal = Decimal('0')", "1.10", decimal.Decimal("1.10")),
        ("x = date(2026, 1, 1)", "2026-11-23", datetime.date(2026, 11, 23)),
        ("x: list[date] = []", ["2026-11-23"], [datetime.date(2026, 11, 23)]),
        ("x: Path = Path('.')", 'a"b', pathlib.Path('a"b')),
        ("x: date | None = None", None, None),
        ("x: str = ''", "2026-11-23", "2026-11-23"),
    ],
)
def test_what_the_annotation_asks_for_is_made_in_the_injected_cell(declares, text, made):
    found = in_python({"x": text}, declares)["x"]

    assert (found, type(found), str(found)) == (made, type(made), str(made))


def test_the_injected_cell_needs_no_import_of_the_notebook():
    source = injected({"x": "2026-11-23"}, "x: date = None")

    assert source == '# Parameters\nx = __import__("datetime").date.fromisoformat("2026-11-23")\n'


def test_a_text_that_is_no_date_is_refused_by_its_name():
    with pytest.raises(CannotHoldError, match=r"^x is not the text of a date"):
        injected({"x": "2026-02-30 secret"}, "x: date = None")


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_what_is_typed_into_a_shell_holds_no_control_character(text):
    source = injected({"x": text}, kernel="bash", language="bash").split("\n", 1)[1]

    assert source.removesuffix("\n").isprintable()


def test_plain_texts_stand_in_a_shell_cell_as_papermill_writes_them():
    for text in ("plain", "it's", "a b", "$x `y` !z"):
        assert injected({"x": text}, kernel="bash", language="bash").endswith(f"x={shlex.quote(text)}\n")
        assert BashTranslator.translate(text) == shlex.quote(text)


@pytest.mark.parametrize(
    ("kernel", "language", "given"),
    [
        ("bash", "bash", {"x": {"a": 1}}),
        ("bash", "bash", {"PATH": "/tmp"}),
        ("ir", "R", {"x": 2**53 + 1}),
        ("ir", "R", {"_x": 1}),
        ("julia-1.10", "julia", {"x": "$(run(`id`))"}),
    ],
)
def test_what_the_language_cannot_hold_is_refused(kernel, language, given):
    with pytest.raises(CannotHoldError, match=next(iter(given))):
        injected(given, kernel=kernel, language=language)


def test_r_numbers_are_decimal_where_r_reads_them_right_and_else_exact():
    # 943850.778628 as R 4.2 reads it is the double below.
    assert translators._R.translate(0.1) == "0.1"
    assert translators._R.translate(-0.0) == "-0.0"
    assert translators._R.translate(1e22) == "1e+22"
    assert translators._R.translate(943850.778628) == (943850.778628).hex()
    assert translators._R.translate(0.1 + 0.2) == (0.1 + 0.2).hex()


def test_a_vector_of_r_stays_one_and_a_list_a_list():
    given = {"x": [1, 2.5], "y": ["a"], "z": []}
    source = injected(given, 'x <- c(1, 2)\ny <- 3\nz <- c("a")', kernel="ir", language="R")

    assert source == '# Parameters\nx = c(1, 2.5)\ny = list("a")\nz = list()\n'


def test_a_language_that_papermill_does_not_know_stays_unknown():
    use_for({"cells": []}, "lua", "lua")

    with pytest.raises(Exception, match="No parameter translator"):
        translate_parameters("lua", "lua", {"x": 1})
