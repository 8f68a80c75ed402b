"""Strict JSON: one reading of each text, or a refusal with a stable code (rows 1-12 of the catalogue)."""

import time

import pytest

from nightbook.core.errors import Fault, Invalid, TooLarge
from nightbook.core.strict_json import depth_exceeds, dumps_canonical, loads


def refusal(raw: bytes, **limits: int) -> tuple[int, str]:
    with pytest.raises(Fault) as caught:
        loads(raw, **limits)
    return caught.value.status, caught.value.code


def test_an_ordinary_document_is_read_as_it_is():
    raw = '{"a": [1, -2.5, true, null, "é\\n\\u00e9\\ud83d\\ude00"], "b": {"c": "x\\\\u0000"}}'.encode()

    assert loads(raw) == {"a": [1, -2.5, True, None, "é\né😀"], "b": {"c": "x\\u0000"}}


@pytest.mark.parametrize(
    "raw", [b'{"a"', b"{}x", b"{}{}", b"{'a': 1}", b"[1,]", b'"a\nb"', b"\x00", b'"a\x00"', b"01"]
)
def test_what_is_not_one_document_is_400(raw):
    assert refusal(raw) == (400, "not_json")


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_an_empty_body_is_422(raw):
    assert refusal(raw) == (422, "empty_body")


@pytest.mark.parametrize(
    "raw", [b'"\xff"', '{"a": 1}'.encode("utf-16"), b"\xef\xbb\xbf{}", b'"\xed\xa0\x80"', b"\xe9"]
)
def test_what_is_not_plain_utf8_is_400(raw):
    assert refusal(raw) == (400, "not_utf8")


@pytest.mark.parametrize("raw", [b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"1e999", b"[-1e400]"])
def test_numbers_that_are_not_finite_are_422(raw):
    assert refusal(raw) == (422, "not_finite")


@pytest.mark.parametrize("raw", [b'{"a": 1, "a": 2}', b'{"x": {"a": 1, "\\u0061": 1}}'])
def test_a_key_named_twice_is_422(raw):
    assert refusal(raw) == (422, "duplicate_key")


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63)), str(2**70), "9" * 5000])
def test_whole_numbers_beyond_63_bits_are_422(digits):
    assert refusal(digits.encode()) == (422, "number_too_large")


def test_the_largest_whole_numbers_pass():
    assert loads(f"[{2**63 - 1}, {-(2**63) + 1}]".encode()) == [2**63 - 1, -(2**63) + 1]


def test_a_looser_limit_on_whole_numbers_is_still_a_limit():
    assert loads(str(2**70).encode(), max_int=None) == 2**70
    with pytest.raises(Invalid) as caught:
        loads(b"9" * 5000, max_int=None)
    assert caught.value.code == "number_too_large"


@pytest.mark.parametrize("levels", [65, 5_000, 100_000])
@pytest.mark.parametrize(("opener", "closer"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_400_before_the_parse(levels, opener, closer):
    inside = b"1" if opener != b"[" else b""

    assert refusal(opener * levels + inside + closer * levels, max_keys=10**6) == (400, "too_deep")


def test_nesting_of_64_passes_and_brackets_in_strings_do_not_count():
    loads(b"[" * 64 + b"]" * 64)
    loads(b'["' + b"[" * 500 + b'\\"' + b"[" * 500 + b'"]')


def test_a_stray_escape_cannot_hide_depth_from_the_count():
    assert refusal(b'\\"' + b"[" * 100_000)[0] == 400
    assert refusal(b'"\\\\"' + b"[" * 100_000) == (400, "too_deep")


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udc00": 1}', r'["\ud83dx"]', r'"\ude00\ud83d"'])
def test_a_lone_surrogate_is_422(text):
    assert refusal(text.encode()) == (422, "bad_character")


@pytest.mark.parametrize("text", [r'"a\u0000b"', r'{"\u0000": 1}', r'"\\\u0000"'])
def test_a_nul_is_422(text):
    assert refusal(text.encode()) == (422, "bad_character")


def test_too_much_is_413_and_quick():
    keys = b"{" + b",".join(b'"%d":1' % n for n in range(10**6)) + b"}"
    items = b"[" + b"1," * 10**6 + b"1]"
    strings = b"[" + b'"",' * 10**6 + b'""]'
    long_string = b'"' + b"x" * (10 << 20) + b'"'

    began = time.thread_time()

    assert refusal(keys)[0] == 413
    assert refusal(items) == (413, "too_many_items")
    assert refusal(strings) == (413, "too_many_items")
    assert refusal(long_string) == (413, "string_too_long")
    assert time.thread_time() - began < 8
    assert issubclass(TooLarge, Invalid)


def test_keys_are_counted_in_the_whole_document():
    inner = b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}"

    assert refusal(b"[" + inner + b"," + inner + b"]") == (413, "too_many_keys")
    assert loads(b"[" + inner + b"]")


def test_a_refusal_does_not_repeat_what_was_sent():
    with pytest.raises(Fault) as caught:
        loads(b'{"hunter2": 1, "hunter2": 2}')

    assert "hunter2" not in caught.value.message


def test_canonical_bytes_do_not_depend_on_the_order_of_keys():
    assert dumps_canonical({"b": [1, 2.0], "a": "é"}) == '{"a":"é","b":[1,2.0]}'.encode()
    assert dumps_canonical({"a": 1, "b": 2}) == dumps_canonical({"b": 2, "a": 1})


@pytest.mark.parametrize(("value", "code"), [(float("nan"), "not_finite"), ("\ud800", "bad_character")])
def test_what_has_no_canonical_form_is_refused(value, code):
    with pytest.raises(Invalid) as caught:
        dumps_canonical([value])
    assert caught.value.code == code


def test_depth_of_values_is_counted_without_recursion():
    value: list[object] = []
    for _ in range(50_000):
        value = [value]

    assert depth_exceeds(value, 64)
    assert not depth_exceeds([[1]], 2)
    assert depth_exceeds([[1]], 1)
    assert not depth_exceeds({"a": [], "b": 1}, 2)
    assert not depth_exceeds(3, 0)
