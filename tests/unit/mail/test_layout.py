"""What is filled is what pieces and values make, one after the other."""

from __future__ import annotations

from itertools import chain, zip_longest

from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.layout import Layout

VALUES = [b"", b"one", b"two\r\n"]


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=5)), min_size=1), st.binary(max_size=5))
def test_everything_is_in_its_place(gaps: list[tuple[int, bytes]], start: bytes) -> None:
    numbers, pieces = [number for number, _ in gaps], [start, *(piece for _, piece in gaps)]
    expected = b"".join(chain(*zip_longest(pieces, [VALUES[number] for number in numbers], fillvalue=b"")))
    layout = Layout(pieces, numbers)
    assert layout.filled(VALUES) == expected
    assert layout.filled(VALUES) == expected, "filled anew each time"
