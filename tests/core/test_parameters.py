"""What a notebook declares, and the check of what is given (rows 57 and 74-83 of the bad-input catalogue)."""

import json
import time
from pathlib import Path

import pytest

from nightbook.core import notebooks
from nightbook.core.errors import Invalid, TooLarge
from nightbook.core.parameters import SPECIAL, Parameter, check, declared


def cell(source, tags=("parameters",), kind="code"):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {
        "cell_type": kind,
        "id": f"c{abs(hash(source))}"[:20],
        "metadata": {"tags": list(tags)},
        "source": source,
    } | extra


def reading(*cells, kernel="python3", language="python"):
    spec = {"name": kernel, "display_name": kernel, "language": language}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": list(cells)}
    return declared(notebooks.read(content))


def only(source, **kernel) -> Parameter:
    (parameter,) = reading(cell(source), **kernel).parameters
    return parameter


def codes(declaration, given):
    with pytest.raises(Invalid) as caught:
        check(declaration, given)
    assert all(error.message.endswith((".", "?")) for error in caught.value.errors)
    return {error.field: error.code for error in caught.value.errors}


# ---------------------------------------------------------------- what Python declares


@pytest.mark.parametrize(
    ("source", "type_", "default"),
    [
        ("x = 1", "int", 1),
        ("x = -1.5", "float", -1.5),
        ("x = True", "bool", True),
        ("x = 'a'", "str", "a"),
        ("x = [1, 'a']", "list", [1, "a"]),
        ("x = (1, 2)", "list", [1, 2]),
        ("x = {'a': None}", "dict", {"a": None}),
        ("x: int = 1", "int", 1),
        ("x: float = 1", "float", 1),
        ("x: list[str] = ['a']", "list", ["a"]),
        ("x: 'str' = 'a'", "str", "a"),
        ("x: Decimal = Decimal('1.50')", "str", "1.50"),
        ("x: datetime.date = datetime.date(2026, 11, 23)", "date", "2026-11-23"),
        ("x = date(2026, month=2, day=3)", "date", "2026-02-03"),
        ("x = dt.datetime(2026, 1, 2, 3, 4)", "datetime", "2026-01-02T03:04:00"),
        (
            "x: datetime = datetime.fromisoformat('2026-01-02T03:04:05+00:00')",
            "datetime",
            "2026-01-02T03:04:05+00:00",
        ),
        ("x = 7  # type: float", "float", 7),
        ("x: Any = 3", "any", 3),
        ("x: pd.Timestamp = 'now'", "any", "now"),
    ],
)
def test_types_come_from_the_annotation_else_from_the_default(source, type_, default):
    parameter = only(source)

    assert (parameter.type, parameter.default, parameter.editable) == (type_, default, True)


@pytest.mark.parametrize(
    "annotation", ["int | None", "Optional[int]", "typing.Union[None, int]", "'int | None'"]
)
def test_a_parameter_may_allow_null(annotation):
    parameter = only(f"x: {annotation} = 4")

    assert (parameter.type, parameter.nullable) == ("int", True)
    assert check(reading(cell(f"x: {annotation} = 4")), {"x": None}) == {"x": None}


def test_a_literal_type_gives_choices():
    parameter = only("region: Literal['north', 'south', None] = 'north'")

    assert (parameter.type, parameter.choices, parameter.nullable) == ("str", ("north", "south"), True)


@pytest.mark.parametrize(
    "expression",
    [
        "date.today()",
        "60 * 60",
        "f'{a}'",
        "os.environ['A']",
        "b'x'",
        "{1, 2}",
        "2**70",
        "1e999",
        "9" * 30,
        "{1: 2}",
        "'\\ud800'",
        "datetime(2026, 13, 1)",
        "Decimal('x')",
    ],
)
def test_what_the_notebook_computes_is_shown_and_not_editable(expression):
    parameter = only(f"x: int = {expression}")

    assert (parameter.editable, parameter.default, parameter.expression) == (False, None, expression)
    assert check(reading(cell(f"x: int = {expression}")), {"x": 3}) == {"x": 3}


