"""Where a character of a value stands in its file, through quotes, escapes and folded lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.settings.document import Mark

if TYPE_CHECKING:
    from newsletter.settings.document import Document, ScalarNode

ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


def character_mark(document: Document, node: ScalarNode, offset: int) -> Mark:
    """Return where the character at ``offset`` of a scalar's text stands; one past its end is allowed.

    Where the text cannot be followed through the source, the scalar's start is the answer.
    """
    index = _follow(document.text[: node.end.index], node, offset)
    if index is None:
        return node.start
    before = document.text[:index].replace("\r\n", "\n").replace("\r", "\n")
    line_start = before.rfind("\n") + 1
    return Mark(before.count("\n") + 1, len(before) - line_start + 1, index)


def _follow(source: str, node: ScalarNode, offset: int) -> int | None:
    """Return the index in ``source`` of the text's character at ``offset``, by reading both side by side."""
    text, index, last = node.text or "", _content_start(source, node), None
    for position, character in enumerate(text):
        index = _skip_folding(source, index, character, node.style)
        if index >= len(source):
            return None
        if position == offset:
            return index
        length = _source_length(source, index, character, node.style)
        if length == 0:
            return None
        index += length
        last = index
    return last


def _content_start(source: str, node: ScalarNode) -> int:
    """Return where a scalar's own characters begin: after its quote, or after the line of its | or >."""
    start = node.start.index
    if node.style in ("'", '"'):
        return start + 1
    if node.style in ("|", ">"):
        line_end = source.find("\n", start)
        return line_end + 1 if line_end >= 0 else len(source)
    return start


def _skip_folding(source: str, index: int, character: str, style: str | None) -> int:
    """Return the index after the line breaks and indentation that the value does not hold."""
    while index < len(source):
        found = source[index]
        if style == '"' and found == "\\" and source[index + 1 : index + 2] in ("\n", "\r"):
            index += 2
        elif found == character or not found.isspace() or (character == " " and found in "\r\n"):
            break
        else:
            index += 1
    return index


def _source_length(source: str, index: int, character: str, style: str | None) -> int:
    """Return how many characters of the file make this one of the value; 0 when they do not agree."""
    found = source[index]
    if style == '"' and found == "\\":
        return ESCAPE_LENGTHS.get(source[index + 1 : index + 2], 2)
    if style == "'" and found == "'":
        return 2
    if found == character or (character == " " and found in "\r\n"):
        return 1
    return 0
