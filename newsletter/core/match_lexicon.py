"""All distinct keywords of all profiles as one trie over symbols, and the words of texts as symbols.

The trie is kept in NumPy arrays, so that one pass walks it for every word of a thousand papers at once
(:mod:`newsletter.core.match_scan`). A word is analysed once, however often and in however many papers it stands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from newsletter.core import greek
from newsletter.core.keyword import SYMBOL_BREAK, SYMBOL_EXACT, SYMBOL_PREFIX, SYMBOL_STEM
from newsletter.core.stem import BREAK, IRREGULAR, fold, folded_stem, stem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from newsletter.core.keyword import Pattern

_MAXIMUM_WORDS = 300_000  # distinct words remembered between scans: about 60 MB
_CHANGED = 2  # letters at the end of a stem that the word may spell otherwise (centre, center; policies, polici)
_SHORTEST_HEAD = 2
_CERTAIN = 2  # letters of a second word that no ending takes away
_LONG = 6  # letters from which on a word begins as its stem does
_NODE_SHIFT = 32
_SHORTEST_TARGET = 2  # a tag and one letter


class Lexicon:
    """Collects patterns, then answers for good: a term's number is its place in the order of adding."""

    def __init__(self) -> None:
        self.symbols: dict[str, int] = {}
        self.literals: dict[int, Pattern] = {}
        self._terms: dict[Pattern, int] = {}
        self._children: dict[int, int] = {}
        self._ends: dict[int, list[int]] = {}
        self._nodes = 1
        self._written: set[str] = set()

    def __len__(self) -> int:
        return len(self._terms)

    def add(self, pattern: Pattern) -> int:
        """Return the number of this pattern's term; equal patterns share one."""
        term = self._terms.get(pattern)
        if term is not None:
            return term
        term = self._terms[pattern] = len(self._terms)
        if pattern.literal:
            self.literals[term] = pattern
        self._written.update(pattern.forms[0])
        for form in pattern.forms:
            self._ends.setdefault(self._walk(form), []).append(term)
        return term

    def _walk(self, form: tuple[str, ...]) -> int:
        node = 0
        for text in form:
            symbol = self.symbols.setdefault(text, len(self.symbols))
            key = (node << _NODE_SHIFT) | symbol
            child = self._children.get(key)
            if child is None:
                child = self._children[key] = self._nodes
                self._nodes += 1
            node = child
        return node

    def trie(self) -> Trie:
        """Return the trie of everything added so far."""
        return Trie(self._children, self._ends, self._nodes)

    def symbols_of_kind(self, kind: str) -> dict[str, int]:
        """Return the numbers of all symbols of one kind by their text, without the tag."""
        return {text[1:]: number for text, number in self.symbols.items() if text[0] == kind}

    def split_targets(self) -> list[str]:
        """Return, in order, the words that keywords write as one and that a text may write as several."""
        kinds = (SYMBOL_STEM, SYMBOL_PREFIX)
        return sorted({text[1:] for text in self._written if text[0] in kinds and len(text) > _SHORTEST_TARGET})


def _head(stemmed: str) -> str:
    """Return the letters that every word of this stem begins with."""
    return stemmed[: max(_SHORTEST_HEAD, len(stemmed) - _CHANGED)]


