"""Where every term of a lexicon stands in many texts, found in one pass.

The texts of all papers lie in one row of word numbers. Each word is an edge from its place to the next, labelled with
its symbols; words that a keyword writes as one (``k means``) add an edge across both. The trie is walked from all
places at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import numpy as np

from newsletter.core.keyword import joins_across_space, plain_marks
from newsletter.core.match_lexicon import Lexicon, Trie, Words, gather
from newsletter.core.stem import BREAK, WORDS, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_FENCE = "\n"  # after every text, so that nothing runs across two
_LONGEST_JOIN = 4
_PAIR_SHIFT = 32


@dataclass(frozen=True, slots=True)
class Hits:
    """Where terms stand, sorted by term, then place: word ``start`` up to ``end`` (not included) of the row.

    ``text`` is the index of the text it stands in; ``ordinal`` counts words only, for distances.
    """

    term: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    text: NDArray[np.int64]
    row: Row

    def of(self, term: int) -> slice:
        """Return the stretch of the arrays that belongs to ``term``."""
        first, last = np.searchsorted(self.term, [term, term + 1])
        return slice(int(first), int(last))

    def within(self, first: int, last: int) -> Hits:
        """Return the hits in texts ``first`` up to ``last`` (not included), which are numbered anew from 0."""
        here = (self.text >= first) & (self.text < last)
        return Hits(self.term[here], self.start[here], self.end[here], self.text[here] - first, self.row)


class Row:
    """The words of texts, one after the other."""

    def __init__(self, texts: Sequence[str], words: Words) -> None:
        self._texts = texts
        self._pieces = [WORDS.split(text) for text in texts]  # what is between words, and words, turn about
        found = [[*pieces[1::2], _FENCE] for pieces in self._pieces]
        counts = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        self.words = list(chain.from_iterable(found))
        numbers = np.fromiter(map(words.__getitem__, self.words), dtype=np.int64, count=len(self.words))
        self.text_of = np.repeat(np.arange(len(found)), counts)
        self.numbers = words.without_symbols_in_greek(numbers, self.text_of)
        self.first = np.cumsum(counts) - counts
        self._ends: dict[int, list[int]] = {}

    def ends(self, text: int) -> list[int]:
        """Return where each piece of a text ends in it; so a word begins where the one before it does."""
        known = self._ends.get(text)
        if known is None:
            known = self._ends[text] = list(accumulate(map(len, self._pieces[text])))
        return known

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where words ``start`` up to ``end`` of the row stand in the text they are in."""
        text = int(self.text_of[start])
        first = int(self.first[text])
        ends = self.ends(text)
        return ends[2 * (start - first)], ends[2 * (end - first) - 1]

    def between(self, place: int) -> str:
        """Return what stands between the word at ``place`` and the next one of the same text."""
        text = int(self.text_of[place])
        return self._pieces[text][2 * (place - int(self.first[text])) + 2]

    @cached_property
    def ordinals(self) -> NDArray[np.int64]:
        """For every place how many words stand before it, clause ends not counted."""
        is_word = np.fromiter((BREAK.fullmatch(word) is None for word in self.words), dtype=bool, count=len(self.words))
        before: NDArray[np.int64] = np.cumsum(is_word) - is_word
        return before

    def holds(self, start: int, literal: str, lead: int) -> bool:
        """Return whether ``literal`` stands in the text so that its ``lead``-th character begins word ``start``."""
        text = int(self.text_of[start])
        begin = self.ends(text)[2 * (start - int(self.first[text]))] - lead
        return begin >= 0 and plain_marks(self._texts[text][begin : begin + len(literal)]) == literal