def test_help_is_the_comment_behind_the_value():
    source = (
        "# The report\n"
        "n: int = 3  # rows to show\n"
        "names = [\n"
        "  'a',\n"
        "]  # who\n"
        "c = '# no'\n"
        "d: Annotated[int, 'of it'] = 1\n"
    )

    assert {p.name: p.help for p in reading(cell(source)).parameters} == {
        "n": "rows to show",
        "names": "who",
        "c": "",
        "d": "of it",
    }


def test_a_name_without_a_value_is_required():
    declaration = reading(cell("day: date\nn: int = ...\nm = 2"))

    assert [p.required for p in declaration.parameters] == [True, True, False]
    assert codes(declaration, {}) == {
        "parameters.day": "missing_parameter",
        "parameters.n": "missing_parameter",
    }


def test_magics_imports_and_other_statements_do_not_stop_the_reading():
    source = (
        "%matplotlib inline\n"
        "!ls -l \\\n"
        "  more\n"
        "from datetime import date\n"
        "files = !ls\n"
        "n = 3\n"
        "df?\n"
        "if n:\n"
        "    !pwd\n"
        "a, b = 1, 'x'\n"
        "c = d = 2"
    )

    assert [p.name for p in reading(cell(source)).parameters] == ["files", "n", "a", "b", "c", "d"]


def test_a_cell_that_is_not_python_is_an_error_finding():
    declaration = reading(cell("n = 1\nn = = 2"))

    assert [(f.rule, f.severity, f.cell) for f in declaration.findings] == [("parameters", "error", 0)]
    assert codes(declaration, {"n": 1}) == {"parameters.n": "unknown_parameter"}


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 50_000,
        "x = " + "-" * 50_000 + "1",
        "x = " + "1+" * 50_000 + "1",
        "x = " + "[" * 90 + "]" * 90,
        "x: " + "a[" * 80 + "]" * 80 + " = 1",
        "x = '" + "a" * 300_000 + "'",
        "x: '" + "int|" * 5000 + "int' = 1",
    ],
)
def test_a_hostile_cell_is_read_or_refused_in_a_second(source):
    began = time.thread_time()

    reading(cell(source))

    assert time.thread_time() - began < 4


def test_a_default_that_contradicts_its_type_is_a_warning():
    findings = reading(
        cell("n: int = 'a'\nm: Literal['a'] = 'b'\nok: float = 1\nday: date = '2026-01-01'")
    ).findings

    assert [f.message.split("`")[1] for f in findings] == ["n", "m"]


def test_a_name_of_python_itself_is_a_warning_and_cannot_be_given():
    declaration = reading(cell("id = 3\nn = 1"))

    assert [p.name for p in declaration.parameters] == ["n"]
    assert [(f.severity, f.cell) for f in declaration.findings] == [("warning", 0)]
    assert codes(declaration, {"id": 4}) == {"parameters": "bad_name"}


# ---------------------------------------------------------------- which cell


def test_a_notebook_without_a_parameters_cell_takes_none():
    declaration = reading(cell("n = 1", tags=()))

    assert (declaration.has_cell, declaration.findings) == (False, ())
    assert check(declaration, {}) == {}
    with pytest.raises(Invalid) as caught:
        check(declaration, {"n": 1})
    assert caught.value.code == "unknown_parameter"
    assert "tag the cell" in caught.value.message


def test_of_two_parameters_cells_the_first_counts_with_a_warning():
    declaration = reading(cell("n = 1"), cell("m = 1"))

    assert [p.name for p in declaration.parameters] == ["n"]
    assert [(f.severity, f.cell) for f in declaration.findings] == [("warning", 1)]


def test_a_tag_on_a_markdown_cell_is_an_error_and_takes_no_parameters():
    declaration = reading(cell("# n", kind="markdown"), cell("n = 1"))

    assert [(f.severity, f.cell) for f in declaration.findings] == [("error", 0)]
    assert codes(declaration, {"n": 2}) == {"parameters.n": "unknown_parameter"}


def test_special_names_are_never_required():
    source = "\n".join(f"{name}: str" for name in sorted(SPECIAL))

    assert check(reading(cell(source)), {}) == {}


# ---------------------------------------------------------------- bash, R and the rest