class Trie:
    """Transitions sorted by (node, symbol), and the terms that end at each node."""

    def __init__(self, children: dict[int, int], ends: dict[int, list[int]], nodes: int) -> None:
        keys = np.fromiter(children.keys(), dtype=np.int64, count=len(children))
        order = np.argsort(keys)
        self._keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._children = np.append(
            np.fromiter(children.values(), dtype=np.int64, count=len(children))[order], np.int64(-1)
        )
        counts = np.zeros(nodes + 1, dtype=np.int64)
        for node, terms in ends.items():
            counts[node + 1] = len(terms)
        self._end_offsets = np.cumsum(counts)
        flat = [term for node in sorted(ends) for term in ends[node]]
        self._end_terms = np.array(flat, dtype=np.int64)

    def step(self, nodes: NDArray[np.int64], symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the child of each node by each symbol, -1 where there is none."""
        wanted = (nodes << _NODE_SHIFT) | symbols
        places = np.searchsorted(self._keys, wanted)
        return np.where(self._keys[places] == wanted, self._children[places], -1)

    def ends(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the terms that end at these nodes, and for each of them the index of its node in ``nodes``."""
        first = self._end_offsets[nodes]
        return gather(self._end_terms, first, self._end_offsets[nodes + 1] - first)


def gather(
    values: NDArray[np.int64], first: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``values[first[i] : first[i] + counts[i]]`` for all i in one array, and the i of each."""
    owners = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return values[np.repeat(first, counts) + within], owners


def _has_head(folded: str, heads: Collection[str]) -> bool:
    """Return whether a word begins with one of these."""
    for length in range(_SHORTEST_HEAD, len(folded) + 1):  # noqa: SIM110 (any() takes twice as long)
        if folded[:length] in heads:
            return True
    return False


def _lengths_by_beginning(prefixes: Iterable[str], size: int) -> dict[str, list[int]]:
    """Return by their first ``size`` letters how long prefixes are, shortest first."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for prefix in prefixes:
        lengths[prefix[:size]].add(len(prefix))
    return {beginning: sorted(found) for beginning, found in lengths.items()}


class Words(dict[str, int]):
    """The number of every word seen in texts; looking up a new one analyses it.

    Bounded: :meth:`trim` forgets all when there are too many, between scans.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__()
        self._breaks = lexicon.symbols_of_kind(SYMBOL_BREAK)
        self._stems = lexicon.symbols_of_kind(SYMBOL_STEM)
        self._exact = lexicon.symbols_of_kind(SYMBOL_EXACT)
        self._prefixes = lexicon.symbols_of_kind(SYMBOL_PREFIX)
        self._shortest_prefix = min(map(len, self._prefixes), default=0)
        self._prefix_lengths = _lengths_by_beginning(self._prefixes, self._shortest_prefix)
        self._heads = {_head(stemmed) for stemmed in self._stems}
        self._targets = lexicon.split_targets()
        self._target_heads = {_head(target) for target in self._targets}
        self._start = min(_SHORTEST_HEAD, self._shortest_prefix or _SHORTEST_HEAD)
        self._starts = {text[: self._start] for text in (*self._heads, *self._prefixes, *self._targets)}
        self.joined: dict[int, bool] = {}  # pairs of word numbers that may be one word of a keyword
        self._reset()

    def _reset(self) -> None:
        self.clear()
        self.joined.clear()
        self._following: dict[int, set[str]] = {}
        self._flat: list[int] = []
        self._counts: list[int] = []
        self._begins: list[bool] = []
        self.folded: list[str] = []
        self._greek_words: set[int] = set()
        self._greek_letters: dict[int, int] = {}  # the number of each as a symbol, and as a word
        self._arrays: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]] | None = None

    def trim(self) -> None:
        """Forget every word when there are too many of them; numbers given before mean nothing afterwards."""
        if len(self) > _MAXIMUM_WORDS:
            self._reset()

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self.folded)
        folded = fold(word)
        self.folded.append(folded)
        self._arrays = None
        if self._is_foreign(folded):
            self._counts.append(0)
            self._begins.append(False)
        else:
            symbols = self._symbols_of(word, folded)
            self._flat += symbols
            self._counts.append(len(symbols))
            self._begins.append(self.may_begin(folded))
        if not word.isascii():
            self._note_greek(word, number)
        return number

    def _is_foreign(self, folded: str) -> bool:
        """Tell by its first letters that no keyword has a word: most of them, when little is looked for."""
        if len(folded) < _LONG or self._exact:
            return False
        return folded[: self._start] not in self._starts and folded not in IRREGULAR

    def _note_greek(self, word: str, number: int) -> None:
        if greek.is_word(word):
            self._greek_words.add(number)
        elif greek.is_letter(word):
            self._greek_letters[number] = self[greek.as_word(word)]

    def without_symbols_in_greek(self, numbers: NDArray[np.int64], text_of: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of texts' words, Greek letters taken for words where the text they are in is Greek."""
        if not self._greek_words or not self._greek_letters:
            return numbers  # nearly always
        texts = text_of[np.isin(numbers, list(self._greek_words))]
        places = np.flatnonzero(np.isin(numbers, list(self._greek_letters)) & np.isin(text_of, texts))
        numbers[places] = [self._greek_letters[number] for number in numbers[places].tolist()]
        return numbers

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return by word number: all symbols one after the other, where a word's begin, how many, may begin a join."""
        if self._arrays is None:
            counts = np.array(self._counts, dtype=np.int64)
            first = np.fromiter(accumulate(self._counts, initial=0), dtype=np.int64, count=len(counts) + 1)[:-1]
            self._arrays = (np.array(self._flat, dtype=np.int64), first, counts, np.array(self._begins, dtype=bool))
        return self._arrays

    def may_begin(self, folded: str) -> bool:
        """Return whether a word of some keyword begins with this and goes on."""
        if not folded:
            return False
        place = bisect_left(self._targets, folded)
        if place < len(self._targets) and self._targets[place] == folded:
            place += 1
        return place < len(self._targets) and self._targets[place].startswith(folded)

    def may_join(self, pair: tuple[int, int]) -> bool:
        """Return whether two words may be one word of a keyword, or its beginning."""
        second = self.folded[pair[1]]
        if second[:_CERTAIN] not in self._continuations(pair[0]) or not second.isalnum():
            return False  # nearly always
        both = self.folded[pair[0]] + second
        if self.may_begin(both):
            return True
        return _has_head(both, self._target_heads) and bool(self.joined_symbols(both))

    def _continuations(self, word: int) -> set[str]:
        """Return how keywords' words go on that begin with this one: their next letters, up to the certain ones."""
        known = self._following.get(word)
        if known is None:
            known = self._following[word] = set()
            first = self.folded[word]
            place = bisect_left(self._targets, first)
            while place < len(self._targets) and self._targets[place].startswith(first):
                rest = self._targets[place][len(first) :]
                known.update(rest[:length] for length in range(1, _CERTAIN + 1))
                place += 1
        return known

    def joined_symbols(self, folded: str) -> list[int]:
        """Return the symbols of several words read as one; exact ones never are."""
        return self._inexact(folded, folded_stem(folded))

    def _symbols_of(self, word: str, folded: str) -> list[int]:
        if len(word) == 1 and BREAK.fullmatch(word):
            return list(self._breaks.values())
        symbols = self._inexact(folded, stem(word) if self._may_share_stem(folded) else None)
        if self._exact:
            forms = {word, word.removesuffix("'s").removesuffix("’s")}
            symbols += [self._exact[form] for form in forms if form in self._exact]
        return symbols

    def _may_share_stem(self, folded: str) -> bool:
        """Tell cheaply whether some keyword's stem is this word's; most words of most texts need no stemming."""
        if len(folded) < _LONG or folded in IRREGULAR:
            return True
        return _has_head(folded, self._heads)

    def _inexact(self, folded: str, stemmed: str | None) -> list[int]:
        symbols = [self._stems[stemmed]] if stemmed in self._stems else []
        for length in self._prefix_lengths.get(folded[: self._shortest_prefix], ()):
            number = self._prefixes.get(folded[:length])
            if number is not None and length <= len(folded):
                symbols.append(number)
        return symbols
