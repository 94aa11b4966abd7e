"""Whether a name on a paper is the name that somebody wrote: accents, initials and order of names allowed for.

``Y. LeCun``, ``Yann LeCun`` and ``LeCun, Yann`` are one; ``Geoffrey E. Hinton`` is ``Geoffrey Hinton``; ``Müller`` is
``Muller`` and ``Mueller``; ``Jun-Yan Zhu`` is ``Junyan Zhu`` and ``Zhu Junyan``. ``Yann LeCun`` is not
``Yoshua LeCun``, nor ``Yi Ma`` ``Yi-An Ma``. A single word is any word of a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from typing import TYPE_CHECKING

from newsletter.core.stem import fold
from newsletter.core.text import readable_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:[’'ʼ][^\W\d_]+)*|-|,")
_PARTICLES = _words("van von der den de del della di da du dos das la le ter ten bin ibn al el zu zur af av")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "ø": "oe", "Ø": "oe"})
_RINGS = str.maketrans({"å": "aa", "Å": "aa"})
_NOT_WORD = re.compile(r"[\W_]+")

_Unit = tuple[str, ...]  # words that hyphens join


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name taken apart: spellings of the family name, given names, and every word of it.

    ``order`` holds the name's words as they stand, where either end may be the family name: ``He Kaiming``. A comma or
    an initial leaves no doubt, and then it is empty.
    """

    families: frozenset[str]
    given: tuple[_Unit, ...]
    words: frozenset[str]
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorTerm:
    """A name to look for: one word in its spellings (perhaps the beginning of one), or a whole name."""

    name: Name
    word: frozenset[str] = frozenset()
    is_prefix: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """Return words one of which every matching name holds; empty for a prefix, which may match any."""
        if self.is_prefix:
            return frozenset()
        return self.word or self.name.families


@lru_cache(maxsize=65536)
def parse_name(text: str) -> Name:
    """Return a name's parts; an affiliation in parentheses is left out."""
    plain = re.sub(r"\([^)]*\)", " ", readable_name(text)).replace("_", " ")
    family_first, comma, rest = plain.partition(",")
    if comma and fold(_NOT_WORD.sub("", rest)) not in _SUFFIXES and rest.strip():
        plain = f"{rest} {family_first}"
    groups = [_WORD.findall(part) for part in plain.replace(",", " ").split()]
    groups = [group for group in groups if any(word != "-" for word in group)]
    groups = [group for group in groups if len(group) == 1 or fold(group[0]) not in _SUFFIXES]
    if len(groups) > 1 and not comma and len(groups[-1]) == 1 and len(groups[-1][0]) == 1 and len(groups[0][0]) > 1:
        groups = [*groups[1:], groups[0]]  # LeCun Y
    return _name(groups, has_comma=bool(comma)) if groups else Name(frozenset(), (), frozenset())


def _name(groups: list[list[str]], *, has_comma: bool) -> Name:
    units = [tuple(word for word in group if word != "-") for group in groups]
    family, given = units[-1], units[:-1]
    families = set(_spellings("".join(family)))
    if len(family) == 1 and given and len(given[-1]) == 1 and len(given[-1][0]) > 1:
        families |= _spellings(given[-1][0] + family[0])  # García Márquez beside García-Márquez
    names = tuple(unit for group in groups[:-1] for unit in _given(group))
    words = {spelling for unit in units for word in (*unit, "".join(unit)) for spelling in _spellings(word)}
    order = tuple("".join(unit) for unit in units)
    is_certain = has_comma or len(order) == 1 or any(len(word) == 1 for word in order)
    return Name(frozenset(families), names, frozenset(words), () if is_certain else order)


def _given(group: list[str]) -> Iterator[_Unit]:
    """Yield the names that letters without a space hold: ``Jun-Yan`` is one, ``J.Y.`` are two."""
    unit: list[str] = []
    for before, word in zip(["-", *group], group, strict=False):
        if word == "-":
            continue
        if before != "-" and unit:
            yield tuple(unit)
            unit = []
        if _folded(word) not in _PARTICLES:
            unit.append(word)
    if unit:
        yield tuple(unit)


def _folded(word: str) -> str:
    return _NOT_WORD.sub("", fold(word))


@lru_cache(maxsize=65536)
def _spellings(word: str) -> frozenset[str]:
    if word.isascii():
        return frozenset({_folded(word)})
    ringed = word.translate(_RINGS)
    return frozenset(map(_folded, (word, ringed, word.translate(_UMLAUTS), ringed.translate(_UMLAUTS))))