@pytest.mark.parametrize(
    ("line", "type_", "default", "help_"),
    [
        ("n=3", "int", 3, ""),
        ("rate=0.50 # share", "float", 0.5, "share"),
        ("day=2026-11-23", "str", "2026-11-23", ""),
        ("zip=08", "str", "08", ""),
        ("name='a $b # c'  # who", "str", "a $b # c", "who"),
        ('export s="x \\"y\\""', "str", 'x "y"', ""),
        ("empty=", "str", "", ""),
        ("big=99999999999999999999", "str", "99999999999999999999", ""),
        ("a=x#y", "str", "x#y", ""),
        ("a=(1 'b c' \"d\" e) # some", "list", [1, "b c", "d", "e"], "some"),
        ("a=()", "list", [], ""),
    ],
)
def test_bash_assignments_are_read(line, type_, default, help_):
    parameter = only(line, kernel="bash", language="bash")

    assert (parameter.type, parameter.default, parameter.help, parameter.editable) == (
        type_,
        default,
        help_,
        True,
    )


@pytest.mark.parametrize(
    "line", ["x=$(date)", 'x="$HOME/a"', "x=`id`", "x=~/a", "x=(1 $y)", "x='a'b", 'x="a', "x='", "x=a b"]
)
def test_what_bash_expands_is_not_editable(line):
    parameter = only(line, kernel="bash", language="bash")

    assert (parameter.editable, parameter.expression) == (False, line[2:])


@pytest.mark.parametrize(
    ("kernel", "language", "value"),
    [
        ("bash", "bash", {"a": 1}),
        ("bash", "bash", [["nested"]]),
        ("bash", "bash", [None]),
        ("bash", "bash", None),
        ("bash", "bash", "a\0b"),
        ("ir", "R", 2**53 + 1),
        ("ir", "R", [{"a": [-(2**53) - 1]}]),
        ("ir", "R", {"": 1}),
        ("ir", "R", json.loads("[" * 41 + "]" * 41)),
        ("ir", "R", "a\0b"),
        ("matlab", "matlab", None),
        ("matlab", "matlab", 2**53 + 1),
        ("julia-1.10", "julia", "$(run(`id`))"),
        ("julia-1.10", "julia", {"a$b": 1}),
        (".net-powershell", "pwsh", "$(id)"),
        (".net-csharp", "C#", "é"),
        ("scala", "scala", ["a\\b"]),
    ],
)
def test_what_a_language_cannot_hold_is_refused_at_submit(kernel, language, value):
    declaration = reading(cell("x=$(date)"), kernel=kernel, language=language)

    assert codes(declaration, {"x": value}) == {"parameters.x": "wrong_type"}


@pytest.mark.parametrize(
    ("kernel", "language", "value"),
    [
        ("bash", "bash", ["a b", 1, True]),
        ("bash", "bash", 2**53 + 1),
        ("ir", "R", -(2**53)),
        ("ir", "R", [None, {"a": None}]),
        ("julia-1.10", "julia", [{"a": "plain text; #1!"}, None]),
    ],
)
def test_what_a_language_holds_is_taken(kernel, language, value):
    declaration = reading(cell("x=$(date)\nx <- f()"), kernel=kernel, language=language)

    assert check(declaration, {"x": value}) == {"x": value}


@pytest.mark.parametrize(
    ("kernel", "language", "name"),
    [
        ("bash", "bash", "PATH"),
        ("bash", "bash", "LD_PRELOAD"),
        ("bash", "bash", "_"),
        ("bash", "bash", "UID"),
        ("ir", "R", "TRUE"),
        ("ir", "R", "repeat"),
        ("ir", "R", "my.name"),
    ],
)
def test_names_that_mean_something_to_the_language_are_told_and_cannot_be_given(kernel, language, name):
    declaration = reading(cell(f"{name}=1"), kernel=kernel, language=language)

    assert declaration.parameters == ()
    assert [f.severity for f in declaration.findings] == ["warning"]
    assert name in declaration.findings[0].message
    assert "bad_name" in codes(declaration, {name: 1}).values()


