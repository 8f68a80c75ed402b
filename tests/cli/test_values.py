"""What a user types, read as values."""

import pytest
import typer

from nightbook.commands.values import assigned, seconds, typed
from nightbook.schemas import Parameter


def value(text, type_="any", **facts):
    return typed({"x": text}, [Parameter(name="x", type=type_, **facts)])["x"]


@pytest.mark.parametrize(
    ("text", "type_", "wanted"),
    [
        ("5", "str", "5"),
        ("true", "str", "true"),
        ("null", "str", "null"),
        ('"quoted"', "str", '"quoted"'),
        ("2026-11-23", "date", "2026-11-23"),
        ("5", "int", 5),
        ("2.5", "float", 2.5),
        ("True", "bool", True),
        ("FALSE", "bool", False),
        ('["a", 1]', "list", ["a", 1]),
        ('{"a": {"b": 1}}', "dict", {"a": {"b": 1}}),
        ("north", "any", "north"),
        ("5", "any", 5),
        ("", "str", ""),
        ("many", "int", "many"),
        ("NaN", "float", "NaN"),
        ("Infinity", "any", "Infinity"),
        ("[" * 100_000, "list", "[" * 100_000),
    ],
)
def test_text_is_read_as_the_declared_type(text, type_, wanted):
    assert value(text, type_) == wanted
    assert type(value(text, type_)) is type(wanted)


def test_null_is_a_value_only_where_it_may_be():
    assert value("null", "str", nullable=True) is None
    assert value("null", "str") == "null"


def test_what_is_not_declared_is_json_or_text():
    assert typed({"x": "[1]", "y": "one"}, []) == {"x": [1], "y": "one"}


def test_a_value_may_hold_equals_signs():
    assert assigned(["query=a=b", "empty="]) == {"query": "a=b", "empty": ""}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("4h", 14_400),
        ("2d", 172_800),
        ("PT15M", 900),
        ("P1DT1S", 86_401),
    ],
)
def test_durations_may_be_short_or_iso(text, wanted):
    assert seconds(text, "--timeout") == wanted


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5h", "P", "PT", "5 m", "9" * 30])
def test_what_is_no_duration_is_a_usage_error(text):
    with pytest.raises(typer.BadParameter):
        seconds(text, "--timeout")
