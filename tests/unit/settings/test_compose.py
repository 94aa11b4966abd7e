"""YAML with places: what is read, what is refused, and where the finger points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.settings.compose import MAXIMUM_DEPTH, compose_document

if TYPE_CHECKING:
    from newsletter.settings.document import Document


def read(text: str) -> Document:
    document, problems = compose_document("a.yaml", text)
    assert not problems
    assert document is not None
    return document


def complaints(text: str) -> list[str]:
    return [str(problem) for problem in compose_document("a.yaml", text)[1]]


def test_scalars_stay_as_written() -> None:
    document = read("a: 07:30\nb: 7:30\nc: no\nd: 1.10\ne: 0123\nf: 1e3\ng: 2026-01-01\nh: true\n")
    assert document.plain() == {
        "a": "07:30",
        "b": "7:30",
        "c": "no",
        "d": "1.10",
        "e": "0123",
        "f": "1e3",
        "g": "2026-01-01",
        "h": "true",
    }


def test_only_plain_nothing_is_nothing() -> None:
    document = read("a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: [null, '']\n")
    assert document.plain() == {"a": None, "b": None, "c": None, "d": "", "e": "null", "f": [None, ""]}


def test_places_count_from_one_and_point_at_values_or_keys() -> None:
    document = read("a:\n  b: [x,  y]\n  é: {z: 1}\nempty:\n")
    mark = document.place(("a", "b", 1))
    assert (mark.line, mark.column) == (2, 11)
    mark = document.place(("a", "é", "z"))
    assert (mark.line, mark.column) == (3, 10)
    mark = document.place(("a", "é", "z"), of_key=True)
    assert (mark.line, mark.column) == (3, 7)
    mark = document.place(("empty",))
    assert (mark.line, mark.column) == (4, 1)
    mark = document.place(("a", "missing"), of_key=True)
    assert (mark.line, mark.column) == (1, 1)


def test_anchors_and_merge_keys_are_written_out() -> None:
    document = read("base: &base {x: 1, y: 2}\nother:\n  <<: *base\n  y: 3\nlist: [*base]\n")
    assert document.plain()["other"] == {"x": "1", "y": "3"}
    assert document.plain()["list"] == [{"x": "1", "y": "2"}]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "a.yaml:", "the file is empty"),
        ("# only a comment\n", "a.yaml:", "the file is empty"),
        ("---\n", "a.yaml:", "the file is empty"),
        ("- a\n- b\n", "a.yaml:1:1:", "must hold keys with values"),
        ("just words\n", "a.yaml:1:1:", "must hold keys with values"),
        ("a: b: c\n", "a.yaml:1:5:", "in quotes"),
        ("a:\n\tb: 1\n", "a.yaml:2:1:", "not with tabs"),
        ("a: [1, 2\n", "a.yaml:2:1:", "close the list with ]"),
        ("a: {x: 1\n", "a.yaml:2:1:", "close the mapping with }"),
        ("a: 'x\n", "a.yaml:2:1:", "a quotation mark is not closed"),
        ("a: @x\n", "a.yaml:1:4:", "begins with @"),
        ("a: 50\n b: 2\n", "a.yaml:2:3:", "check the indentation"),
        ("a: 1\n- b\n", "a.yaml:2:1:", "check the indentation"),
        ('a: "\\d"\n', "a.yaml:1:6:", "use single quotes"),
        ("a: *unknown\n", "a.yaml:1:4:", "*unknown refers to nothing"),
        ("a: &a [*a]\n", "a.yaml:1:8:", "refers to what it is a part of"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1:", "a second document begins"),
        ("a: !!python/object:os.system x\n", "a.yaml:1:4:", "the tag !!python/object:os.system is not allowed"),
        ("a: !include x\n", "a.yaml:1:4:", "the tag !include is not allowed"),
        ("a: !!binary x\n", "a.yaml:1:4:", "the tag !!binary is not allowed"),
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3:1:", "the key “a” is there twice — it stands in line 1 already"),
        ("{{ name }}: 1\n", "a.yaml:1:2:", "a key must be a word"),
        ("? [a, b]\n: 1\n", "a.yaml:1:3:", "a key must be a word"),
        ("~: 1\n", "a.yaml:1:1:", "a key must be a word — write a name before the colon"),
        ("a: {<<: 1}\n", "a.yaml:1:5:", "<< takes mappings only"),
        ("a: " + "[" * 100_000, f"a.yaml:1:{MAXIMUM_DEPTH + 3}:", "nested more than"),
    ],
)
def test_refusals_have_place_reason_and_advice(text: str, place: str, words: str) -> None:
    found = complaints(text)
    assert any(complaint.startswith(place) and words in complaint for complaint in found), found


def test_problems_that_do_not_end_the_reading_come_together() -> None:
    found = complaints("a: !x 1\na: 2\nb: !y 3\n")
    assert len(found) == 3


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    found = complaints("\n".join(lines))
    assert len(found) == 1
    assert "fewer aliases" in found[0]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?%@`,~<\\ \n\t0é\x85\u2028", max_size=60))
def test_any_text_is_a_document_or_problems(text: str) -> None:
    document, problems = compose_document("a.yaml", text)
    assert document is not None or problems
    if document is not None:
        document.plain()