def test_a_vector_of_r_takes_scalars_only():
    declaration = reading(cell("x <- c(1, 2)"), kernel="ir", language="R")

    assert check(declaration, {"x": [3, 4.5]}) == {"x": [3, 4.5]}
    assert codes(declaration, {"x": [[3]]}) == {"parameters.x": "wrong_type"}
    assert codes(declaration, {"x": [None]}) == {"parameters.x": "wrong_type"}


@pytest.mark.parametrize(
    ("source", "made_as"),
    [
        ("x: date = None", "date"),
        ("x: datetime.datetime | None = None", "datetime"),
        ("x: Optional[time] = None", "time"),
        ("x: Decimal = Decimal('1.10')", "Decimal"),
        ("x = Decimal('1.10')", "Decimal"),
        ("x = datetime.date(2026, 1, 1)", "date"),
        ("x: list[date] = []", "date"),
        ("x: pathlib.Path = 'a'", "Path"),
        ("x = None  # type: date the day", "date"),
        ("x: date | str = ''", None),
        ("x: str = ''", None),
        ("x = '2026-01-01'", None),
    ],
)
def test_classes_that_json_has_no_word_for_come_from_the_annotation(source, made_as):
    assert only(source).made_as == made_as


def test_texts_of_times_and_decimals_are_checked():
    declaration = reading(cell("t: time\nd: Decimal\nds: list[Decimal] = []"))

    assert check(declaration, {"t": "07:30", "d": "1e-3", "ds": ["1.50"]})
    wrong = {"t": "noon", "d": "NaN", "ds": ["1.5", "x"]}
    assert codes(declaration, wrong) == dict.fromkeys(
        ["parameters.t", "parameters.d", "parameters.ds"], "wrong_type"
    )


@pytest.mark.parametrize(
    ("line", "type_", "default"),
    [
        ("x <- 3L # rows", "int", 3),
        ("x = 3", "float", 3),
        ("x<-1e3", "float", 1000.0),
        ("x <- 'it''", None, None),
        ('x <- "a # \\"b\\"\\n"', "str", 'a # "b"\n'),
        ("x <- TRUE;", "bool", True),
        ("x <- NULL", "any", None),
        ("x <- c('a,b', \"c\")", "list", ["a,b", "c"]),
        ("x <- c(1, 2.5)", "list", [1, 2.5]),
        ("x <- Sys.Date()", None, None),
        ("x <- c(1, y)", None, None),
        ('x <- "\\u00e9"', None, None),
    ],
)
def test_r_assignments_are_read(line, type_, default):
    parameter = only(line, kernel="ir", language="R")

    assert parameter.editable is (type_ is not None)
    assert (parameter.type, parameter.default) == (type_ or "any", default)


def test_a_language_that_we_cannot_read_takes_any_good_name():
    declaration = reading(cell("n = 1"), kernel="julia-1.10", language="julia")

    assert declaration.unknown_allowed
    assert [f.severity for f in declaration.findings] == ["note"]
    assert check(declaration, {"m": [1]}) == {"m": [1]}
    assert codes(declaration, {"a b": 1}) == {"parameters": "bad_name"}


def test_a_language_without_parameters_says_so():
    declaration = reading(cell("n = 1"), kernel="lua", language="lua")

    assert [f.severity for f in declaration.findings] == ["warning"]
    assert codes(declaration, {"n": 1}) == {"parameters.n": "unknown_parameter"}


# ---------------------------------------------------------------- what is given


MANY = (
    "n: int = 3\n"
    "rate: float = 0.5\n"
    "name = 'x'\n"
    "on = False\n"
    "day: date = date(2026, 1, 1)\n"
    "at: datetime\n"
    "ids: list[int] = []\n"
    "o = {}\n"
    "mode: Literal['a', 1] = 'a'\n"
    "any = None\n"
)


def many():
    return reading(cell(MANY.replace("any = None", "free = None")))


def test_right_values_come_back_as_they_were_given():
    given = {
        "n": 2**53 + 1,
        "rate": 1,
        "name": "'\"\\\n# ${x} `y` {{ ds }} 😀",
        "on": True,
        "day": "2026-02-28",
        "at": "2026-11-23T07:30:00.25+01:00",
        "ids": [1, -2],
        "o": {'k"}; import os #': [None]},
        "mode": 1,
        "free": {"a": [-0.0]},
    }

    assert json.dumps(check(many(), given)) == json.dumps(given)