class Scanner:
    """Finds the terms of a lexicon in texts; remembers the words it has met."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._trie = lexicon.trie()
        self._words = Words(lexicon)

    def scan(self, texts: Sequence[str]) -> Hits:
        """Return where every term stands in ``texts`` (readable already); each place of a term once."""
        self._words.trim()
        row = Row(texts, self._words)
        symbols, edge_first, edge_count, targets = self._edges(row)
        found = list(_walk(self._trie, symbols, edge_first, edge_count, targets))
        terms, starts, ends = (
            (np.concatenate(column) for column in zip(*found, strict=True)) if found else (np.zeros(0, np.int64),) * 3
        )
        hits = _ordered(terms, starts, ends, row)
        return self._without_false_literals(hits)

    def _edges(self, row: Row) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the edges by place: symbols, first edge and number of edges of each place, where each edge leads."""
        symbols, word_first, word_count, begins = self._words.arrays()
        values, places = gather(symbols, word_first[row.numbers], word_count[row.numbers])
        targets = places + 1
        joins = list(self._joins(row, np.flatnonzero(begins[row.numbers])))
        if joins:
            columns = np.array(joins, dtype=np.int64)
            places = np.concatenate([places, columns[:, 0]])
            order = np.argsort(places, kind="stable")
            places = places[order]
            values = np.concatenate([values, columns[:, 1]])[order]
            targets = np.concatenate([targets, columns[:, 2]])[order]
        counts = np.bincount(places, minlength=len(row.numbers) + 1)
        return values, np.cumsum(counts) - counts, counts, targets

    def _joins(self, row: Row, heads: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """Return (place, symbol, place behind) of neighbours that are one word of a keyword."""
        pairs = (row.numbers[heads] << _PAIR_SHIFT) | row.numbers[heads + 1]
        distinct, which = np.unique(pairs, return_inverse=True)
        may = np.fromiter((self._may_join(pair) for pair in distinct.tolist()), dtype=bool, count=len(distinct))
        for place in heads[may[which]].tolist() if len(distinct) else ():
            yield from self._joins_at(row, place)

    def _may_join(self, pair: int) -> bool:
        known = self._words.joined.get(pair)
        if known is None:
            known = self._words.may_join((pair >> _PAIR_SHIFT, pair & ((1 << _PAIR_SHIFT) - 1)))
            self._words.joined[pair] = known
        return known

    def _joins_at(self, row: Row, place: int) -> Iterator[tuple[int, int, int]]:
        first = fold(row.words[place])
        folded, by_dash = first, True
        for last in range(place + 1, place + _LONGEST_JOIN):
            word = row.words[last]
            if word == _FENCE or BREAK.fullmatch(word):
                return
            gap = plain_marks(row.between(last - 1))
            if gap.strip(" ") not in ("", "-") or gap == " - ":
                return
            by_dash = by_dash and gap == "-"
            ending = fold(word)
            folded += ending
            if by_dash or joins_across_space(first, ending, len(folded)):
                for symbol in self._words.joined_symbols(folded):
                    yield place, symbol, last + 1
            if not self._words.may_begin(folded):
                return

    def _without_false_literals(self, hits: Hits) -> Hits:
        """Drop what stands word for word as an exact keyword, but not letter for letter."""
        if not self._lexicon.literals:
            return hits
        keep = np.ones(len(hits.term), dtype=bool)
        doubtful = np.flatnonzero(np.isin(hits.term, list(self._lexicon.literals)))
        for index, term, start in zip(
            doubtful.tolist(), hits.term[doubtful].tolist(), hits.start[doubtful].tolist(), strict=True
        ):
            pattern = self._lexicon.literals[term]
            keep[index] = hits.row.holds(start, pattern.literal, pattern.lead)
        return Hits(hits.term[keep], hits.start[keep], hits.end[keep], hits.text[keep], hits.row)


def _walk(
    trie: Trie,
    symbols: NDArray[np.int64],
    edge_first: NDArray[np.int64],
    edge_count: NDArray[np.int64],
    targets: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (terms, starts, ends) for each number of words, until no keyword is longer."""
    starts = np.repeat(np.arange(len(edge_count)), edge_count)
    nodes = trie.step(np.zeros(len(symbols), dtype=np.int64), symbols)
    alive = nodes >= 0
    nodes, starts, places = nodes[alive], starts[alive], targets[alive]
    while len(nodes):
        terms, owners = trie.ends(nodes)
        yield terms, starts[owners], places[owners]
        edges, owners = gather(np.arange(len(symbols)), edge_first[places], edge_count[places])
        children = trie.step(nodes[owners], symbols[edges])
        alive = children >= 0
        nodes, starts, places = children[alive], starts[owners[alive]], targets[edges[alive]]


def _ordered(terms: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], row: Row) -> Hits:
    """Return hits sorted by term and place; where forms of a term begin at one place, the longest."""
    size = len(row.numbers) + 1
    order = np.lexsort((-ends, terms * size + starts))
    terms, starts, ends = terms[order], starts[order], ends[order]
    keys = terms * size + starts
    keep = np.append(True, keys[1:] != keys[:-1]) if len(keys) else np.zeros(0, dtype=bool)
    terms, starts, ends = terms[keep], starts[keep], ends[keep]
    return Hits(terms, starts, ends, row.text_of[starts], row)
