"""Whether a name on a paper is the name that somebody wrote: accents, initials and order of names allowed for.

``Y. LeCun``, ``Yann LeCun`` and ``LeCun, Yann`` are one; ``Geoffrey E. Hinton`` is ``Geoffrey Hinton``; ``Müller`` is
``Muller`` and ``Mueller``. ``Yann LeCun`` is not ``Yoshua LeCun``. A single word is any word of a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from newsletter.core.stem import fold
from newsletter.core.text import readable

if TYPE_CHECKING:
    from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:[’'ʼ][^\W\d_]+)*|-|,")
_PARTICLES = _words("van von der den de del della di da du dos das la le ter ten bin ibn al el zu zur af av")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "ø": "oe", "Ø": "oe"})
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name taken apart: spellings of the family name, given names, and every word of it."""

    families: frozenset[str]
    given: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class AuthorTerm:
    """A name to look for: one word (perhaps the beginning of one), or a whole name."""

    name: Name
    word: str = ""
    is_prefix: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """Return words one of which every matching name holds; empty for a prefix, which may match any."""
        if self.is_prefix:
            return frozenset()
        return _spellings(self.word) if self.word else self.name.families


@lru_cache(maxsize=65536)
def parse_name(text: str) -> Name:
    """Return a name's parts; an affiliation in parentheses is left out."""
    plain = re.sub(r"\([^)]*\)", " ", readable(text)).replace("_", " ")
    family_first, comma, rest = plain.partition(",")
    if comma and fold(_NOT_WORD.sub("", rest)) not in _SUFFIXES and rest.strip():
        plain = f"{rest} {family_first}"
    groups = [group for group in (_WORD.findall(part) for part in plain.replace(",", " ").split()) if group]
    units = [tuple(word for word in group if word != "-") for group in groups]
    units = [unit for unit in units if unit and (len(units) == 1 or fold(unit[0]) not in _SUFFIXES)]
    if len(units) > 1 and not comma and len(units[-1]) == 1 and len(units[-1][0]) == 1 and len(units[0][0]) > 1:
        units = [*units[1:], units[0]]  # LeCun Y
    return _name(units)


def _name(units: list[tuple[str, ...]]) -> Name:
    if not units:
        return Name(frozenset(), (), frozenset())
    family, given = units[-1], units[:-1]
    families = set(_spellings("".join(family)))
    if len(family) == 1 and given and len(given[-1]) == 1 and len(given[-1][0]) > 1:
        families |= _spellings(given[-1][0] + family[0])  # García Márquez beside García-Márquez
    names = tuple(_folded(word) for unit in given for word in unit if _folded(word) not in _PARTICLES)
    words = {spelling for unit in units for word in (*unit, "".join(unit)) for spelling in _spellings(word)}
    return Name(frozenset(families), names, frozenset(words))


def _folded(word: str) -> str:
    return _NOT_WORD.sub("", fold(word))


def _spellings(word: str) -> frozenset[str]:
    return frozenset({_folded(word), _folded(word.translate(_UMLAUTS))})


@lru_cache(maxsize=65536)
def parse_author(text: str) -> AuthorTerm | None:
    """Return the name to look for that somebody wrote, or None when it holds no letter."""
    plain = readable(text).strip().strip('"“”').strip()
    is_prefix = plain.endswith("*")
    name = parse_name(plain.rstrip("*"))
    if not name.words:
        return None
    is_word = len(_NOT_WORD.sub(" ", plain.replace("-", "")).split()) == 1
    if is_word or is_prefix:
        return AuthorTerm(name, _folded(plain.replace("_", " ").split()[-1].rstrip("*")), is_prefix)
    return AuthorTerm(name)


def is_author(term: AuthorTerm, name: Name) -> bool:
    """Return whether ``name`` is the one looked for."""
    if term.is_prefix:
        return any(word.startswith(term.word) for word in name.words)
    if term.word:
        return not _spellings(term.word).isdisjoint(name.words)
    return not term.name.families.isdisjoint(name.families) and _agree(term.name.given, name.given)


def _agree(wanted: Sequence[str], found: Sequence[str]) -> bool:
    """Whether given names may be one person's: each equal, or an initial of the other, as far as both state them."""
    for left, right in zip_longest(wanted, found):
        if left is None or right is None:
            return True
        if not (
            left.startswith(right) if len(right) == 1 else right.startswith(left) if len(left) == 1 else left == right
        ):
            return False
    return True


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