@pytest.mark.parametrize(
    ("name", "value", "code_"),
    [
        ("n", "abc", "wrong_type"),
        ("n", True, "wrong_type"),
        ("n", 3.0, "wrong_type"),
        ("n", None, "wrong_type"),
        ("n", 2**63, "out_of_range"),
        ("rate", "0.5", "wrong_type"),
        ("rate", False, "wrong_type"),
        ("rate", float("nan"), "out_of_range"),
        ("rate", float("-inf"), "out_of_range"),
        ("name", 3, "wrong_type"),
        ("on", 1, "wrong_type"),
        ("on", "yes", "wrong_type"),
        ("day", "2026-02-30", "wrong_type"),
        ("day", "20260228", "wrong_type"),
        ("day", "2026-02-28T00:00:00", "wrong_type"),
        ("at", "2026-11-23", "wrong_type"),
        ("at", "2026-11-23T25:00", "wrong_type"),
        ("at", "2026-11-23T07:30:00Z\n", "wrong_type"),
        ("ids", [1, "2"], "wrong_type"),
        ("ids", [True], "wrong_type"),
        ("ids", {}, "wrong_type"),
        ("o", [], "wrong_type"),
        ("mode", "b", "not_a_choice"),
        ("mode", True, "not_a_choice"),
        ("o", {"a": [2**70]}, "out_of_range"),
        ("free", {1: 2}, "wrong_type"),
        ("free", {"a": {1, 2}}, "wrong_type"),
        ("free", "now", None),
    ],
)
def test_wrong_values_are_refused_at_their_field(name, value, code_):
    given = {"at": "2026-11-23T07:30:00Z", name: value}
    if code_ is None:
        assert check(many(), given) == given
        return

    assert codes(many(), given) == {f"parameters.{name}": code_}


@pytest.mark.parametrize(
    "name",
    [
        "x=1;import os",
        "class",
        "",
        "a b",
        "__builtins__",
        "print",
        "nаme",
        "x" * 65,
        "x" * 10_000,
        "a\n",
        "1a",
        "é",
        "a.b",
    ],
)
def test_bad_names_are_refused_and_not_repeated(name):
    with pytest.raises(Invalid) as caught:
        check(reading(cell("n = 1")), {name: 1})

    assert caught.value.code == "bad_name"
    assert len(name) < 5 or name not in caught.value.message


def test_an_unknown_name_is_told_the_nearest_one():
    with pytest.raises(Invalid) as caught:
        check(reading(cell("n_rows = 1\nother = 2")), {"n_row": 1})

    assert caught.value.code == "unknown_parameter"
    assert "`n_rows`" in caught.value.message


def test_all_faults_are_told_at_once():
    assert codes(many(), {"n": "a", "rate": "b", "zz": 1}) == {
        "parameters.n": "wrong_type",
        "parameters.rate": "wrong_type",
        "parameters.zz": "unknown_parameter",
        "parameters.at": "missing_parameter",
    }


def test_values_nested_too_deeply_are_refused():
    deep = []
    for _ in range(2_000):
        deep = [deep]

    assert codes(reading(cell("x = []")), {"x": deep}) == {"parameters.x": "too_deep"}


def test_too_many_and_too_large_are_413():
    with pytest.raises(TooLarge) as caught:
        check(many(), {f"p{n}": 1 for n in range(10_000)})
    assert caught.value.code == "too_many_parameters"

    with pytest.raises(TooLarge) as caught:
        check(many(), {"at": "2026-11-23T07:30:00Z", "name": "x" * (5 << 20)})
    assert caught.value.code == "parameters_too_large"


def test_the_gallery_declares_without_a_finding():
    gallery = sorted(Path(__file__).parents[2].glob("notebooks/**/*.ipynb"))
    assert gallery

    declarations = [declared(notebooks.read(json.loads(path.read_text()))) for path in gallery]

    assert [f for declaration in declarations for f in declaration.findings] == []
