"""A paper as the search index keeps it: its words, normalised by the matcher's own rules, as one line of plain ASCII.

Databases cut and stem text each in their own way. So we do it for them: a word of the index is a letter for the field,
a letter for its coding, and the stem that :mod:`newsletter.core.stem` gives it. Any full-text index that splits at
spaces finds the same papers.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from newsletter.core import greek
from newsletter.core.match_authors import parse_name
from newsletter.core.match_terms import ALL_PARTS, Part, part_text
from newsletter.core.stem import BREAK, TOKEN, fold, stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.model import Paper

FIELD_LETTERS: Final = {Part.TITLE: "t", Part.ABSTRACT: "a", Part.COMMENT: "c", Part.JOURNAL: "j"}
NAME: Final = "n"
FAMILY: Final = "f"  # a family name that is no word of the name: García Márquez as one
CATEGORY: Final = "g"
SOURCE: Final = "s"
CLAUSE_END: Final = "b"  # keeps a place, so that no phrase runs across
OVERFLOW: Final = "o"  # more than the database notes places of: such a paper is always a candidate

PLAIN: Final = re.compile("[a-z0-9]+")
LONGEST_WORD: Final = 100  # characters of a coded word
# PostgreSQL notes 16,383 places in a text, 255 of each word, and takes a mebibyte of them.
MOST_PLACES: Final = 16_000
MOST_REPEATS: Final = 250
MOST_CHARACTERS: Final = 300_000

MINUTE_S: Final = 60
YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)
ID_BITS: Final = 31
LAST_MINUTE: Final = 2**32 - 1  # in the year 8167


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index holds of one paper.

    ``position`` orders by the time of publication (or first sight), then by id. ``day`` is when it appeared here: the
    day it was first seen, or, of a source's backlog, the day it was published. ``vocabulary`` pairs each folded word of
    its texts with its stem, both coded.
    """

    paper_id: int
    position: int
    day: date
    upvotes: int
    tokens: str
    vocabulary: frozenset[tuple[str, str]]


def index_entry(paper: Paper) -> IndexEntry:
    """Return what the index holds of a paper."""
    words: list[str] = []
    vocabulary: set[tuple[str, str]] = set()
    for part in ALL_PARTS:
        letter = FIELD_LETTERS[part]
        for coded in coded_words(part_text(paper, part)):
            words.append(CLAUSE_END if coded is None else letter + coded[1])
            if coded is not None:
                vocabulary.add(coded)
    known_at = paper.published_at or paper.first_seen_at
    return IndexEntry(
        paper_id=paper.id,
        position=position_of(known_at, paper.id),
        day=(known_at if paper.backlog else paper.first_seen_at).astimezone(UTC).date(),
        upvotes=paper.community.upvotes or 0,
        tokens=" ".join((*_bounded(words), *_labels(paper))),
        vocabulary=frozenset(vocabulary),
    )


def _bounded(words: list[str]) -> list[str]:
    is_long = len(words) > MOST_PLACES or sum(map(len, words)) > MOST_CHARACTERS
    is_repeated = any(count > MOST_REPEATS for word, count in Counter(words).items() if word != CLAUSE_END)
    if not (is_long or is_repeated):
        return words
    kept, size = [OVERFLOW], 0
    for word in words[:MOST_PLACES]:
        size += len(word)
        if size > MOST_CHARACTERS:
            break
        kept.append(word)
    return kept


def _labels(paper: Paper) -> Iterator[str]:
    """Yield the words for names, categories and sources, each once."""
    names = [parse_name(author) for author in paper.authors]
    yield from dict.fromkeys(NAME + code(word) for name in names for word in sorted(name.words) if word)
    yield from dict.fromkeys(FAMILY + code(word) for name in names for word in sorted(name.families - name.words))
    yield from dict.fromkeys(CATEGORY + code(category.casefold().strip()) for category in paper.categories)
    yield from dict.fromkeys(SOURCE + code(source) for source in paper.sources)


def coded_words(text: str) -> Iterator[tuple[str, str] | None]:
    """Yield the folded form and the stem of each word of a readable text, coded; None where no phrase goes on."""
    found = TOKEN.findall(text)
    if not text.isascii() and any(map(greek.is_word, found)):
        found = [greek.as_word(word) if greek.is_letter(word) else word for word in found]
    for word in found:
        yield None if len(word) == 1 and BREAK.fullmatch(word) else _coded(word)


@lru_cache(maxsize=65536)
def _coded(word: str) -> tuple[str, str] | None:
    folded, stemmed = fold(word), stem(word)
    return (code(folded), code(stemmed)) if folded and stemmed else None


def code(word: str) -> str:
    """Return a word in small letters and digits of ASCII alone; different words are coded differently."""
    if PLAIN.fullmatch(word):
        return _clipped("w" + word)
    return _clipped("x" + word.encode(errors="surrogatepass").hex())


def code_prefixes(beginning: str) -> tuple[str, ...]:
    """Return how the code of a word that begins so begins."""
    in_hex = "x" + beginning.encode(errors="surrogatepass").hex()
    both = ("w" + beginning, in_hex) if not beginning or PLAIN.fullmatch(beginning) else (in_hex,)
    return tuple(each[:LONGEST_WORD] for each in both)


def decode(coded: str) -> str:
    """Return the word that was coded; what was too long to be kept whole comes back as some other word."""
    if coded.startswith("x"):
        try:
            return bytes.fromhex(coded[1:]).decode(errors="surrogatepass")
        except ValueError:  # one that was clipped
            return coded
    return coded[1:]


def _clipped(coded: str) -> str:
    if len(coded) <= LONGEST_WORD:
        return coded
    return coded[:LONGEST_WORD] + "q" + hashlib.sha256(coded.encode()).hexdigest()[:16]


def position_of(when: datetime, paper_id: int) -> int:
    """Return where a paper stands among all, the newest last: minutes of the calendar, then its id."""
    minutes = int((when - YEAR_ONE).total_seconds() // MINUTE_S)
    return min(max(minutes, 0), LAST_MINUTE) << ID_BITS | paper_id


def positions_of_days(since: date | None, until: date | None) -> tuple[int | None, int | None]:
    """Return the first position of a stretch of days, and the last one; None where it is open."""
    first = None if since is None else position_of(datetime(since.year, since.month, since.day, tzinfo=UTC), 0)
    if until is None:
        return first, None
    begin = datetime(until.year, until.month, until.day, tzinfo=UTC)
    return first, position_of(begin, 0) + (24 * 60 << ID_BITS) - 1