@lru_cache(maxsize=65536)
def parse_author(text: str) -> AuthorTerm | None:
    """Return the name to look for that somebody wrote, or None when it holds no letter."""
    plain = readable_name(text).strip('"“” ')
    is_prefix = plain.endswith("*")
    name = parse_name(plain.rstrip("*"))
    if not name.words:
        return None
    is_word = len(_NOT_WORD.sub(" ", plain.replace("-", "")).split()) == 1
    if is_word or is_prefix:
        return AuthorTerm(name, _spellings(plain.replace("_", " ").split()[-1].rstrip("*")), is_prefix)
    return AuthorTerm(name)


def is_author(term: AuthorTerm, name: Name) -> bool:
    """Return whether ``name`` is the one looked for."""
    if term.is_prefix:
        return any(word.startswith(beginning) for word in name.words for beginning in term.word)
    if term.word:
        return not term.word.isdisjoint(name.words)
    if not term.name.families.isdisjoint(name.families) and _agree(term.name.given, name.given):
        return True
    return _is_turned(term.name.order, name.order) or _is_turned(name.order, term.name.order)


def _is_turned(straight: tuple[str, ...], turned: tuple[str, ...]) -> bool:
    """Whether one name is the other with its last word, the family name, before all others: ``He Kaiming``."""
    if not straight or not turned or _spellings(straight[-1]).isdisjoint(_spellings(turned[0])):
        return False
    return not _spellings("".join(straight[:-1])).isdisjoint(_spellings("".join(turned[1:])))


def _agree(wanted: Sequence[_Unit], found: Sequence[_Unit]) -> bool:
    """Whether given names may be one person's, as far as both state them; a hyphen may be missing."""
    return _words_agree(wanted, found) or _agree_joined(wanted, found)


def _words_agree(wanted: Sequence[_Unit], found: Sequence[_Unit]) -> bool:
    """Whether each word equals the other's, or is an initial of it; half of ``Yi-An`` is not the whole."""
    shorter, longer = sorted((_placed(wanted), _placed(found)), key=len)
    if not all(_same(one, other) for (one, _), (other, _) in zip(shorter, longer, strict=False)):
        return False
    end = len(shorter)
    if not end or end == len(longer) or not longer[end][1]:
        return True
    last, beside, following = shorter[-1][0], longer[end - 1][0], longer[end][0]
    return len(last) == 1 or (len(beside) == 1 and _folded(following[0]) in _folded(last)[1:])  # W.-L. is Weilin


def _placed(units: Sequence[_Unit]) -> list[tuple[str, bool]]:
    """Return each word with whether it goes on a hyphenated name."""
    return [(word, place > 0) for unit in units for place, word in enumerate(unit)]


def _same(one: str, other: str) -> bool:
    left, right = _spellings(one), _spellings(other)
    if len(one) == 1 or len(other) == 1:
        return any(a.startswith(b) or b.startswith(a) for a, b in product(left, right))
    return not left.isdisjoint(right)


def _agree_joined(wanted: Sequence[_Unit], found: Sequence[_Unit]) -> bool:
    """Whether names are equal when hyphens, or all that parts them, are left out: ``Wei-Lin``, ``Weilin``."""
    if all(
        _same(one[0], other[0]) if len(one) == len(other) == 1 else _is_spelled(one, other)
        for one, other in zip(wanted, found, strict=False)
    ):
        return True
    return _is_spelled(tuple(chain.from_iterable(wanted)), tuple(chain.from_iterable(found)))


def _is_spelled(one: _Unit, other: _Unit) -> bool:
    return not _spellings("".join(one)).isdisjoint(_spellings("".join(other)))


class AuthorIndex:
    """Finds many names on many papers; a term's number is its place in the order given."""

    def __init__(self, terms: Sequence[AuthorTerm]) -> None:
        self._terms = terms
        self._by_word: dict[str, list[int]] = {}
        self._prefixes = [number for number, term in enumerate(terms) if term.is_prefix]
        for number, term in enumerate(terms):
            for key in term.keys:
                self._by_word.setdefault(key, []).append(number)

    def find(self, authors: Sequence[str]) -> dict[int, list[int]]:
        """Return for each term found the indexes of the authors that it is."""
        found: dict[int, list[int]] = {}
        if not self._terms:
            return found
        for index, author in enumerate(authors):
            name = parse_name(author)
            candidates = {number for word in name.words | name.families for number in self._by_word.get(word, ())}
            for number in (*candidates, *self._prefixes):
                if is_author(self._terms[number], name):
                    found.setdefault(number, []).append(index)
        return found
