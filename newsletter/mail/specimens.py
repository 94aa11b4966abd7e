"""Invented digests to try templates with: an ordinary one, and what days and feeds bring sooner or later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from newsletter.mail.sample import sample_digest
from newsletter.model import Digest, Health, IssueKind, Paper, Reason, Section, Selected, SourceNote, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MANY: Final = 60  # papers of a long digest
_SECTIONS: Final = 6
_HOSTILE: Final = (
    "NUL \x00, bell \x07 and a lone surrogate \ud800",
    "\u202eturned round\u202c, \u2066isolated\u2069, \ufeffmarked",
    "]]> <![CDATA[x]]> </mj-text></mj-raw><script>alert(1)</script>",
    "{{7*7}} {% for x in y %} {# remark #}",
    "W" * 5_000,
    "word " * 1_000,
    "👩‍👩‍👧‍👦 a family 🇩🇪 " * 30,
    "Za" + "\u0301" * 500 + "lgo",
    r"A bound of $O(n^{2}\log n)$ for $x<y$ \& $\alpha_{i}$",
    "1 < 2 && 3 > 2 & \"double\" 'single' &lt;b&gt;",
)
_FROM_RIGHT_TO_LEFT: Final = (
    ("تعلّم التمثيلات دون وسوم: دراسة مقارنة", "نقترح طريقة لا تحتاج إلى وسوم. تتفوق على الطرق السابقة.", "ليلى مثال"),
    ("מדידת מודלי שפה בעברית", "אנו מציעים מדד חדש. הוא מסכים עם קוראים אנושיים.", "נועה דוגמה"),
    ("یادگیری تقویتی با بازخورد اندک", "روشی پیشنهاد می‌کنیم که به بازخورد کمی نیاز دارد.", "سارا نمونه"),
    ("A Title in English Among Others: BERT و GPT", "We show 3.5 % more. نعرض المزيد.", "Ada Sample"),
)


def _long() -> tuple[Digest, dict[int, Paper]]:
    """Return many papers in sections of long names, with many authors each."""
    digest, papers = sample_digest(IssueKind.DIGEST)
    places = [each for section in digest.sections for each in section.papers]
    found = {
        number: replace(
            papers[1 + number % len(papers)],
            id=number,
            authors=tuple(f"Author {each} of a Collaboration" for each in range(1, 2 + number % 40)),
        )
        for number in range(1, _MANY + 1)
    }
    sections = tuple(
        Section(
            f"topic-{index}",
            "Everything",
            f"Topic {index} of a name that does not end where one expects it to",
            tuple(replace(places[number % len(places)], paper_id=number) for number in list(found)[index::_SECTIONS]),
            omitted=index * 7,
        )
        for index in range(_SECTIONS)
    )
    return replace(digest, sections=sections, considered=12_345), found


def _empty() -> tuple[Digest, dict[int, Paper]]:
    """Return a digest of nothing at all."""
    digest, _ = sample_digest(IssueKind.DIGEST)
    return replace(digest, sections=(), considered=0, notes=()), {}


def _hostile() -> tuple[Digest, dict[int, Paper]]:
    """Return papers in which everything that a feed can say is meant ill."""
    papers = [
        _paper(number, text, f"{text[:600]}. {text[:300]}. ", (text[:200], "B\r\nBcc: x@example.net"))
        for number, text in enumerate(_HOSTILE, start=1)
    ]
    papers[0] = replace(papers[0], url="javascript:alert(1)", categories=(_HOSTILE[2],) * 9)
    note = SourceNote("arXiv\r\n<script>\x00", Health.BROKEN, 0, datetime(2026, 11, 22, 5, 10, tzinfo=UTC))
    return _digest(papers, ("<b>{{ name }}</b> \u202e\x00", "Topic " * 60), (note,))


def _from_right_to_left() -> tuple[Digest, dict[int, Paper]]:
    """Return papers in languages that are written from right to left, for a reader of Arabic."""
    papers = [
        _paper(number, title, abstract, (author, "Ben Sample"))
        for number, (title, abstract, author) in enumerate(_FROM_RIGHT_TO_LEFT, start=1)
    ]
    digest, found = _digest(papers, ("التعلّم", "Language models"), sample_digest(IssueKind.DIGEST)[0].notes)
    return replace(digest, language="ar"), found


PAPERS: Final[dict[str, Callable[[], tuple[Digest, dict[int, Paper]]]]] = {
    "sample": lambda: sample_digest(IssueKind.DIGEST),
    "long": _long,
    "empty": _empty,
    "hostile": _hostile,
    "right-to-left": _from_right_to_left,
}
"""What a mail may hold, by its name."""


def specimen(template: str, papers: str) -> tuple[Digest, dict[int, Paper]]:
    """Return an invented mail for a template (a kind of mail, or one that digests may ask for) with these papers."""
    kind = IssueKind(template) if template in set(IssueKind) else IssueKind.DIGEST
    digest, found = PAPERS[papers]()
    if kind not in (IssueKind.DIGEST, IssueKind.WELCOME):
        digest, found = replace(sample_digest(kind)[0], language=digest.language), {}
    return replace(digest, kind=kind, template=template), found


def _paper(number: int, title: str, abstract: str, authors: tuple[str, ...]) -> Paper:
    sample = sample_digest(IssueKind.DIGEST)[1][1]
    address = f"https://example.org/{number}"
    return replace(sample, id=number, title=title, abstract=abstract, authors=authors, url=address, arxiv_id=None)


def _digest(
    papers: Sequence[Paper], topics: Sequence[str], notes: tuple[SourceNote, ...]
) -> tuple[Digest, dict[int, Paper]]:
    sample, _ = sample_digest(IssueKind.DIGEST)
    sections = tuple(
        Section("invented", "Invented", topic, tuple(map(_selected, papers[index :: len(topics)])))
        for index, topic in enumerate(topics)
    )
    return replace(sample, sections=sections, notes=notes), {paper.id: paper for paper in papers}


def _selected(paper: Paper) -> Selected:
    word = paper.title.split()[0][:40]
    return Selected(paper.id, 2.0, (Reason("keyword", word, "title", (Span(0, len(word)),), 2.0),))
