"""Digests for tests of the mail: ordinary ones of any length, and one of everything that ever broke a newsletter."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from newsletter.core.links import Links
from newsletter.core.text import readable
from newsletter.mail.brand import Brand
from newsletter.mail.render import Renderer
from newsletter.model import Digest, Health, IssueKind, Paper, Reason, Section, Selected, SourceNote, Span
from tests.support.samples import make_paper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from newsletter.model import Subscriber

ISSUE_DATE = date(2026, 11, 24)
BRAND = Brand(
    name="The Morning Preprint",
    sender="digest@example.org",
    postal_address="Example Institute, 1 Sample Street, 12345 Town",
    contact="editor@example.org",
    web_url="https://news.example.org",
)
ABSTRACT = (
    "Encoders are everywhere, e.g. in search. However, labels are dear and few. We propose a contrastive schedule that "
    "needs none of them and fits any encoder. It is trained in two stages on unlabelled text. Experiments on six "
    "benchmarks show that it outperforms the best supervised encoders by 3.5 points. Code is available at "
    "https://example.org/code. "
)
HOSTILE = (
    "a\x00b NUL \x07 bell",
    "lone \ud800 surrogate \udfff",
    "\u202eoverride\u202c and \u2066isolate\u2069",
    "]]> cdata <![CDATA[x]]>",
    "{{7*7}} {% for x in y %} {# note #}",
    "</mj-text></mj-raw><script>alert(1)</script>",
    "W" * 5_000,
    "word " * 1_000,
    "👩‍👩‍👧‍👦 family 🇩🇪 " * 30,
    "الذكاء الاصطناعي للجميع: دراسة مقارنة",
    "Za" + "\u0301" * 5_000 + "lgo",
    r"A bound of $O(n^{2}\log n)$ \& $\alpha_{i}$ for $x<y$",
    "1 < 2 && 3 > 2 & \"double\" 'single' &lt;b&gt;",
    "日本語のタイトル" * 40,
    "-- \n.\r\n.\r\nFrom me\rto you",
    "=?utf-8?q?x?= =3D =\r\n",
    "\ufeff\ufffe\U0001ffff\u2028next\u2029",
)


LINKS = Links("a secret of some length", "https://news.example.org")


def make_renderer(*directories: Path, brand: Brand = BRAND, look_again_s: float = 0) -> Renderer:
    """Return a renderer over the shipped templates, with any other folders before them, which sees at once what has
    changed in them.
    """
    topics = {"diffusion": "https://news.example.org/topics/diffusion"}
    return Renderer(directories, brand, LINKS, {"diffusion": "Diffusion models"}, topics, look_again_s=look_again_s)


def unsubscribe_url(subscriber: Subscriber) -> str:
    """Return the address that ends somebody's subscription."""
    return LINKS.unsubscribe_url(subscriber.id)


def vote_url(subscriber: Subscriber) -> str:
    """Return the address at which somebody votes."""
    return LINKS.vote_url(subscriber.id)


def make_digest(count: int, *topics: str, abstract: str = ABSTRACT) -> tuple[Digest, dict[int, Paper]]:
    """Return a digest of ``count`` papers, dealt out to its topics in turn, and the papers."""
    names = topics or ("Contrastive learning",)
    papers = {
        number: make_paper(number, f"Paper {number}: contrastive encoders of text", abstract=abstract)
        for number in range(1, count + 1)
    }
    return digest_of(papers, names, "contrastive"), papers


def hostile_digest() -> tuple[Digest, dict[int, Paper]]:
    """Return a digest in which everything that a feed can say is meant ill."""
    papers = {
        number: make_paper(
            number,
            text,
            abstract=f"We propose {text[:900]}. " * 3,
            authors=(text[:300], "B\r\nBcc: x@example.net"),
            url="javascript:alert(1)" if number % 2 else f"https://example.org/{text[:50]}",
            categories=(text[:200],) * 9,
        )
        for number, text in enumerate(HOSTILE, start=1)
    }
    digest = digest_of(papers, ("Topic " * 60, "<b>{{ name }}</b>", "\u202e\x00التعلم"), "propose")
    note = SourceNote("arXiv\r\n<script>\x00", Health.BROKEN, 0, datetime(2026, 11, 22, 5, 10, tzinfo=UTC))
    return Digest(digest.kind, digest.issue_date, digest.sections, 99, (note,)), papers


def digest_of(papers: dict[int, Paper], topics: Sequence[str], word: str) -> Digest:
    """Return a digest in which ``word`` is why each paper is there."""
    ids = list(papers)
    sections = tuple(
        Section(
            "diffusion", "Diffusion", topic, tuple(select(papers[each], word) for each in ids[index :: len(topics)])
        )
        for index, topic in enumerate(topics)
        if ids[index :: len(topics)]
    )
    return Digest(IssueKind.DIGEST, ISSUE_DATE, sections, max(412, len(papers)))


def select(paper: Paper, word: str) -> Selected:
    """Return a paper's place in a digest, with reasons that point at ``word`` wherever it stands."""
    reasons = []
    for field, text in (("title", readable(paper.title)), ("abstract", readable(paper.abstract))):
        spans = tuple(Span(*match.span()) for match in re.finditer(word, text, re.IGNORECASE))
        if spans:
            reasons.append(Reason("keyword", word, field, spans, 1.0))
    return Selected(paper.id, float(len(reasons)), tuple(reasons))


class Page(HTMLParser):
    """What a reader's program makes of a mail's HTML: its tags, its links, its text, and whether its tags balance."""

    _VOID = frozenset(("area", "base", "br", "col", "hr", "img", "input", "link", "meta"))

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unbalanced += self._open

    @property
    def text(self) -> str:
        """All text outside the style sheets, white space collapsed."""
        return " ".join("".join(self.pieces).split())

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every ``tag``, in order."""
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.pieces.append(data)
