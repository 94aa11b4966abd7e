r"""Keywords as one line of text, for a command line or a cell: ``diffusion model``, ``title:"RAG"^2``, ``graph*``.

The text is the keyword as in a profile, with an optional ``field:`` before and ``^weight`` after it. In a list,
keywords are separated by ``;``. A backslash takes the meaning from a following ``;``, ``:``, ``^`` or backslash, and
stands for itself before anything else, so that TeX can be written as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.model import Field, Keyword

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = "none"
MAXIMUM_WEIGHT = 1000
SPECIAL = ";:^\\"
FIELD_PREFIX = re.compile(rf"\s*({'|'.join(Field)})\s*:", re.IGNORECASE)
WEIGHT = re.compile(r"\s*[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?\s*", re.IGNORECASE)


def parse_keyword(text: str) -> Keyword:
    """Return the keyword that ``text`` is; ValueError with a reason when it is empty or its weight is no weight."""
    field = FIELD_PREFIX.match(text)
    rest = text[field.end() :] if field else text
    body, weight = _cut_weight(rest)
    words = re.sub(r"\s", " ", _unescape(body)).strip()
    if not words.strip('"* '):
        raise ValueError(f"“{text.strip()}” holds no word")
    if not words.isprintable():
        raise ValueError(f"{words!a} holds an invisible character")
    return Keyword(words, weight, Field(field[1].lower()) if field else Field.ANY)


def parse_keywords(text: str) -> tuple[Keyword, ...]:
    """Return the keywords of a list separated by ``;`` (``none``: an empty one), each once; ValueError as above."""
    if text.strip().lower() == NOTHING:
        return ()
    return tuple(dict.fromkeys(parse_keyword(part) for part in split_list(text)))


def format_keyword(keyword: Keyword) -> str:
    """Return the text that :func:`parse_keyword` reads as this keyword."""
    prefix = "" if keyword.field is Field.ANY else f"{keyword.field}:"
    suffix = "" if keyword.weight == 1 else f"^{keyword.weight:g}"
    if suffix and float(suffix[1:]) != keyword.weight:
        suffix = f"^{keyword.weight!r}"
    return prefix + _escape(keyword.text) + suffix


def format_keywords(keywords: Sequence[Keyword]) -> str:
    """Return the text that :func:`parse_keywords` reads as these keywords."""
    text = ";".join(format_keyword(keyword) for keyword in keywords)
    if not text or text.strip().lower() == NOTHING:
        return NOTHING if not text else f"{text};"
    return text


def split_list(text: str) -> list[str]:
    """Return the parts of a text between semicolons that no backslash precedes, without the empty ones."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in tuple(SPECIAL):
            position += 1
        elif text[position] == ";":
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _cut_weight(text: str) -> tuple[str, float]:
    """Return ``text`` without its final ``^weight``, and the weight (1 when there is none)."""
    caret = text.rfind("^")
    if caret < 0 or _is_escaped(text, caret):
        return text, 1.0
    if not WEIGHT.fullmatch(text, caret + 1):
        return text, 1.0  # x^n is TeX
    weight = float(text[caret + 1 :])
    if not 0 < weight <= MAXIMUM_WEIGHT:
        raise ValueError(f"the weight {text[caret + 1 :].strip()} is not above 0 and up to {MAXIMUM_WEIGHT}")
    return text[:caret], weight


def _is_escaped(text: str, position: int) -> bool:
    escaped = False
    for character in text[:position]:
        escaped = character == "\\" and not escaped
    return escaped


def _escape(text: str) -> str:
    written = []
    for position, character in enumerate(text):
        following = text[position + 1 : position + 2]
        needs = character in ";^" or (character == ":" and FIELD_PREFIX.fullmatch(text[: position + 1]))
        is_risky_backslash = character == "\\" and (not following or following in SPECIAL)
        written.append("\\" + character if needs or is_risky_backslash else character)
    return "".join(written)


def _unescape(text: str) -> str:
    return re.sub(r"\\([;:^\\])", r"\1", text)
