"""A very long text of a kernel is read in pieces that lose nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbook_executor.wire import pieces_of_string

texts = st.text(st.sampled_from(["a", "\\", "\n", '"', "é", "漢", "😀", "\x00", "}"]), max_size=60)


@given(text=texts, size=st.integers(1, 20))
def test_the_pieces_of_a_string_are_the_whole_of_it(text, size):
    raw = json.dumps({"name": "stdout", "text": text}, ensure_ascii=False).encode()
    start = raw.index(b'"text": "') + len(b'"text": "')

    assert "".join(pieces_of_string(raw, start, size)) == text


def test_bytes_that_are_no_utf8_are_replaced():
    assert "".join(pieces_of_string(b'ab\x80c"}', 0, 2)) == "ab\ufffdc"


def test_what_is_no_string_is_refused():
    with pytest.raises(ValueError, match="not found"):
        list(pieces_of_string(b"abc}", 0, 2))
