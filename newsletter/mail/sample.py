"""An invented digest that uses everything a digest may hold: templates are checked and shown with it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from newsletter.model import (
    Community,
    Digest,
    Health,
    IssueKind,
    Paper,
    Reason,
    Section,
    Selected,
    SourceNote,
    Span,
)

_DAY = date(2026, 11, 24)
_SEEN = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def sample_digest(kind: IssueKind, template: str = "") -> tuple[Digest, dict[int, Paper]]:
    """Return an invented mail of this kind, and its papers by id."""
    if kind.is_transactional:
        return Digest(kind, _DAY, (), considered=0), {}
    papers = {paper.id: paper for paper in _papers()}
    sections = _sections(papers) if kind is IssueKind.DIGEST else ()
    notes = (
        SourceNote("arXiv", Health.FRESH, 398),
        SourceNote("Hugging Face", Health.QUIET),
        SourceNote("bioRxiv", Health.BROKEN, 0, datetime(2026, 11, 24, 5, 10, tzinfo=UTC)),
    )
    return Digest(
        kind, _DAY, sections, 0 if kind is IssueKind.WELCOME else 412, notes, template=template or kind.value
    ), papers


def _papers() -> list[Paper]:
    return [
        Paper(
            id=1,
            title="Curricula Without Labels: Ordering Views for Contrastive Learning",
            abstract="Augmented views differ in how much they ask of an encoder. We order them from easy to hard "
            "by the spread of their embeddings, so that contrastive learning sees hard negatives only when it can "
            "use them. "
            "On six benchmarks the schedule halves pretraining time at equal accuracy.",
            authors=("B. Sample", "C. Sample", "A. Sample", "D. Sample", "E. Sample", "F. Sample", "G. Sample"),
            url="https://arxiv.org/abs/2611.00001",
            first_seen_at=_SEEN,
            arrival=1,
            published_at=datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
            categories=("cs.LG", "cs.CV"),
            arxiv_id="2611.00001",
            version=1,
            community=Community(
                upvotes=34,
                code_url="https://github.com/example/curricula",
                code_stars=412,
                page_url="https://huggingface.co/papers/2611.00001",
            ),
        ),
        Paper(
            id=2,
            title=r"How Many Negatives? A Bound of $\mathcal{O}(\log n)$ Batches for Self-Supervised Encoders",
            abstract="We prove that self-supervised encoders need only logarithmically many distinct negatives per "
            "anchor under a mild separation condition, and show where the condition fails in practice.",
            authors=("D. Sample", "E. Sample"),
            url="https://arxiv.org/abs/2611.00002",
            first_seen_at=_SEEN,
            arrival=1,
            published_at=datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
            categories=("stat.ML",),
            arxiv_id="2611.00002",
            version=2,
        ),
        Paper(
            id=3,
            title="Measuring the Measurers: Benchmarks That Age",
            abstract="Scores on public benchmarks rise for three reasons, and only one of them is progress. We "
            "separate contamination, selection and skill in 41 leaderboards over five years.",
            authors=("F. Sample", "G. Sample", "H. Sample", "I. Sample"),
            url="https://blog.example.org/measuring",
            first_seen_at=_SEEN,
            arrival=1,
            published_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        ),
    ]


def _sections(papers: dict[int, Paper]) -> tuple[Section, ...]:
    followed = Reason("author", "A. Sample", "authors", (_span(", ".join(papers[1].authors), "A. Sample"),), 2.0)
    first = (
        _keyword(papers[1], "contrastive learning", "title"),
        _keyword(papers[1], "contrastive learning", "abstract"),
    )
    second = _keyword(papers[2], "self-supervised", "abstract")
    third = _keyword(papers[3], "benchmark*", "abstract", "benchmarks")
    return (
        Section(
            "representation-learning",
            "Representation learning",
            "Contrastive learning",
            (Selected(1, 7.5, (*first, followed)), Selected(2, 3.0, (second,), is_update=True)),
            omitted=7,
        ),
        Section("evaluation", "Evaluation", "Evaluation", (Selected(3, 2.0, (third,)),)),
    )


def _keyword(paper: Paper, text: str, field: str, found: str = "") -> Reason:
    where = paper.title if field == "title" else paper.abstract
    return Reason("keyword", text, field, (_span(where.lower(), found or text),), 2.0)


def _span(text: str, words: str) -> Span:
    start = text.index(words)
    return Span(start, start + len(words))
