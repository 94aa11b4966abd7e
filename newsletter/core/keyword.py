"""A keyword as an admin writes it, and the sequences of words that it means.

``docs/profiles.md`` tells the rules by example. A keyword becomes a :class:`Pattern`: every way in which its words may
be cut (``self-supervised`` is two words or one), each word as a *symbol* that says how it is compared: ``s`` by its
stem, ``p`` as the beginning of a word, ``x`` exactly as it stands, ``b`` as the end of a clause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from newsletter.core import greek
from newsletter.core.stem import BREAK, DASHES, FUNCTION_WORDS, TOKEN, UNSPACED, fold, stem
from newsletter.core.text import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXIMUM_LENGTH = 200
_MAXIMUM_WORDS = 20
_MAXIMUM_SEGMENTED = 4  # words; every cut of more would be hundreds of forms for what nobody writes as one word
_SHORTEST_PREFIX = 2
_SHORTEST_JOINED = 4  # across a space; with a dash, "3-D" is "3D"
_LIST = re.compile(r"[,;](?=\s|$)|\n")
_PLAIN_MARKS = str.maketrans(dict.fromkeys(DASHES, "-") | {"’": "'", "‘": "'", "“": '"', "”": '"', "ʼ": "'"})

SYMBOL_STEM = "s"
SYMBOL_PREFIX = "p"
SYMBOL_EXACT = "x"
SYMBOL_BREAK = "b"


class KeywordError(ValueError):
    """A keyword that could match nothing, or nearly everything; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a keyword means: any of ``forms``, each a sequence of symbols.

    ``literal`` is what must stand in the text letter by letter, ``lead`` characters before the first word on, where
    the words alone do not tell (``"k-means"`` in quotes is not *k means*).
    """

    forms: tuple[tuple[str, ...], ...]
    literal: str = ""
    lead: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    raw: str
    folded: str
    is_prefix: bool
    joins_by_dash: bool  # to the piece before


def validate_keyword(text: str) -> str | None:
    """Return what is wrong with a keyword and what to write instead, or None when it is fine."""
    try:
        parse_keyword(text)
    except KeywordError as error:
        return str(error)
    return None


@lru_cache(maxsize=65536)
def parse_keyword(text: str) -> Pattern:
    """Return what a keyword means; KeywordError when it is empty, too broad or malformed."""
    if len(text) > MAXIMUM_LENGTH:
        raise KeywordError(f"a keyword has at most {MAXIMUM_LENGTH} characters: write several keywords")
    plain = readable(text).translate(_PLAIN_MARKS).strip()
    if not plain:
        raise KeywordError("an empty keyword: write a word or a phrase")
    if plain.startswith('"') or plain.endswith('"'):
        return _exact(text, plain)
    if '"' in plain:
        raise KeywordError(f"{text!r} has a quotation mark inside: quote the whole keyword, or none of it")
    return _inexact(text, plain)


def plain_marks(text: str) -> str:
    """Return ``text`` with every dash as ``-`` and curly quotation marks straight, character for character."""
    return text.translate(_PLAIN_MARKS)


def _exact(text: str, plain: str) -> Pattern:
    inner = plain[1:-1].strip()
    if len(plain) < 2 or plain[0] != '"' or plain[-1] != '"' or '"' in inner:  # noqa: PLR2004 (two marks)
        raise KeywordError(f'{text!r} has a quotation mark without its partner: write "RAG" to match exactly that')
    found = list(TOKEN.finditer(inner))
    words = [match for match in found if not BREAK.fullmatch(match[0])]
    if not words:
        raise KeywordError(f"{text!r} holds no letter or digit to look for")
    _check_size(text, len(words))
    symbols = tuple(SYMBOL_BREAK if BREAK.fullmatch(match[0]) else SYMBOL_EXACT + match[0] for match in found)
    if len(words) == 1 and words[0][0] == inner:
        return Pattern((symbols,))
    return Pattern((symbols,), literal=inner, lead=found[0].start())


def _inexact(text: str, plain: str) -> Pattern:
    mark = _LIST.search(plain)
    if mark is not None:
        raise KeywordError(f"{text!r} holds {mark[0]!r}: a keyword is one word or phrase; write each one on its own")
    pieces = list(_pieces(text, plain))
    if not pieces:
        raise KeywordError(f"{text!r} holds no letter or digit to look for")
    _check_size(text, len(pieces))
    if all(piece.is_prefix and len(piece.folded) < _SHORTEST_PREFIX and not _is_unspaced(piece) for piece in pieces):
        raise KeywordError(f"{text!r} would match nearly every paper: write at least two letters before the *")
    return Pattern(tuple(dict.fromkeys(_forms(pieces))))


def _check_size(text: str, words: int) -> None:
    if words > _MAXIMUM_WORDS:
        raise KeywordError(f"{text[:40]!r}… has {words} words: a keyword has at most {_MAXIMUM_WORDS}")


def _pieces(text: str, plain: str) -> Iterator[_Piece]:
    end = 0
    is_greek = any(map(greek.is_word, TOKEN.findall(plain)))
    for found in TOKEN.finditer(plain):
        if BREAK.fullmatch(found[0]):
            continue
        is_prefix = plain[found.end() : found.end() + 1] == "*"
        if is_prefix and re.match(r"\w", plain[found.end() + 1 :]):
            raise KeywordError(f"{text!r} has a * inside a word: it may only stand at a word's end (diffus*)")
        by_dash = 0 < end <= found.start() and plain[end : found.start()].strip(" ") in ("-", "--")
        word = greek.as_word(found[0]) if is_greek and greek.is_letter(found[0]) else found[0]
        yield _Piece(word, fold(word), is_prefix, by_dash)
        end = found.end()
    if "*" in re.sub(r"(?<=[\w+#])\*", "", plain):
        raise KeywordError(f"{text!r} has a * that follows no word: it stands for the rest of a word (diffus*)")


def _is_unspaced(piece: _Piece) -> bool:
    return UNSPACED.fullmatch(piece.raw) is not None


def _forms(pieces: list[_Piece]) -> Iterator[tuple[str, ...]]:
    """Return the keyword as it is cut, then every other cut that reads as the same."""
    yield tuple(_symbol([piece]) for piece in pieces)
    if len(pieces) <= _MAXIMUM_SEGMENTED:
        for cut in _cuts(pieces):
            yield tuple(_symbol(run) for run in cut)
        return
    for first in range(len(pieces) - 1):
        run = pieces[first : first + 2]
        if _reads_as_one(run):
            runs = [*([piece] for piece in pieces[:first]), run, *([piece] for piece in pieces[first + 2 :])]
            yield tuple(_symbol(each) for each in runs)


def _cuts(pieces: list[_Piece]) -> Iterator[list[list[_Piece]]]:
    if not pieces:
        yield []
        return
    for length in range(1, len(pieces) + 1):
        run = pieces[:length]
        if _reads_as_one(run):
            for rest in _cuts(pieces[length:]):
                yield [run, *rest]


def _reads_as_one(run: list[_Piece]) -> bool:
    """Whether these words may be written as one: ``self supervised``, but not ``in sight`` or ``R and D``."""
    if len(run) == 1:
        return True
    if any(_is_unspaced(piece) for piece in run) or any(left.is_prefix for left, _ in pairwise(run)):
        return False
    if all(piece.joins_by_dash for piece in run[1:]):
        return True
    return joins_across_space(run[0].folded, run[-1].folded, sum(len(piece.folded) for piece in run))


def joins_across_space(first: str, last: str, length: int) -> bool:
    """Whether words that begin and end so, ``length`` letters in all, read as one although a space parts them."""
    return length >= _SHORTEST_JOINED and first not in FUNCTION_WORDS and last not in FUNCTION_WORDS


def _symbol(run: list[_Piece]) -> str:
    if run[-1].is_prefix:
        return SYMBOL_PREFIX + "".join(piece.folded for piece in run)
    head = "".join(piece.folded for piece in run[:-1])
    return SYMBOL_STEM + stem(head + run[-1].raw)
