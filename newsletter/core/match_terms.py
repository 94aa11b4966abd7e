"""Everything that profiles look for, each distinct thing once, and where it stands in a set of papers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from newsletter.core.keyword import KeywordError, parse_keyword
from newsletter.core.match_authors import AuthorIndex, AuthorTerm, parse_author
from newsletter.core.match_lexicon import Lexicon
from newsletter.core.match_scan import Hits, Scanner
from newsletter.core.match_score import FIELD_FACTORS, JOURNAL_FACTOR, REPEATS
from newsletter.core.text import readable
from newsletter.model import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from newsletter.model import Paper


class Part(enum.IntEnum):
    """The texts of a paper that are searched."""

    TITLE = 0
    ABSTRACT = 1
    COMMENT = 2
    JOURNAL = 3


PART_NAMES = {Part.TITLE: "title", Part.ABSTRACT: "abstract", Part.COMMENT: "comment", Part.JOURNAL: "journal"}
PART_FACTORS = {
    Part.TITLE: FIELD_FACTORS[Field.TITLE],
    Part.ABSTRACT: FIELD_FACTORS[Field.ABSTRACT],
    Part.COMMENT: FIELD_FACTORS[Field.COMMENT],
    Part.JOURNAL: JOURNAL_FACTOR,
}
PARTS = {
    Field.ANY: (Part.TITLE, Part.ABSTRACT),
    Field.TITLE: (Part.TITLE,),
    Field.ABSTRACT: (Part.ABSTRACT,),
    Field.COMMENT: (Part.COMMENT,),
}
ALL_PARTS = tuple(Part)


def part_text(paper: Paper, part: Part) -> str:
    """Return a paper's text as it is searched and as spans index it."""
    texts = (paper.title, paper.abstract, paper.comment, paper.journal_reference)
    return readable(texts[part] or "")


class Terms:
    """Collects what to look for; closed by :meth:`finder`."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._texts: dict[str, int] = {}
        self._authors: dict[str, int] = {}
        self._author_terms: list[AuthorTerm] = []
        self.wants_comments = False

    def add_text(self, text: str) -> int:
        """Return the number of a keyword's term; KeywordError when it is malformed."""
        number = self._texts.get(text)
        if number is None:
            number = self._texts[text] = self._lexicon.add(parse_keyword(text))
        return number

    def add_author(self, text: str) -> int:
        """Return the number of a name's term; KeywordError when it is no name."""
        number = self._authors.get(text)
        if number is None:
            term = parse_author(text)
            if term is None:
                raise KeywordError(f"{text!r} names nobody")
            number = self._authors[text] = len(self._author_terms)
            self._author_terms.append(term)
        return number

    def text(self, text: str) -> int | None:
        """Return the number of a keyword that was added."""
        return self._texts.get(text)

    def author(self, text: str) -> int | None:
        """Return the number of a name that was added."""
        return self._authors.get(text)

    @property
    def author_count(self) -> int:
        """How many distinct names there are."""
        return len(self._author_terms)

    def finder(self) -> Finder:
        """Return what finds all that was added."""
        parts = ALL_PARTS if self.wants_comments else (Part.TITLE, Part.ABSTRACT)
        return Finder(Scanner(self._lexicon), AuthorIndex(self._author_terms), parts, len(self._lexicon))


@dataclass(frozen=True, slots=True)
class Postings:
    """By term: the papers (indexes) it stands in, and the points it is worth there at weight 1."""

    offsets: list[int]
    papers: NDArray[np.int64]
    points: NDArray[np.float64]

    def of(self, term: int) -> slice:
        """Return the stretch of the arrays that belongs to ``term``."""
        return slice(self.offsets[term], self.offsets[term + 1])


@dataclass(frozen=True, slots=True)
class Found:
    """Where everything stands in ``papers``: hits in texts (by index of text) and names among authors."""

    papers: Sequence[Paper]
    hits: Hits
    text_paper: NDArray[np.int64]
    text_part: NDArray[np.int64]
    authors: list[dict[int, list[int]]]
    terms: int

    def of(self, index: int) -> Found:
        """Return where everything stands in one of the papers alone."""
        first, last = np.searchsorted(self.text_paper, [index, index + 1]).tolist()
        hits = self.hits.within(first, last)
        owners = np.zeros(last - first, dtype=np.int64)
        return Found([self.papers[index]], hits, owners, self.text_part[first:last], [self.authors[index]], self.terms)

    def text_postings(self, parts: Iterable[Part]) -> Postings:
        """Return where text terms stand in these parts of the papers."""
        chosen = np.isin(self.text_part[self.hits.text], [int(part) for part in parts])
        terms, texts = self.hits.term[chosen], self.hits.text[chosen]
        if not len(terms):
            return Postings([0] * (self.terms + 1), np.zeros(0, np.int64), np.zeros(0))
        first = np.flatnonzero(np.append(True, (terms[1:] != terms[:-1]) | (texts[1:] != texts[:-1])))
        counts = np.minimum(np.diff(np.append(first, len(terms))), len(REPEATS) - 1)
        factors = np.array([PART_FACTORS[part] for part in Part])
        points = factors[self.text_part[texts[first]]] * REPEATS[counts]
        offsets = np.searchsorted(terms[first], np.arange(self.terms + 1)).tolist()
        return Postings(offsets, self.text_paper[texts[first]], points)

    def author_postings(self, terms: int) -> Postings:
        """Return where name terms stand among the papers' authors, at a point each."""
        rows = sorted((term, paper) for paper, found in enumerate(self.authors) for term in found)
        columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
        offsets = np.searchsorted(columns[:, 0], np.arange(terms + 1)).tolist()
        return Postings(offsets, columns[:, 1], np.ones(len(rows)))


class Finder:
    """Finds all terms in papers, in one pass."""

    def __init__(self, scanner: Scanner, authors: AuthorIndex, parts: Sequence[Part], terms: int) -> None:
        self._scanner = scanner
        self._authors = authors
        self._parts = parts
        self._terms = terms

    def find(self, papers: Sequence[Paper]) -> Found:
        """Return where everything stands."""
        texts: list[str] = []
        owners: list[int] = []
        parts: list[int] = []
        for index, paper in enumerate(papers):
            for part in self._parts:
                text = part_text(paper, part)
                if text:
                    texts.append(text)
                    owners.append(index)
                    parts.append(part)
        return Found(
            papers,
            self._scanner.scan(texts),
            np.array(owners, dtype=np.int64),
            np.array(parts, dtype=np.int64),
            [self._authors.find(paper.authors) for paper in papers],
            self._terms,
        )
