"""How else a keyword's words may stand in texts: as several words that read as one, or under another stem.

The index holds words as texts cut them. "self supervised" is two of them, although the matcher finds the keyword
``selfsupervised`` there; and ``polic*`` begins words whose stem does not begin so. Both are found with the help of the
vocabulary: every word that any text holds, with its stem. It is asked twice: which pieces of a keyword are words at all
(:func:`pieces`), and then which words may end it (:func:`endings`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.core.index_plan import Spelling, Spellings, Word
from newsletter.core.index_words import code, code_prefixes, decode
from newsletter.core.keyword import SYMBOL_PREFIX, parse_keyword
from newsletter.core.match_query import FIELD_PARTS
from newsletter.core.query import Near, leaves
from newsletter.core.stem import folded_stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.core.query import Query

LONGEST_SPLIT: Final = 40  # letters; nobody writes a longer word as several
MOST_WORDS: Final = 3  # before the last one, as in newsletter.core.match_scan
SHORTEST: Final = 2
CERTAIN: Final = 2  # letters of the last word that no ending takes away
MOST_SPELLINGS: Final = 30  # of one symbol


@dataclass(frozen=True, slots=True)
class Ending:
    """A symbol's beginning that a text may hold as words, and what the word after them begins with."""

    symbol: str
    words: tuple[str, ...]
    rest: str

    @property
    def beginning(self) -> str:
        """What every word that may follow begins with."""
        if self.symbol[0] == SYMBOL_PREFIX:
            return self.rest
        return self.rest[: max(len(self.rest) - CERTAIN, min(CERTAIN, len(self.rest)))]


def symbols_of(query: Query) -> list[str]:
    """Return every symbol that a query's words are made of, each once."""
    found: dict[str, None] = {}
    for leaf in leaves(query):
        if leaf.field in FIELD_PARTS:
            for text in leaf.terms if isinstance(leaf, Near) else (leaf.text,):
                found.update(dict.fromkeys(symbol for form in parse_keyword(text).forms for symbol in form))
    return list(found)


def pieces(symbols: Iterable[str]) -> set[str]:
    """Return the coded words that these symbols might be cut into, all but the last of each."""
    found: set[str] = set()
    for symbol in symbols:
        text = symbol[1:]
        if SHORTEST <= len(text) <= LONGEST_SPLIT:
            found |= {code(text[i:j]) for i in range(len(text)) for j in range(i + 1, len(text))}
    return found


def endings(symbols: Iterable[str], known: set[str]) -> list[Ending]:
    """Return how each symbol may begin with words that are ``known`` (of :func:`pieces`), and must go on then.

    For the beginning of a word, also how it goes on from nothing: words whose stem begins otherwise.
    """
    found: list[Ending] = []
    for symbol in symbols:
        text = symbol[1:]
        if symbol[0] == SYMBOL_PREFIX:
            found.append(Ending(symbol, (), text))
        if SHORTEST <= len(text) <= LONGEST_SPLIT:
            found += [Ending(symbol, words, rest) for words, rest in _cut(text, known, MOST_WORDS)]
    return found


def _cut(text: str, known: set[str], most: int) -> Iterator[tuple[tuple[str, ...], str]]:
    for length in range(1, len(text)) if most else ():
        first, rest = text[:length], text[length:]
        if code(first) in known:
            yield (first,), rest
            for words, last in _cut(rest, known, most - 1):
                yield (first, *words), last


def beginnings(found: Iterable[Ending]) -> set[str]:
    """Return what the coded words that :func:`spellings` has to know of begin with."""
    return {coded for ending in found for coded in code_prefixes(ending.beginning)}


def spellings(found: Iterable[Ending], vocabulary: Iterable[tuple[str, str]]) -> Spellings:
    """Return how the symbols stand in texts, given every (word, stem), coded, that begins as :func:`beginnings` say."""
    by_beginning: dict[str, list[tuple[str, str]]] = defaultdict(list)
    wanted = list(found)
    starts = {coded for ending in wanted for coded in code_prefixes(ending.beginning)}
    lengths = sorted({len(start) for start in starts})
    for word, stemmed in vocabulary:
        for length in lengths:
            if word[:length] in starts:
                by_beginning[word[:length]].append((decode(word), stemmed))
    others: dict[str, dict[Spelling, None]] = defaultdict(dict)
    for ending in wanted:
        words = [pair for coded in code_prefixes(ending.beginning) for pair in by_beginning[coded]]
        room = others[ending.symbol]
        for spelling in _spelled(ending, words):
            if len(room) >= MOST_SPELLINGS and ending.words:
                break
            room[spelling] = None
    return Spellings({symbol: tuple(found) for symbol, found in others.items() if found})


def _spelled(ending: Ending, words: list[tuple[str, str]]) -> Iterator[Spelling]:
    lead = tuple(Word(_stem_code(word)) for word in ending.words)
    if ending.symbol[0] == SYMBOL_PREFIX:
        own = code_prefixes(ending.rest)
        if lead:
            yield from ((*lead, Word(coded, is_prefix=True)) for coded in own)
        for stemmed in sorted({stemmed for _, stemmed in words if not stemmed.startswith(own)}):
            yield (*lead, Word(stemmed))
        return
    head, stem = "".join(ending.words), ending.symbol[1:]
    for stemmed in sorted({stemmed for word, stemmed in words if folded_stem(head + word) == stem}):
        yield (*lead, Word(stemmed))


def _stem_code(word: str) -> str:
    return code(folded_stem(word))
