"""A character of a value, found again in the file."""

from __future__ import annotations

import pytest

from newsletter.settings.compose import compose_document
from newsletter.settings.document import ScalarNode
from newsletter.settings.positions import character_mark


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("q: ti:a AND X b\n", (1, 13)),
        ("q: 'ti:a AND X b'\n", (1, 14)),
        ("q: '''s X b'\n", (1, 9)),
        ('q: "ti:\\"a\\" AND X b"\n', (1, 18)),
        ('q: "\\u00e9\\x41 X"\n', (1, 16)),
        ("q: |\n  first\n  then X\n", (3, 8)),
        ("q: |-\n\n  first\n\n  then X\n", (5, 8)),
        ("q: >\n  first\n  then X\n", (3, 8)),
        ("q: >-\n  first\n\n  then X\n", (4, 8)),
        ("q: first\n  then X\n", (2, 8)),
        ("q: 'first\n   then X'\n", (2, 9)),
        ('q: "first \\\n   then X"\n', (2, 9)),
        ("é: 用户 X\n", (1, 7)),
        ("topics:\n  - {name: n, query: a X}\n", (2, 24)),
    ],
)
def test_character_is_found(text: str, mark: tuple[int, int]) -> None:
    document, _ = compose_document("a.yaml", text)
    assert document is not None
    node = document.node(("q",)) or document.node(("é",)) or document.node(("topics", 0, "query"))
    assert isinstance(node, ScalarNode)
    assert node.text is not None
    found = character_mark(document, node, node.text.index("X"))
    assert (found.line, found.column) == mark
    assert document.text[found.index] == "X"


def test_the_end_of_a_text_is_just_past_it() -> None:
    document, _ = compose_document("a.yaml", "q: 'a AND'\n")
    assert document is not None
    node = document.node(("q",))
    assert isinstance(node, ScalarNode)
    assert character_mark(document, node, 5).column == 10
    assert character_mark(document, node, 50).column == 10
